package guardian

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune/internal/guardian/client"
	"tribune/protocol"
)

func TestCommandSaysWhereItIsAndStopsCleanly(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "guardian")
	var out strings.Builder
	for range 2 { // the key stays
		out.Reset()
		if err := Main(context.Background(), []string{"init", "--dir", dir, "--name", "ombudsman.example"}, &out); err != nil {
			t.Fatal(err)
		}
	}
	var made ready
	if err := json.Unmarshal([]byte(out.String()), &made); err != nil {
		t.Fatal(err)
	}
	if err := Main(context.Background(), []string{"init", "--dir", dir, "--name", "court.example"}, io.Discard); err == nil {
		t.Error("the folder is taken for another guardian's")
	}
	config := fmt.Sprintf("dir = %q\ncity = %q\nhub = %q\nlog_key = %q\nsteward_key = %q\ncouncil_key = %q\nfloors_hash = %q\nt = 2\nw = 3\n",
		dir, testCity, w.hub.URL, w.log.Key, w.trust.Steward, w.trust.Council, w.trust.Floors)
	keys := []string{made.Key}
	for _, m := range w.group.Guardians[1:] {
		keys = append(keys, m.Key)
	}
	for _, k := range keys {
		config += fmt.Sprintf("[[guardian]]\nkey = %q\n", k)
	}
	path := filepath.Join(t.TempDir(), "guardian.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, pipe := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Main(ctx, []string{"serve", "--config", path}, pipe) }()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at ready
	if err := json.Unmarshal(line, &at); err != nil || at.Name != "ombudsman.example" || !strings.HasPrefix(at.Address, "https://127.0.0.1:") {
		t.Fatalf("ready line %q: %v", line, err)
	}
	pinned := &http.Client{Transport: client.Transport([]protocol.Member{{Key: at.Key, URL: at.Address}}, nil)}
	resp, err := pinned.Get(at.Address + "/status")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status: %v, %v", resp, err)
	}
	resp.Body.Close()
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(60 * time.Second):
		t.Error("it does not stop")
	}
}

func TestConfigurationThatPinsNothingIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*Config){
		"no steward":         func(c *Config) { c.Law.Steward = "" },
		"no council":         func(c *Config) { c.Law.Council = "" },
		"no floors":          func(c *Config) { c.Law.Floors = [32]byte{} },
		"a small quorum":     func(c *Config) { c.W = 2 },
		"another's roster":   func(c *Config) { c.Members[0].Key = c.Members[1].Key },
		"no log key":         func(c *Config) { c.LogKey = "x" },
		"a folder of nobody": func(c *Config) { c.Dir = t.TempDir() },
	} {
		cfg := w.guards[0].cfg
		cfg.Members = append(cfg.Members[:0:0], cfg.Members...)
		spoil(&cfg)
		if g, err := New(cfg); err == nil {
			g.Close()
			t.Errorf("%s: it starts", name)
		} else if strings.Contains(err.Error(), "another guardian process") {
			t.Errorf("%s: only the lock stops it", name)
		}
	}
}
