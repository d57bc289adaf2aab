package watch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

func (w *world) copyConfig(dir string) CopyConfig {
	trust, err := verify.ParseTrust([]byte(w.trust))
	if err != nil {
		w.t.Fatal(err)
	}
	key, _, err := ReadTrust([]byte(w.trust))
	if err != nil {
		w.t.Fatal(err)
	}
	return CopyConfig{Trust: trust, LogKey: key, Dir: dir, Record: w.hub.server.URL, Now: w.clock}
}

func (w *world) copy(cfg CopyConfig) *Copy {
	w.t.Helper()
	c, err := OpenCopy(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// A mirror serves what it has verified; whoever follows the mirror gets the same bytes, and any tlog-tiles client can read its folder.
func TestAMirrorOfAMirrorIsTheSame(t *testing.T) {
	w := newWorld(t)
	for range 700 {
		w.add(w.leaf())
	}
	w.cosign(4)
	first := w.copy(w.copyConfig(t.TempDir()))
	if moved, err := first.Follow(t.Context()); err != nil || !moved {
		t.Fatalf("following the hub: %v, %v", moved, err)
	}
	mux := http.NewServeMux()
	first.Routes(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	w.hub.down = true
	cfg := w.copyConfig(t.TempDir())
	cfg.Record = server.URL
	second := w.copy(cfg)
	if _, err := second.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := first.mirror.Head(), second.mirror.Head(); a.Size != 702 || a.Root != b.Root || string(a.Note) != string(b.Note) {
		t.Errorf("the mirror holds %d leaves, its mirror %d", a.Size, b.Size)
	}
	if _, err := second.Law(t.Context(), w.set.Hash()); err != nil {
		t.Errorf("the law was not passed on: %v", err)
	}
	n := 0
	if _, err := cfg.Trust.Leaves(os.DirFS(filepath.Join(cfg.Dir, recordDir)), 0, func(i uint64, leaf []byte) error {
		n++
		if string(leaf) != string(w.book.leaves[i]) {
			t.Errorf("leaf %d is another", i)
		}
		return nil
	}); err != nil || n != 702 {
		t.Errorf("the verifier reads %d leaves of the folder: %v", n, err)
	}
	for path, want := range map[string]int{"/": 404, "/tile/entries/000": 200, "/log/tile/0/002.p/190": 200, "/mandates/parking-enforcement-2026": 200, "/mandates/..%2f..": 404, "/tile/0/002.p/191": 404, "/tile/../lock": 404, "/law/zz": 404, "/law/" + strings.Repeat("0", 64): 404} {
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, res.StatusCode, want)
		}
	}
}

// The network ends in the middle of catching up: what was proven by then is not asked for again.
func TestAMirrorGoesOnWhereItWasCutOff(t *testing.T) {
	w := newWorld(t)
	for range 1500 {
		w.add(w.leaf())
	}
	w.cosign(4)
	var mu sync.Mutex // guards asked and cut
	asked, cut := map[string]int{}, true
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		gone := cut
		mu.Unlock()
		if gone && r.URL.Path == "/log/tile/entries/004" {
			panic(http.ErrAbortHandler)
		}
		w.hub.server.Config.Handler.ServeHTTP(rw, r)
	}))
	defer proxy.Close()
	cfg := w.copyConfig(t.TempDir())
	cfg.Record = proxy.URL
	c := w.copy(cfg)
	if _, err := c.Follow(t.Context()); err == nil {
		t.Fatal("a mirror that was cut off says that all is well")
	}
	if s := c.Status(); s.Size != 0 || s.Behind != 1502 || s.Problem == "" {
		t.Errorf("status is %+v", s)
	}
	c.Close()
	mu.Lock()
	cut = false
	mu.Unlock()
	c = w.copy(cfg)
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := c.Status(); s.Size != 1502 || s.Behind != 0 {
		t.Errorf("status is %+v", s)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, path := range []string{"/log/tile/entries/000", "/log/tile/entries/003"} {
		if asked[path] != 1 {
			t.Errorf("%s was asked for %d times", path, asked[path])
		}
	}
}

