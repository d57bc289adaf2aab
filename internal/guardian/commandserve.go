package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/durable"
)

// Server limits.
const (
	headerTimeout = 5 * time.Second  // a header takes a moment; who takes longer holds a connection for nothing
	readTimeout   = 30 * time.Second // 8 MB over a slow line
	writeTimeout  = time.Minute      // who reads a tile more slowly holds our memory; a co-signature that takes longer is asked for again
	idleTimeout   = 5 * time.Minute  // hubs keep connections between acts
	stopTimeout   = 5 * time.Second  // requests under way at ctrl-C
	maxHeader     = 16 << 10
	// addressFile is where guardian status and guardian ceremony look for the process that uses a folder.
	addressFile = "address"
)

// runServe is guardian serve. When it is ready it prints one line of JSON, {"name":...,"address":"https://HOST:PORT","key":...},
// and then nothing more.
func runServe(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("serve")
	dir := flags.String("dir", "", "this guardian's own folder")
	config := flags.String("config", "", "configuration file")
	listen := flags.String("listen", "", "HOST:PORT")
	if err := parseFlags(flags, args, "config"); err != nil {
		return err
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
	public, err := f.public()
	if err != nil {
		return err
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
	// Its own error log would hold the addresses of those who cannot shake hands.
	server := &http.Server{Handler: g.Handler(), TLSConfig: g.TLS(public), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error {
		if err := listen(server, ln, cfg.Plain); !errors.Is(err, http.ErrServerClosed) {
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
	at := scheme(cfg.Plain) + ln.Addr().String()
	if err := durable.Write(filepath.Join(cfg.Dir, addressFile), []byte(at+"\n")); err != nil {
		return fmt.Errorf("noting where we are: %w", err)
	}
	if err := json.NewEncoder(stdout).Encode(ready{Name: g.Name(), Address: at, Key: g.self.vkey}); err != nil {
		return fmt.Errorf("saying where we are: %w", err)
	}
	return group.Wait()
}

func listen(server *http.Server, ln net.Listener, plain bool) error {
	if plain {
		return server.Serve(ln)
	}
	return server.ServeTLS(ln, "", "")
}

func scheme(plain bool) string {
	if plain {
		return "http://"
	}
	return "https://"
}
