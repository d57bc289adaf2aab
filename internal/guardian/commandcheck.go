package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
)

const (
	// endsSoon is when a certificate that ends is worth a warning: authorities' tools renew a month before.
	endsSoon = 21 * 24 * time.Hour
	// slowNames is below what a city's newcomers need, fastNames above what slows a dictionary down.
	slowNames, fastNames = 5, 200
)

// runCheck is guardian check: what a configuration means on this machine, what is missing, and with --reach who can be reached from it.
func runCheck(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("check")
	config := flags.String("config", "", "configuration file")
	dir := flags.String("dir", "", "this guardian's own folder")
	reach := flags.Bool("reach", false, "try to reach the hub and the other guardians")
	asJSON := flags.Bool("json", false, "print a JSON array of findings")
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
	c := checker{file: filepath.Base(*config), found: []policy.Finding{}}
	c.explain(f)
	if *reach {
		c.reach(ctx, f)
	}
	if *asJSON {
		err = json.NewEncoder(stdout).Encode(c.found)
	} else {
		for _, x := range c.found {
			if _, err = fmt.Fprintln(stdout, x); err != nil {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("printing what was found: %w", err)
	}
	if c.broken {
		return fmt.Errorf("%w: with this configuration the guardian does not start, or is not safe", tribune.ErrInvalid)
	}
	return nil
}

type checker struct {
	file   string
	found  []policy.Finding
	broken bool
}

func (c *checker) add(level policy.Level, do, what string, args ...any) {
	c.broken = c.broken || level == policy.LevelError
	c.found = append(c.found, policy.Finding{File: c.file, Level: level, What: fmt.Sprintf(what, args...), Do: do})
}

func (c *checker) note(what string, args ...any) { c.add(policy.LevelNote, "", what, args...) }

// fail takes an error with its advice.
func (c *checker) fail(err error) { c.add(policy.LevelError, tribune.HintOf(err), "%v", err) }

func (c *checker) explain(f File) {
	c.folder(f.Dir)
	cfg, err := f.Config()
	if err != nil {
		c.fail(err)
		return
	}
	r, err := cfg.resolve()
	if err != nil {
		c.fail(err)
		return
	}
	for _, m := range cfg.Members {
		if m.Key == r.self.vkey {
			c.note("this is guardian %d of %d of %s: %s", m.Index, cfg.N, cfg.City, r.self.vkey)
		}
	}
	c.note("%d guardians: the shares of %d open, the co-signatures of %d publish; %d may be away, %d can block every opening", cfg.N, cfg.T, cfg.W, cfg.N-cfg.W, cfg.N-cfg.T+1)
	c.note("its law is signed by %s and %s, its floors are %s: compare these and log_key with what the city has published, by another way than it sent them", keyName(cfg.Law.Steward), keyName(cfg.Law.Council), cfg.Law.Floors)
	c.surfaces(f)
	c.names(cfg)
	c.vetoes(f.Dir)
}

// folder looks at what nobody else may see.
func (c *checker) folder(dir string) {
	if dir == "" {
		c.add(policy.LevelError, `write dir = "/var/lib/guardian"`, "dir, this guardian's own folder, is missing")
		return
	}
	info, err := os.Stat(dir)
	if err != nil {
		c.add(policy.LevelError, "guardian init --dir "+dir+" --name NAME", "the folder cannot be read: %v", err)
		return
	}
	if info.Mode().Perm()&0o077 != 0 {
		c.add(policy.LevelError, "chmod 700 "+dir, "others than its owner may look into %s, and it holds the key and the shares", dir)
	}
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err == nil && info.Mode().Perm()&0o077 != 0 {
		c.add(policy.LevelError, "chmod 600 "+filepath.Join(dir, keyFile), "others than its owner may read %s", keyFile)
	}
	if _, err := os.Stat(filepath.Join(dir, "shares.json")); err == nil {
		c.note("the shares of the two threshold keys are in %s: back it up, offline", dir)
	} else if errors.Is(err, fs.ErrNotExist) {
		c.note("it holds no shares yet: they come to be in the ceremony, once all guardians serve")
	}
}

// surfaces says who can reach what, and how it reaches others.
func (c *checker) surfaces(f File) {
	host, _, err := net.SplitHostPort(f.Listen)
	switch {
	case err != nil: // said before
	case f.Demo:
		c.add(policy.LevelWarning, "take demo away", "demo = true: it speaks plain HTTP, and tells everyone that these guardians are not independent")
	case loopback(host):
		c.add(policy.LevelWarning, "write listen = \"0.0.0.0:8431\"", "only this machine reaches %s", f.Listen)
	default:
		c.note("it answers TLS 1.3 at %s: to hub and guardians under the pinned keys", f.Listen)
	}
	pair, err := f.public()
	switch {
	case err != nil:
		c.fail(err)
	case pair == nil && !f.Demo:
		c.note("browsers find a certificate that they do not know: give tls_certificate and tls_key where people are to look at it")
	case pair != nil && time.Until(pair.Ends()) < endsSoon:
		c.add(policy.LevelWarning, "renew it; the files are read again within a minute", "the certificate for browsers ends on %s", pair.Ends().Format(time.DateOnly))
	case pair != nil:
		c.note("browsers see the certificate in %s, until %s", f.Certificate, pair.Ends().Format(time.DateOnly))
		if info, err := os.Stat(f.Key); err == nil && info.Mode().Perm()&0o077 != 0 {
			c.add(policy.LevelError, "chmod 600 "+f.Key, "others than its owner may read tls_key")
		}
	}
	c.hub(f)
	var told []string
	for _, m := range f.Members {
		if m.URL == "" {
			told = append(told, keyName(m.Key))
		}
	}
	if len(told) > 0 {
		c.note("where these are, the hub will tell: %s", strings.Join(told, ", "))
	}
}

func (c *checker) hub(f File) {
	u, err := url.Parse(f.Hub)
	if err != nil {
		return // said before
	}
	switch {
	case f.HubPinned:
		c.note("the hub at %s must show a certificate of log_key", u.Host)
	case u.Scheme == "https":
		c.note("the hub at %s must show a certificate that this machine's authorities vouch for", u.Host)
	case !loopback(u.Hostname()):
		c.add(policy.LevelWarning, "write https, with hub_pinned = true where the hub's certificate is its own", "the record is fetched from %s in clear: it is public and every byte of it is checked, but whoever stands between can keep it from you", u.Host)
	}
}

func (c *checker) names(cfg Config) {
	rate := cfg.NameRate
	if rate == 0 {
		rate = DefaultNameRate
	}
	switch {
	case cfg.Demo:
	case rate > fastNames:
		c.add(policy.LevelWarning, fmt.Sprintf("leave it out: the default is %d", DefaultNameRate), "name_rate = %d: it is what slows down a stolen hub that guesses names", rate)
	case rate < slowNames:
		c.add(policy.LevelWarning, fmt.Sprintf("leave it out: the default is %d", DefaultNameRate), "name_rate = %d: newcomers may have to wait", rate)
	}
}

func (c *checker) vetoes(dir string) {
	path := filepath.Join(dir, vetoFile)
	list, err := readVetoes(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.add(policy.LevelError, "mend it: until then nothing is released", "%s: %v", path, err)
	default:
		for _, v := range list {
			c.add(policy.LevelWarning, "", "vetoed: %s (%q)", v, v.Reason)
		}
	}
}

// reach asks the hub and every peer whose address is known, once.
func (c *checker) reach(ctx context.Context, f File) {
	cfg, err := f.Config()
	if err != nil {
		return // said before
	}
	r, err := cfg.resolve()
	if err != nil {
		return
	}
	client := cfg.httpClient(r)
	try := func(what, at string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err == nil {
			var resp *http.Response
			if resp, err = client.Do(req); err == nil {
				resp.Body.Close()
				if resp.StatusCode >= http.StatusInternalServerError {
					err = fmt.Errorf("it says %s", resp.Status)
				}
			}
		}
		if err != nil {
			c.add(policy.LevelWarning, "is it running, and do firewalls on both sides let this machine pass?", "%s is not reached: %v", what, err)
			return
		}
		c.note("%s answers", what)
	}
	try("the hub", strings.TrimSuffix(cfg.Hub, "/")+"/healthz")
	for _, m := range cfg.Members {
		if m.URL != "" && m.Key != r.self.vkey {
			try(m.Name, strings.TrimSuffix(m.URL, "/")+"/status")
		}
	}
}

// keyName is what stands before the + of a note key.
func keyName(vkey string) string {
	n, _, _ := strings.Cut(vkey, "+")
	return n
}
