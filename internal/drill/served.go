package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/verify"
)

// served is a city that a demo has founded and that then runs as a real one does: a hub by `tribune serve`, a process for each
// guardian, and two links between the hub and each of them, one a direction.
type served struct {
	*city
	trust   *verify.Trust
	t, w    int
	keepers []*keeper
	config  string // city.toml
}

// keeper is one guardian: its folder, its process if it runs, and the wires to it.
type keeper struct {
	city   *served
	index  int
	name   string
	config string
	starts int
	proc   *process
	life   *os.File // its standard input: the guardian ends with it
	own    string   // its own address
	to     *link    // hub and peers -> guardian
	from   *link    // guardian -> hub
}

// serveCity founds a city with n guardians and serves it.
func (p *play) serveCity(ctx context.Context, name string, n int) (*served, []person, error) {
	return p.serve(ctx, p.newCity(name), n)
}

// serve founds a city that is not founded yet, and serves it.
func (p *play) serve(ctx context.Context, c *city, n int) (*served, []person, error) {
	c.people, c.founders, c.hourly = min(c.people, 60), n, 1000
	if err := c.start(ctx); err != nil {
		return nil, nil, err
	}
	people, err := c.populace()
	if err != nil {
		return nil, nil, err
	}
	if err := c.proc.stop(); err != nil {
		return nil, nil, err
	}
	s := &served{city: c, config: c.path("city.toml")}
	p.onEnd(s.close)
	if s.trust, err = c.trust(); err != nil {
		return nil, nil, err
	}
	if err := s.configure(ctx); err != nil {
		return nil, nil, err
	}
	for _, k := range s.keepers {
		if err := k.start(ctx); err != nil {
			return nil, nil, err
		}
	}
	return s, people, s.startHub(ctx)
}

func (s *served) close() {
	for _, k := range s.keepers {
		k.to.close()
		k.from.close()
		if k.life != nil {
			k.life.Close()
		}
	}
}

// configure writes city.toml and the guardians' configurations anew, with the links in them.
func (s *served) configure(ctx context.Context) error {
	address, err := os.ReadFile(s.path("address"))
	if err != nil {
		return fmt.Errorf("configuring the city: %w", err)
	}
	hub := strings.TrimSpace(string(address))
	group, err := readGroup(s.path("hub", "group.json"))
	if err != nil {
		return err
	}
	s.t, s.w = group.T, group.W
	type guardian struct {
		Name string `toml:"name"`
		Key  string `toml:"key"`
		URL  string `toml:"url"`
	}
	var roster []guardian
	var pins map[string]any
	for i, m := range group.Guardians {
		k := &keeper{city: s, index: i + 1, name: m.Name, config: s.path("guardians", strconv.Itoa(i+1), "drill.toml")}
		if k.to, err = newLink(ctx, ""); err != nil {
			return err
		}
		if k.from, err = newLink(ctx, hub); err != nil {
			return err
		}
		s.keepers = append(s.keepers, k)
		roster = append(roster, guardian{m.Name, m.Key, k.to.url})
		if pins, err = k.configure(); err != nil {
			return err
		}
	}
	return writeTOML(s.config, map[string]any{
		"city": group.City, "origin": s.trust.Origin(), "trace_mandate": "trace-keeping-2026",
		"http":      map[string]any{"address": strings.TrimPrefix(hub, "http://")},
		"trust":     map[string]any{"steward": pins["steward_key"], "council": pins["council_key"], "floors": pins["floors_hash"]},
		"guardians": map[string]any{"t": group.T, "w": group.W}, "guardian": roster,
	})
}

// configure takes the configuration that the demo wrote and leads it to the link.
func (k *keeper) configure() (map[string]any, error) {
	config := map[string]any{}
	if _, err := toml.DecodeFile(filepath.Join(filepath.Dir(k.config), "guardian.toml"), &config); err != nil {
		return nil, fmt.Errorf("reading a guardian's configuration: %w", err)
	}
	config["hub"] = k.from.url
	return config, writeTOML(k.config, config)
}

func writeTOML(path string, v any) error {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(v); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// startHub starts the hub and waits until the one way is open.
func (s *served) startHub(ctx context.Context) error {
	if err := s.launchHub(ctx); err != nil {
		return err
	}
	return s.proc.until(ctx, startFor, "the city to be ready", func() (bool, error) { return s.get(ctx, "/readyz") })
}

// launchHub starts the hub and waits until it serves the public.
func (s *served) launchHub(ctx context.Context) (err error) {
	s.http.CloseIdleConnections()
	if s.proc, err = s.play.spawn(ctx, s.dir+".hub.log", nil, "serve", "--dir", s.dir, "--config", s.config, "-v"); err != nil {
		return err
	}
	return s.proc.until(ctx, startFor, "the hub to answer", func() (bool, error) { return s.get(ctx, "/healthz") })
}

// start starts the guardian and leads its link to it.
func (k *keeper) start(ctx context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting a guardian: %w", err)
	}
	defer read.Close() // the child has its own
	if k.life != nil {
		k.life.Close()
	}
	k.life = write
	k.starts++
	output := k.city.play.scratch(fmt.Sprintf("%s-guardian-%d-%d.log", filepath.Base(k.city.dir), k.index, k.starts))
	if k.proc, err = k.city.play.spawn(ctx, output, read, "guardian", "serve", "--config", k.config, "--listen", "127.0.0.1:0"); err != nil {
		return err
	}
	err = k.proc.until(ctx, startFor, "guardian "+k.name, func() (bool, error) {
		data, err := os.ReadFile(output + ".out")
		if err != nil {
			return false, err
		}
		var ready struct{ Address string }
		line, _, _ := bytes.Cut(data, []byte("\n"))
		if json.Unmarshal(line, &ready) != nil || ready.Address == "" {
			return false, nil
		}
		k.own = ready.Address
		return true, nil
	})
	if err == nil {
		k.to.lead(k.own)
	}
	return err
}

// kill is kill -9.
func (k *keeper) kill() {
	k.to.lead("")
	k.proc.kill()
}

// head is what the guardian says it holds.
func (k *keeper) head(ctx context.Context) (size uint64, root tribune.Hash, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.own+"/status", nil)
	if err != nil {
		return 0, root, err
	}
	res, err := k.city.http.Do(req)
	if err != nil {
		return 0, root, err
	}
	defer res.Body.Close()
	var status struct {
		Size uint64
		Root tribune.Hash
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&status); err != nil {
		return 0, root, fmt.Errorf("asking %s how far it is: %w", k.name, err)
	}
	return status.Size, status.Root, nil
}

// caughtUp waits until each of these guardians holds everything that is published now.
func (s *served) caughtUp(ctx context.Context, some ...*keeper) error {
	size, err := s.published(ctx)
	if err != nil {
		return err
	}
	for _, k := range some {
		err := k.proc.until(ctx, startFor, k.name+" to catch up", func() (bool, error) {
			holds, _, err := k.head(ctx)
			return err == nil && holds >= size, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