// What lies in the folder of an attempt that failed is somebody's until it is proven.
func TestALeftOverBundleIsProvenAgain(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		w.add(w.leaf())
	}
	w.cosign(4)
	cfg := w.copyConfig(t.TempDir())
	lie := w.book.clone(256)
	lie.leaves[9] = w.leaf()
	path := filepath.Join(cfg.Dir, recordDir, "tile/entries/000")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bundle(lie.leaves), 0o600); err != nil {
		t.Fatal(err)
	}
	c := w.copy(cfg)
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if leaf, err := c.mirror.Leaf(9); err != nil || string(leaf) != string(w.book.leaves[9]) {
		t.Errorf("leaf 9 is not the record's: %v", err)
	}
}

func TestACopyThatWasDamagedIsNotServed(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		w.add(w.leaf())
	}
	w.cosign(4)
	cfg := w.copyConfig(t.TempDir())
	c := w.copy(cfg)
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	path := filepath.Join(cfg.Dir, recordDir, "tile/entries/000")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var broken *tribune.IntegrityError
	if _, err := OpenCopy(cfg); !errors.As(err, &broken) {
		t.Errorf("got %v, want an IntegrityError", err)
	}
}

func TestACopyBelongsToItsTrustFileAndToOneProcess(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	cfg := w.copyConfig(t.TempDir())
	c := w.copy(cfg)
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCopy(cfg); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("a second process got %v", err)
	}
	c.Close()
	stranger := other.copyConfig(cfg.Dir)
	if _, err := OpenCopy(stranger); err == nil {
		t.Error("another city's trust file opens this copy")
	}
}

// Whoever shows a checkpoint with two of four signatures is not followed by a mirror either.
func TestAMirrorWantsTheQuorum(t *testing.T) {
	w := newWorld(t)
	w.hub.shows = w.note(w.book, 2, w.guardians[:2]...)
	c := w.copy(w.copyConfig(t.TempDir()))
	if _, err := c.Follow(t.Context()); !errors.Is(err, tribune.ErrNoQuorum) || c.Status().Size != 0 {
		t.Errorf("got %v with %d leaves, want no quorum and none", err, c.Status().Size)
	}
}

// The same index as the hub's, computed from the copy; a false one on record is found.
func TestTheDailyIndexIsComputedAgain(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		w.add(w.leaf(tagged(3)))
	}
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	x, err := one.Copy.build(t.Context(), 32)
	if err != nil || x.Len() != 90 {
		t.Fatalf("the index has %d entries: %v", x.Len(), err)
	}
	publish := func(h protocol.IndexHead) {
		public := protocol.IndexLeaf{IndexHead: h, Signatures: map[string][]byte{}}
		for _, g := range w.guardians[:2] {
			key, err := protocol.SeedOf(g.skey)
			if err != nil {
				t.Fatal(err)
			}
			public.Signatures[g.name] = h.Sign(testCity+"/record", key)
		}
		w.add(w.leaf(w.hubs(tribune.ActIndex), func(l *protocol.Leaf) {
			l.Decision.Set, l.Decision.Policies = tribune.Hash{}, []string{}
			l.Public, _ = protocol.JCS(public)
		}))
		w.cosign(4)
	}
	publish(x.IndexHead)
	w.rounds(one, 1)
	w.expect(one, false)
	if latest, ok := one.Copy.Latest(); !ok || latest.Size != 32 || latest.Leaf != 32 {
		t.Errorf("the copy serves %+v, %v", latest, ok)
	}
	lie := x.IndexHead
	lie.Root[0] ^= 1
	publish(lie)
	w.rounds(one, 1)
	w.expect(one, false, BadIndex)
}

// The cost of what is remembered, measured: docs/watch.md says it.
func TestMemoryOfATagIsBounded(t *testing.T) {
	const n = 1 << 18
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tags := newTags()
	for i := range uint64(n) {
		tags.add(newTag(), i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a tag", each)
	if each > 48 {
		t.Errorf("%.0f bytes a tag, want at most 48", each)
	}
	runtime.KeepAlive(tags)
}
