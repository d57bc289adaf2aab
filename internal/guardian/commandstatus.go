package guardian

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/guardian/wire"
	"tribune/internal/web/pinned"
	"tribune/protocol"
	"tribune/verify"
)

// State is what guardian status shows: with --json as it is.
type State struct {
	wire.Status
	Published  *Published         `json:"published,omitempty"` // what the hub shows the world; null = it does not answer
	Law        *protocol.LawState `json:"law,omitempty"`
	Vetoes     []string           `json:"vetoes,omitempty"` // on this machine
	Disk       int64              `json:"disk,omitempty"`   // bytes in this guardian's folder
	MirrorDisk int64              `json:"mirrorDisk,omitempty"`

	dir  string
	t, n int
	w    int
}

// Published is the newest checkpoint of the city, verified.
type Published struct {
	Size     uint64           `json:"size"`
	Cosigned map[string]int64 `json:"cosigned"` // by guardian: Unix seconds
}

// runStatus is guardian status: of the guardian that runs with a configuration on this machine, or of one anywhere.
func runStatus(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("status")
	config := flags.String("config", "", "configuration file of the guardian on this machine")
	dir := flags.String("dir", "", "this guardian's own folder")
	at := flags.String("url", "", "address of a guardian")
	key := flags.String("key", "", "the key that it must hold; without one, what certificate authorities say counts")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	if *config == "" && *at == "" {
		return fmt.Errorf("%w: status needs --config or --url\n%s", tribune.ErrInvalid, usage())
	}
	var s State
	var err error
	if *config != "" {
		var t target
		if t, err = ours(*config, *dir, *at); err == nil {
			s, err = t.state(ctx)
		}
	} else {
		s, err = elsewhere(ctx, *at, *key)
	}
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(stdout).Encode(s)
	} else {
		err = s.print(stdout, time.Now())
	}
	if err != nil {
		return fmt.Errorf("printing the status: %w", err)
	}
	return nil
}

// target is a guardian of a configuration that we have.
type target struct {
	file File
	cfg  Config
	base string
	http *http.Client // to that guardian
}

// ours finds the guardian that serves with a configuration. Whoever asks need not be able to read its key: any member's counts.
func ours(path, dir, base string) (target, error) {
	f, err := ReadFile(path)
	if err != nil {
		return target{}, err
	}
	if dir != "" {
		f.Dir = dir
	}
	t := target{file: f, base: base}
	if t.cfg, err = f.Config(); err != nil {
		return t, err
	}
	if t.base == "" {
		if t.base, err = f.near(); err != nil {
			return t, err
		}
	}
	var members []ed25519.PublicKey
	for _, m := range t.cfg.Members {
		if _, k, err := protocol.PublicOf(m.Key); err == nil {
			members = append(members, k)
		}
	}
	t.http = &http.Client{Timeout: callTimeout, CheckRedirect: noRedirect, Transport: pinned.Transport(&http.Transport{}, nil, func(string) []ed25519.PublicKey { return members })}
	return t, nil
}

