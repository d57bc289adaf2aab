package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/protocol"
)

// refreshed is a world whose guardians have got new shares and are the same: one trust file fits both groups.
func refreshed(t *testing.T) (w *world, links [][]byte, second protocol.Group) {
	w, _, first := founded(t)
	second, at := w.close(&first, nil, w.guardians, w.guardians)
	links = append(slices.Clone(w.chain), w.link(at, w.guardians...))
	w.cosign(4)
	return w, links, second
}

// A chain may begin later than another: whoever shows only its end, where the guardians were refreshed and one trust file fits two groups,
// neither raises a false alarm nor keeps a watcher from what comes after.
func TestChainThatBeginsLaterIsNoOtherChain(t *testing.T) {
	for name, order := range map[string][]int{"the end first": {1, 0}, "the end later": {0, 1}, "the end alone": {1, 1}} {
		w, links, second := refreshed(t)
		one := w.watcher(t.TempDir())
		for _, from := range order {
			w.chain = links[from:]
			w.rounds(one, 1)
			w.pass(2 * time.Minute)
			w.cosign(4)
		}
		library := w.newPeer("library.example")
		old := w.guardians
		_, at := w.close(&second, nil, append(slices.Clone(old[:3]), library), old)
		w.chain = append(slices.Clone(links), w.link(at, old...))
		w.guardians = append(slices.Clone(old[:3]), library)
		w.cosign(4)
		w.rounds(one, 3)
		if got := stands(one); len(got) != 0 {
			t.Errorf("%s: incidents are %v:\n%s", name, got, texts(one))
		}
		if _, ok := one.Copy.trust().GuardianKey("library.example"); !ok {
			t.Errorf("%s: the next change is not followed", name)
		}
	}
}

// A hub shows a change and rubbish behind it. The change was followed, so another group for its share epoch is found out after a restart, too.
func TestWhatWasFollowedIsKeptWhateverComesBehindIt(t *testing.T) {
	w, one, first := founded(t)
	old := w.guardians
	a := []*peer{old[0], old[1], w.newPeer("a.example"), w.newPeer("b.example")}
	b := []*peer{old[2], old[3], w.newPeer("c.example"), w.newPeer("d.example")}
	_, atA := w.close(&first, []string{old[2].name, old[3].name}, a, old[:2])
	_, atB := w.close(&first, []string{old[0].name, old[1].name}, b, old[2:])
	chain := w.chain
	w.chain = append(slices.Clone(chain), w.link(atA, a...), []byte("rubbish"))
	w.guardians = a
	w.cosign(4)
	w.rounds(one, 4)
	if got := stands(one); !slices.Contains(got, BadChange) || !slices.Contains(got, EmergencyChange) {
		t.Fatalf("incidents are %v:\n%s", got, texts(one))
	}
	one.Close()
	w.chain = append(slices.Clone(chain), w.link(atB, b...))
	again := w.watcher(one.cfg.Dir)
	w.rounds(again, 1)
	if _, ok := again.Copy.trust().GuardianKey("a.example"); !ok || !strings.Contains(texts(again), "Two groups of guardians") {
		t.Errorf("after a start: incidents are %v:\n%s", stands(again), texts(again))
	}
}

// Whoever shows a thousand different bad chains must not have silenced what is said of the next.
func TestFloodOfBadChainsSilencesNothing(t *testing.T) {
	m := newMembers(nil)
	for i := range 5000 {
		m.say(BadChange, fmt.Sprint("forged in another way ", i))
	}
	if n := len(m.take()); n > maxNews {
		t.Errorf("%d are remembered, at most %d", n, maxNews)
	}
	m.say(EmergencyChange, "an emergency")
	if news := m.take(); len(news) != 1 || news[0].kind != EmergencyChange {
		t.Errorf("told is %v, want the emergency", news)
	}
	m.say(EmergencyChange, "an emergency")
	if news := m.take(); len(news) != 0 {
		t.Errorf("told again: %v", news)
	}
}

// Links that do not belong to a city cost no more than reading each once: a thousand of them must not stop who watches.
func TestManyForeignLinksCostLittle(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	stranger := []*peer{other.newPeer("x.example"), other.newPeer("y.example"), other.newPeer("z.example")}
	_, at := other.close(nil, nil, stranger, nil)
	link := other.link(at, stranger...)
	links := make([][]byte, 1000)
	for i := range links {
		links[i] = link
	}
	one := w.watcher(t.TempDir())
	begun := time.Now()
	if eras, _, err := follow(one.trust, links, w.clock()); len(eras) != 0 || err == nil {
		t.Errorf("followed %d groups of another city (%v)", len(eras), err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A mirror that stops between the two files of a change has the newest trust file after its next start.
func TestTrustFileOfAChangeComesAfterACrash(t *testing.T) {
	w, one, first := founded(t)
	library := w.newPeer("library.example")
	old := w.guardians
	_, at := w.close(&first, nil, append(slices.Clone(old[:3]), library), old)
	w.chain = append(w.chain, w.link(at, old...))
	w.cosign(4)
	w.pass(time.Minute)
	w.rounds(one, 2)
	one.Close()
	path := filepath.Join(one.cfg.Dir, "copy", trustText)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.watcher(one.cfg.Dir)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "library.example") {
		t.Errorf("the newest trust file: %s, %v", text, err)
	}
}

// A mirror has no book of incidents: its operator is told in words that the guardians came without a quorum, also by the first look of a run.
func TestMirrorTellsOfAnEmergency(t *testing.T) {
	w, one, first := founded(t)
	old := w.guardians
	a := []*peer{old[0], old[1], w.newPeer("a.example"), w.newPeer("b.example")}
	_, at := w.close(&first, []string{old[2].name, old[3].name}, a, old[:2])
	w.chain = append(w.chain, w.link(at, a...))
	w.guardians = a
	w.cosign(4)
	one.Close()
	c, err := OpenCopy(CopyConfig{Trust: one.trust, LogKey: one.Copy.cfg.LogKey, Dir: t.TempDir(), Record: w.hub.server.URL, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if news := strings.Join(c.News(), "\n"); !strings.Contains(news, "without a quorum") {
		t.Errorf("told is %q", news)
	}
	if again := c.News(); len(again) != 0 {
		t.Errorf("told again: %q", again)
	}
}
