package record

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
)

// fill seals n leaves and closes the log.
func (g *rig) fill(t *testing.T, from, n int) {
	t.Helper()
	r, err := Open(t.Context(), g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var last *Pending
	for i := range n {
		if last, err = r.Enqueue(testLeaf(t, from+i)); err != nil {
			t.Fatal(err)
		}
	}
	at, err := last.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedDirectoryIsNoticed(t *testing.T) {
	var integrity *tribune.IntegrityError
	t.Run("tile under an old leaf", func(t *testing.T) {
		g := newRig(t)
		g.fill(t, 0, 300)
		flip(t, filepath.Join(g.cfg.Dir, "tile/0/000"), 4000)
		r := g.open(t)
		if _, err := r.Receipt(t.Context(), 3, false); !errors.As(err, &integrity) {
			t.Errorf("receipt: got %v, want an IntegrityError", err)
		}
	})
	t.Run("entries", func(t *testing.T) {
		g := newRig(t)
		g.fill(t, 0, 300)
		flip(t, filepath.Join(g.cfg.Dir, "tile/entries/000"), 500)
		r := g.open(t)
		if _, err := r.Receipt(t.Context(), 3, true); !errors.As(err, &integrity) {
			t.Errorf("receipt: got %v, want an IntegrityError", err)
		}
	})
	t.Run("tile at the edge", func(t *testing.T) {
		g := newRig(t)
		g.fill(t, 0, 3)
		flip(t, filepath.Join(g.cfg.Dir, "tile/0/000.p/3"), 0)
		r, err := Open(t.Context(), g.cfg)
		if err == nil {
			r.Close()
		}
		if !errors.As(err, &integrity) {
			t.Errorf("opening: got %v, want an IntegrityError", err)
		}
	})
	t.Run("state older than the checkpoint", func(t *testing.T) {
		g := newRig(t)
		g.fill(t, 0, 3)
		state := filepath.Join(g.cfg.Dir, treeState)
		old, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		g.fill(t, 3, 3)
		if err := os.WriteFile(state, old, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), g.cfg)
		if err == nil {
			r.Close()
		}
		if !errors.As(err, &integrity) {
			t.Errorf("opening: got %v, want an IntegrityError: to go on would fork the log", err)
		}
	})
}

// A whole directory restored from a backup looks sound; only the guardians know better.
func TestRestoredOldCopyIsNeverPublishedAndSaysWhy(t *testing.T) {
	g := newRig(t)
	g.fill(t, 0, 3)
	backup := filepath.Join(t.TempDir(), "backup")
	if out, err := exec.Command("cp", "-r", g.cfg.Dir, backup).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.fill(t, 3, 5)
	var logged lines
	g.cfg.Dir, g.cfg.PublishTimeout = backup, time.Second
	g.cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
	r := g.open(t)
	if _, err := r.Seal(t.Context(), testLeaf(t, 99)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("sealing on an old copy: got %v, want ErrNoQuorum", err)
	}
	if r.Published() != 3 {
		t.Errorf("published %d leaves, want the 3 of the copy", r.Published())
	}
	if !strings.Contains(logged.String(), "restored from an old copy") {
		t.Errorf("the log does not say why:\n%s", &logged)
	}
}

type lines struct {
	mu sync.Mutex
	strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// lyingTransport answers in place of two of the four guardians.
type lyingTransport struct {
	lie   func(body string) string
	liars map[string]bool
}

func (l lyingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !l.liars[req.URL.Host] {
		return http.DefaultTransport.RoundTrip(req)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(strings.NewReader(l.lie(string(body))))
	return res, err
}

func TestLyingGuardiansMakeNoQuorum(t *testing.T) {
	for name, lie := range map[string]func(string) string{
		"other signature": func(s string) string {
			return strings.Replace(s, "A", "B", 1) + "\u2014 x " + strings.Repeat("A", 100) + "\n"
		},
		"endless answer":     func(s string) string { return strings.Repeat(s, 1+maxAnswer/max(1, len(s))) },
		"nothing":            func(string) string { return "" },
		"another checkpoint": func(s string) string { return "other\n1\nAAAA\n\n" + s },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.cfg.PublishTimeout = 500 * time.Millisecond
			liars := map[string]bool{}
			for _, w := range g.cfg.Witnesses[:2] {
				liars[strings.TrimPrefix(w.URL, "http://")] = true
			}
			g.cfg.Transport = lyingTransport{lie, liars}
			r := g.open(t)
			if _, err := r.Seal(t.Context(), testLeaf(t, 0)); !errors.Is(err, tribune.ErrNoQuorum) {
				t.Errorf("got %v, want ErrNoQuorum", err)
			}
			if r.Checkpoint() != nil || r.Quorum() {
				t.Errorf("published by two honest guardians of three:\n%s", r.Checkpoint())
			}
		})
	}
}

func TestTesseraIsQuiet(t *testing.T) {
	var logged lines
	log := slog.New(quiet{slog.NewTextHandler(&logged, nil)}.WithAttrs(nil).WithGroup("g"))
	log.Error("publishCheckpoint failed again")
	if logged.String() != "" {
		t.Errorf("at level Info: got %q", logged.String())
	}
	log = slog.New(quiet{slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})})
	log.Error("publishCheckpoint failed again")
	if !strings.Contains(logged.String(), "level=DEBUG") {
		t.Errorf("at level Debug: got %q", logged.String())
	}
}

// respell changes bits of a signature line's base64 that decode to nothing: lenient decoders take it, verifiers of
// receipts do not.
func respell(line string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	body := strings.TrimRight(line, "=\n")
	if body == "" {
		return line
	}
	last := strings.IndexByte(alphabet, body[len(body)-1])
	return body[:len(body)-1] + alphabet[last^1:last^1+1] + line[len(body):]
}

// One dishonest guardian must not be able to stop the record: what it answers must never end in a checkpoint that our own
// verifier refuses.
func TestGuardianThatSpellsItsSignatureOddlyCannotStopTheRecord(t *testing.T) {
	for name, lie := range map[string]func(string) string{
		"base64 with stray bits": respell,
		"its line and a stranger's": func(s string) string {
			return s + "\u2014 stranger.example " + strings.Repeat("A", 100) + "\n"
		},
		"its line twice": func(s string) string { return s + s },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.cfg.Transport = lyingTransport{lie, map[string]bool{strings.TrimPrefix(g.cfg.Witnesses[0].URL, "http://"): true}}
			r := g.open(t)
			for n := range 4 {
				if _, err := r.Seal(t.Context(), testLeaf(t, n)); err != nil {
					t.Fatalf("leaf %d: %v", n, err)
				}
			}
			if c, err := g.trust.Checkpoint(r.Checkpoint()); err != nil {
				t.Errorf("the published checkpoint: %v", err)
			} else if len(c.Cosignatures) < 3 {
				t.Errorf("%d co-signatures", len(c.Cosignatures))
			}
		})
	}
}
