package watch

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// peer is a hub or a guardian as it is seen from outside.
type peer struct {
	name    string
	skey    string
	server  *httptest.Server
	shows   []byte  // its checkpoint; nil = 404
	book    *ledger // what it serves
	down    bool
	untiled bool // shows a checkpoint and no tiles
}

// world is a city of four guardians that can lie in every way.
type world struct {
	t         testing.TB
	mu        sync.Mutex // guards all that servers read
	now       time.Time
	book      *ledger
	logSkey   string
	hub       *peer
	group     protocol.Group
	chain     [][]byte // receipts of closings, as the hub shows them; nil = 404
	guardians []*peer
	trust     string
	files     map[string][]byte
	set       *policy.Set
	pins      policy.Trust
	steward   string
	auditor   string // of models
	laws      map[string]map[string][]byte
	released  map[string][]protocol.Statement
	checks    map[string][]protocol.VitalChecked // by path
	pages     map[string][]byte                  // of the hub, by path
	failing   string                             // a path at which it fails
	hangs     string                             // a path at which it hangs up
	docs      string
	vital     bool
	log       *strings.Builder
}

func newWorld(t testing.TB) *world { return worldWith(t, false) }

// worldWith is one whose law names a class for vital interest, or none.
func worldWith(t testing.TB, vital bool) *world {
	t.Helper()
	w := &world{t: t, vital: vital, now: time.Date(2026, 11, 16, 10, 0, 0, 0, time.UTC), book: &ledger{}, laws: map[string]map[string][]byte{}, released: map[string][]protocol.Statement{}, log: &strings.Builder{}}
	var logKey string
	var err error
	if w.logSkey, logKey, err = protocol.NewKey(testCity + "/record"); err != nil {
		t.Fatal(err)
	}
	group := protocol.Group{City: testCity, N: 4, T: 2, W: 3, Epoch: 1}
	for i, name := range []string{"ombudsman.example", "court.example", "university.example", "press-council.example"} {
		g := &peer{name: name}
		var vkey string
		if g.skey, vkey, err = protocol.NewKey(name); err != nil {
			t.Fatal(err)
		}
		w.serve(g, "/")
		w.guardians = append(w.guardians, g)
		group.Guardians = append(group.Guardians, protocol.Member{Index: i + 1, Key: vkey, Name: name, URL: g.server.URL})
	}
	if w.trust, err = group.TrustFile(logKey, fnote.VKeyToCosignatureV1); err != nil {
		t.Fatal(err)
	}
	w.hub = &peer{name: "hub"}
	w.serve(w.hub, "/log/")
	w.writeLaw()
	w.group = group
	w.add(w.ceremony(group))
	w.add(w.publish(w.set))
	w.cosign(4)
	return w
}

func (w *world) serve(p *peer, prefix string) {
	p.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.down {
			panic(http.ErrAbortHandler)
		}
		path := strings.TrimPrefix(r.URL.Path, prefix)
		var raw []byte
		switch {
		case path == "checkpoint":
			raw = p.shows
		case strings.HasPrefix(path, "tile/") && !p.untiled && p.book != nil:
			raw = p.book.resource(path)
		case p == w.hub && strings.HasPrefix(r.URL.Path, "/law/"):
			if files := w.laws[r.URL.Path[len("/law/"):]]; files != nil {
				raw, _ = json.Marshal(map[string]any{"files": files})
			}
		case p == w.hub && strings.HasPrefix(r.URL.Path, "/record/releases/"):
			raw, _ = json.Marshal(append([]protocol.Statement{}, w.released[r.URL.Path[len("/record/releases/"):]]...))
		case p == w.hub && w.pages[r.URL.Path] != nil:
			raw = w.pages[r.URL.Path]
		case p == w.hub && w.checks[r.URL.Path] != nil:
			raw, _ = json.Marshal(w.checks[r.URL.Path])
		case p == w.hub && r.URL.Path == "/group/chain" && w.chain != nil:
			body := chainBody{}
			for _, l := range w.chain {
				body.Links = append(body.Links, chainLink{l})
			}
			raw, _ = json.Marshal(body)
		case p == w.hub && strings.HasPrefix(r.URL.Path, "/mandates/"):
			raw, _ = os.ReadFile(filepath.Join(w.docs, "mandates", filepath.Base(r.URL.Path)+".toml"))
		}
		if p == w.hub && r.URL.Path == w.hangs {
			panic(http.ErrAbortHandler)
		}
		if p == w.hub && r.URL.Path == w.failing {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		if raw == nil {
			http.NotFound(rw, r)
			return
		}
		rw.Write(raw)
	}))
	w.t.Cleanup(p.server.Close)
}

