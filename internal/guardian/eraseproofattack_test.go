package guardian

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// A hub that was taken over puts a real erasure of years ago on record once more, word for word: every guardian has proven that one, and says so of
// its hash. It erases nothing of what was collected since.
func TestErasureThatIsOnRecordTwiceCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{71}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	c.at = time.Now()
	req := w.build(c)
	for i := range w.guards {
		if why, s := w.show(i, req); s == nil {
			t.Fatal(why)
		}
	}
	raw, err := w.guards[0].mirror.Leaf(c.index)
	if err != nil {
		t.Fatal(err)
	}
	k, err := protocol.TraceKey(traces[anna])
	if err != nil {
		t.Fatal(err)
	}
	later := 72 * time.Hour
	w.later(later)
	since := tribune.DayOf(time.Now().Add(later))
	act := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActDecide, Office: "data-hub", Time: protocol.Time(time.Now().Add(later))}
	between, err := protocol.Leaf{Version: 1, Act: act, Tags: []tribune.Tag{}, Signature: make([]byte, 64), Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.publishLeaf(between)
	again, _ := w.publishLeaf(raw)
	g := w.guards[0]
	if g.index.erased.newest != since {
		t.Fatalf("control: the record is at day %d, not %d", g.index.erased.newest, since)
	}
	if g.erasureAt(again) != nil {
		if err := g.askPeers(t.Context(), again, protocol.LeafHash(raw), map[string]bool{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.index.unerased(k, []tribune.Identity{session(anna, since, tribune.WholeDay)}); err != nil {
		t.Errorf("the same erasure once more: %v", err)
	}
	w.restart(0)
	if err := w.guards[0].index.unerased(k, []tribune.Identity{session(anna, since, tribune.WholeDay)}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if !w.refuses(0, traces[anna], anna) {
		t.Error("control: what was erased is not erased any more")
	}
}

// A guardian states nothing that a crash could have it forget.
func TestErasureIsStatedOnlyOnceItIsOnDisk(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{72}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	req := w.build(c)
	g := w.guards[0]
	file := filepath.Join(g.cfg.Dir, erasuresFile)
	time.Sleep(100 * time.Millisecond) // when it was first seen is written by now, or will be
	g.erasing.Lock()
	os.Remove(file)
	if err := os.MkdirAll(filepath.Join(file, "full"), 0o700); err != nil { // as a disk on which nothing can be written
		t.Fatal(err)
	}
	g.erasing.Unlock()
	for range 2 {
		if _, s := w.show(0, req); s != nil {
			t.Fatal("stated while it cannot be kept")
		}
	}
	got, err := http.Get(g.server.URL + "/erasures/" + g.erasureAt(c.index).Hash.String())
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode == http.StatusOK {
		t.Error("stated to peers while it cannot be kept")
	}
	os.RemoveAll(file)
	if why, s := w.show(0, req); s == nil {
		t.Errorf("control: %s", why)
	}
}

// A hub that was taken over fills an office's hour with erasures that nobody has signed. The real one of that hour is obeyed all the same; an officer
// who erases more people than the law allows is not.
func TestForgedErasuresUseUpNobodysHour(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{73}, tribune.Pseudonym{74}
	traces := w.enrol(anna, ben)
	fill := func(at uint64, act protocol.Act, v verdict) {
		g := w.guards[0]
		g.index.mu.Lock()
		defer g.index.mu.Unlock()
		act.Count = int(w.set.Limits(act.Office).Subjects)
		g.index.erased.leaves[at] = &erasureLeaf{keptErasure{Hash: tribune.Hash{byte(at)}, Seen: time.Now().Unix(), Verdict: v}, act}
	}
	first := w.erasure(anna, traces[anna], 1, 1)
	req := w.build(first)
	fill(0, w.guards[0].erasureAt(first.index).act, forged)
	fill(1, w.guards[0].erasureAt(first.index).act, pending)
	if why, s := w.show(0, req); s == nil {
		t.Errorf("a real erasure after forged ones: %s", why)
	}
	second := w.erasure(ben, traces[ben], 1, 1)
	req = w.build(second)
	fill(1<<40, w.guards[0].erasureAt(second.index).act, proven) // shown before, though later on record
	if why, _ := w.show(0, req); !strings.Contains(why, "has used up") {
		t.Errorf("more than the law allows: %q", why)
	}
}

// One peer that hangs, and a hub that hangs when it is asked where peers are, keep a guardian that was away from learning nothing.
func TestHangingPeerKeepsNobodyFromLearning(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{75}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	req := w.build(c)
	for i := range 3 {
		if why, s := w.show(i, req); s == nil {
			t.Fatal(why)
		}
	}
	end := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer hangs.Close()
	defer close(end)
	last := w.guards[3]
	last.clock.mu.Lock()
	for i := range last.clock.peers {
		if i == 0 {
			last.clock.peers[i].url = hangs.URL
		}
	}
	last.clock.mu.Unlock()
	began := time.Now()
	if err := last.askPeers(t.Context(), c.index, last.erasureAt(c.index).Hash, map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	if v := last.erasureAt(c.index).Verdict; v != proven || time.Since(began) > callTimeout/2 {
		t.Errorf("%q after %s", v, time.Since(began))
	}
}

// Who fills the record with erasures that nobody can show keeps no real one from being asked about.
func TestEveryPendingErasureIsAskedAboutInTurn(t *testing.T) {
	e := erasures{leaves: map[uint64]*erasureLeaf{}}
	for i := range uint64(3 * maxListed) {
		e.leaves[i] = &erasureLeaf{}
	}
	g := &Guardian{index: &index{erased: e}}
	asked, after := map[uint64]bool{}, uint64(0)
	for range 4 {
		some := g.unshown(after)
		if len(some) > maxListed {
			t.Fatalf("%d at once", len(some))
		}
		for _, i := range some {
			asked[i], after = true, i+1
		}
	}
	if len(asked) != 3*maxListed {
		t.Errorf("%d of %d were asked about", len(asked), 3*maxListed)
	}
}

// A hub that was killed between append and publication goes on minutes later: the erasure can still be shown. One that somebody has signed and kept in a
// drawer cannot: it would erase what was collected since.
func TestErasureThatWasPublishedLateCanBeShown(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{76}, tribune.Pseudonym{77}
	traces := w.enrol(anna, ben)
	signed := func(p tribune.Pseudonym, ago time.Duration) protocol.Request {
		c := w.erasure(p, traces[p], 1, 1)
		c.at = c.at.Add(-ago)
		return w.build(c)
	}
	if why, s := w.show(0, signed(anna, 10*time.Minute)); s == nil {
		t.Errorf("published ten minutes late: %s", why)
	}
	// Of which of the two it is refused depends on how many midnights lie between.
	if why, s := w.show(0, signed(ben, afterGrace)); s != nil || !strings.Contains(why, "was on record at") && !strings.Contains(why, "erases nobody") {
		t.Errorf("published a day late: %q", why)
	}
}

// Whether a mandate was in force when the leaf was published is not what the leaf commits to: shown with a late receipt, a real erasure is not forged.
func TestLateReceiptMakesNoErasureForged(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{78}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	c.at = c.at.Add(-2 * time.Minute)
	text, _ := protocol.SplitDocument(c.evidence.Mandate)
	i := strings.Index(text, "\nuntil = ") + 1
	n := i + strings.IndexByte(text[i:], '\n')
	c.evidence.Mandate = w.signAs(w.council, text[:i]+"until = "+c.at.Add(time.Minute).UTC().Format(time.RFC3339)+text[n:])
	req := w.build(c)
	if why, s := w.show(0, req); s != nil || !strings.Contains(why, "has ended") {
		t.Fatalf("shown: %q", why)
	}
	if v := w.guards[0].erasureAt(c.index).Verdict; v != pending {
		t.Errorf("verdict %q", v)
	}
	w.guards[0].index.mu.Lock() // as if it had been seen when it was published
	w.guards[0].index.erased.leaves[c.index].Seen = c.at.Unix() + 10
	w.guards[0].index.mu.Unlock()
	if why, s := w.show(0, req); s == nil {
		t.Errorf("control: %s", why)
	}
}
