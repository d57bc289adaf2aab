package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// Server limits.
const (
	headerTimeout = 5 * time.Second  // a header takes a moment; who takes longer holds a connection for nothing
	readTimeout   = 30 * time.Second // 8 MB over a slow line
	writeTimeout  = time.Minute      // who reads a tile more slowly holds our memory; a co-signature that takes longer is asked for again
	idleTimeout   = 5 * time.Minute  // hubs keep connections between acts
	stopTimeout   = 5 * time.Second  // requests under way at ctrl-C
	maxHeader     = 16 << 10
)

const usage = `usage:
  guardian init  --dir DIR --name NAME        make this guardian's key; prints its public key
  guardian serve --config FILE [--dir DIR] [--listen HOST:PORT]
`

// File is the configuration file of guardian serve, in TOML. Nothing in it is secret.
type File struct {
	Dir       string       `toml:"dir"`    // this guardian's own folder
	Listen    string       `toml:"listen"` // HOST:PORT; default 127.0.0.1:0
	City      string       `toml:"city"`
	Hub       string       `toml:"hub"`     // base URL of the hub
	LogKey    string       `toml:"log_key"` // note verifier key
	Steward   string       `toml:"steward_key"`
	Council   string       `toml:"council_key"`
	Floors    tribune.Hash `toml:"floors_hash"`
	T         int          `toml:"t"`
	W         int          `toml:"w"`
	Demo      bool         `toml:"demo"`
	NameRate  int          `toml:"name_rate"`
	NameBurst int          `toml:"name_burst"`
	Members   []FileMember `toml:"guardian"` // [[guardian]], in the order of their index
}

// FileMember is one [[guardian]].
type FileMember struct {
	Key string `toml:"key"` // note verifier key; its name is the guardian's
	URL string `toml:"url"` // "" = the hub's /group knows
}

// ReadFile reads a configuration file and refuses what it does not know.
func ReadFile(path string) (File, error) {
	f := File{Listen: "127.0.0.1:0"}
	meta, err := toml.DecodeFile(path, &f)
	if err != nil {
		return f, fmt.Errorf("reading configuration: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return f, fmt.Errorf("reading configuration: %w: %s does not exist", tribune.ErrInvalid, unknown[0])
	}
	return f, nil
}

// Config is the file as the guardian takes it.
func (f File) Config() (Config, error) {
	c := Config{
		Dir: f.Dir, City: f.City, Hub: f.Hub, LogKey: f.LogKey, Law: policy.Trust{Steward: f.Steward, Council: f.Council, Floors: f.Floors},
		N: len(f.Members), T: f.T, W: f.W, NameRate: f.NameRate, NameBurst: f.NameBurst, Demo: f.Demo,
	}
	for i, m := range f.Members {
		name, _, err := protocol.PublicOf(m.Key)
		if err != nil {
			return c, fmt.Errorf("configuration: guardian %d: %w", i+1, err)
		}
		c.Members = append(c.Members, protocol.Member{Index: i + 1, Key: m.Key, Name: name, URL: m.URL})
	}
	return c, nil
}

// Main is the command guardian: args are those after its name. When it is ready it prints one line of JSON,
// {"name":...,"address":"http://HOST:PORT","key":...}, and then nothing more. It ends with ctx.
func Main(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command\n%s", tribune.ErrInvalid, usage)
	}
	flags := flag.NewFlagSet("guardian "+args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", "", "this guardian's own folder")
	name := flags.String("name", "", "this guardian's name, like ombudsman.example")
	config := flags.String("config", "", "configuration file")
	listen := flags.String("listen", "", "HOST:PORT")
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w\n%s", tribune.ErrInvalid, err, usage)
	}
	switch args[0] {
	case "init":
		if *dir == "" || *name == "" {
			return fmt.Errorf("%w: init needs --dir and --name\n%s", tribune.ErrInvalid, usage)
		}
		vkey, err := Init(*dir, *name)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(ready{Name: *name, Key: vkey})
	case "serve":
		if *config == "" {
			return fmt.Errorf("%w: serve needs --config\n%s", tribune.ErrInvalid, usage)
		}
		f, err := ReadFile(*config)
		if err != nil {
			return err
		}
		if *dir != "" {
			f.Dir = *dir
		}
		if *listen != "" {
			f.Listen = *listen
		}
		return serve(ctx, f, stdout)
	}
	return fmt.Errorf("%w: unknown command %q\n%s", tribune.ErrInvalid, args[0], usage)
}

// ready is the line that tells a parent process where we are.
type ready struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Key     string `json:"key"`
}

func serve(ctx context.Context, f File, stdout io.Writer) (err error) {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("opening the guardian's folder: %w", err)
	}
	g, err := New(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.Listen)
	if err != nil {
		return tribune.Hint(fmt.Errorf("listening on %s: %w", f.Listen, err), "Choose another address with --listen.")
	}
	server := &http.Server{Handler: g.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(stop) != nil {
			return server.Close()
		}
		return nil
	})
	if err := json.NewEncoder(stdout).Encode(ready{Name: g.Name(), Address: "http://" + ln.Addr().String(), Key: g.self.vkey}); err != nil {
		return fmt.Errorf("saying where we are: %w", err)
	}
	return group.Wait()
}