func (w *world) writeLaw() {
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		keys[a], _, _ = ed25519.GenerateKey(rand.Reader)
	}
	var council string
	var err error
	if w.steward, _, err = protocol.NewKey(testCity + "/steward"); err != nil {
		w.t.Fatal(err)
	}
	if council, _, err = protocol.NewKey(testCity + "/council"); err != nil {
		w.t.Fatal(err)
	}
	if w.auditor, _, err = protocol.NewKey(testCity + "/model-auditor"); err != nil {
		w.t.Fatal(err)
	}
	w.docs = filepath.Join(w.t.TempDir(), "law")
	written, err := law.Write(w.docs, law.Config{City: testCity, Steward: w.steward, Council: council, Auditor: w.auditor, Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Keys: keys, Now: w.now, Vital: w.vital})
	if err != nil {
		w.t.Fatal(err)
	}
	w.pins = written.Trust
	if w.files, err = policy.ReadFiles(w.docs); err != nil {
		w.t.Fatal(err)
	}
	w.set = w.load(w.files)
}

func (w *world) load(files map[string][]byte) *policy.Set {
	w.t.Helper()
	s, err := policy.Load(files, w.pins)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.laws[s.Hash().String()] = s.Files()
	return s
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// watcher opens a watcher in a folder.
func (w *world) watcher(dir string, alter ...func(*Config)) *Watcher {
	w.t.Helper()
	cfg := Config{Trust: []byte(w.trust), Dir: dir, Record: w.hub.server.URL, Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	for _, f := range alter {
		f(&cfg)
	}
	one, err := Open(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { one.Close() })
	return one
}

// rounds lets a watcher look n times, half a minute apart.
func (w *world) rounds(one *Watcher, n int) {
	w.t.Helper()
	for range n {
		if err := one.round(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		w.pass(30 * time.Second)
	}
}

// stands are the kinds of incidents that stand.
func stands(one *Watcher) (out []Kind) {
	for _, in := range one.Book.Open() {
		if !slices.Contains(out, in.Kind) {
			out = append(out, in.Kind)
		}
	}
	slices.Sort(out)
	return out
}

// expect fails unless exactly these kinds stand, each with evidence that a stranger's check accepts; proven are those that need
// nobody's word.
func (w *world) expect(one *Watcher, proven bool, want ...Kind) {
	w.t.Helper()
	w.expectEach(one, func(Kind) bool { return proven }, want...)
}

func (w *world) expectEach(one *Watcher, proves func(Kind) bool, want ...Kind) {
	w.t.Helper()
	slices.Sort(want)
	if got := stands(one); !slices.Equal(got, want) {
		w.t.Fatalf("incidents are %v, want %v:\n%s", got, want, texts(one))
	}
	trust, err := verify.ParseTrust([]byte(w.trust))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, in := range one.Book.Open() {
		proven := proves(in.Kind)
		if !in.Evidence {
			if proven {
				w.t.Errorf("%s has no evidence", in.Kind)
			}
			continue
		}
		f, err := os.Open(EvidenceFile(one.cfg.Dir, in.ID))
		if err != nil {
			w.t.Fatal(err)
		}
		e, err := ReadEvidence(f)
		f.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		v, err := e.Check(trust)
		if err != nil {
			w.t.Errorf("evidence of %s: %v", in.Kind, err)
		} else if v.Proven != proven {
			w.t.Errorf("evidence of %s: proven is %v, want %v: %v", in.Kind, v.Proven, proven, v.Lines)
		}
	}
}

func texts(one *Watcher) string {
	var b strings.Builder
	for _, in := range one.Book.All() {
		fmt.Fprintf(&b, "  %s %s: %s\n", in.Severity, in.Kind, in.Text)
	}
	return b.String()
}