// near is where the guardian answers on this machine. A folder that may not be read says nothing; then the configuration does.
func (f File) near() (string, error) {
	at := f.Listen
	if said, err := durable.Read(filepath.Join(f.Dir, addressFile)); err == nil {
		_, at, _ = strings.Cut(strings.TrimSpace(string(said)), "://")
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil || port == "0" {
		return "", tribune.Hint(fmt.Errorf("%w: listen = %q names no port to ask at", tribune.ErrInvalid, f.Listen), "Is the guardian running? Else say where with --url.")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme(f.Demo) + net.JoinHostPort(host, port), nil
}

func (t target) state(ctx context.Context) (State, error) {
	s := State{dir: t.cfg.Dir, n: t.cfg.N, t: t.cfg.T, w: t.cfg.W}
	if err := ask(ctx, t.http, t.base+"/status", &s.Status); err != nil {
		return s, tribune.Hint(fmt.Errorf("asking the guardian: %w", err), "Is it running? systemctl status guardian, or guardian serve --config FILE.")
	}
	s.local()
	s.lawful(ctx, t.http, t.base)
	r := protocol.Group{City: t.cfg.City, N: t.cfg.N, T: t.cfg.T, W: t.cfg.W, Guardians: t.cfg.Members}
	if s.Group != nil {
		r, s.n, s.t, s.w = *s.Group, s.Group.N, s.Group.T, s.Group.W
	}
	s.published(ctx, t.cfg, r)
	return s, nil
}

// elsewhere asks a guardian that we have no configuration for.
func elsewhere(ctx context.Context, at, key string) (State, error) {
	u, err := baseURL(at)
	if err != nil {
		return State{}, fmt.Errorf("--url: %w", err)
	}
	pins := pinned.Pins(func(string) []ed25519.PublicKey { return nil })
	if key != "" {
		_, k, err := protocol.PublicOf(key)
		if err != nil {
			return State{}, fmt.Errorf("--key: %w", err)
		}
		pins = func(string) []ed25519.PublicKey { return []ed25519.PublicKey{k} }
	}
	hc := &http.Client{Timeout: callTimeout, CheckRedirect: noRedirect, Transport: pinned.Transport(&http.Transport{}, nil, pins)}
	base := strings.TrimSuffix(u.String(), "/")
	var s State
	if err := ask(ctx, hc, base+"/status", &s.Status); err != nil {
		return s, tribune.Hint(fmt.Errorf("asking the guardian: %w", err), "Where it has no certificate of an authority, give its public key with --key.")
	}
	if s.Group != nil {
		s.n, s.t, s.w = s.Group.N, s.Group.T, s.Group.W
	}
	s.lawful(ctx, hc, base)
	return s, nil
}

// ask reads one small JSON answer.
func ask(ctx context.Context, hc *http.Client, at string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: it says %s", tribune.ErrInvalid, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(into)
}

// lawful asks which law decides there. A guardian that has none yet says so otherwise.
func (s *State) lawful(ctx context.Context, hc *http.Client, base string) {
	var law protocol.LawState
	if ask(ctx, hc, base+"/law", &law) == nil {
		s.Law = &law
	}
}

// local is what only this machine knows. Who may not look into the folder sees none of it.
func (s *State) local() {
	if list, err := readVetoes(filepath.Join(s.dir, vetoFile)); err == nil {
		for _, v := range list {
			s.Vetoes = append(s.Vetoes, fmt.Sprintf("%s (%q)", v, v.Reason))
		}
	}
	mirror := filepath.Join(s.dir, "mirror") + string(filepath.Separator)
	filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			s.Disk += info.Size()
			if strings.HasPrefix(path, mirror) {
				s.MirrorDisk += info.Size()
			}
		}
		return nil
	})
}

// published reads what the hub shows the world, and counts no co-signature that does not verify.
func (s *State) published(ctx context.Context, cfg Config, group protocol.Group) {
	text, err := group.TrustFile(cfg.LogKey, fnote.VKeyToCosignatureV1)
	if err != nil {
		return
	}
	trust, err := verify.ParseTrust([]byte(text))
	if err != nil {
		return
	}
	_, log, err := protocol.PublicOf(cfg.LogKey)
	if err != nil {
		return
	}
	resp, err := cfg.httpClient(resolved{logKey: log}).Get(strings.TrimSuffix(cfg.Hub, "/") + "/log/checkpoint")
	if err != nil {
		return
	}
	defer resp.Body.Close()
	note, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckpointBody))
	if err != nil || resp.StatusCode != http.StatusOK {
		return
	}
	c, err := trust.OpenCheckpoint(note)
	if err != nil {
		return
	}
	s.Published = &Published{Size: c.Size, Cosigned: map[string]int64{}}
	for _, co := range c.Cosignatures {
		s.Published.Cosigned[co.Name] = co.Time.Unix()
	}
}
