package watch

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune/protocol"
	"tribune/verify"
)

// right puts a publication on record of which two guardians say that it is right, and shows it; it returns its index and where it is shown.
func (w *world) right() (index uint64, raw []byte, path string) {
	w.t.Helper()
	file := []byte(`{"a": 1}`)
	l := w.published(w.auditor, func(_ *protocol.Leaf, p *protocol.Publication, v *protocol.ModelVerdict) {
		p.File, p.Size, v.Until = sha256.Sum256(file), len(file), w.now.AddDate(0, 1, 0).Unix()
	})
	raw, err := l.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	index = w.add(raw)
	path = fmt.Sprintf("/models/explanations/%d", index)
	w.cosign(4)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages = map[string][]byte{path: file, "/models.json": []byte("[]")}
	w.released[fmt.Sprint(index)] = []protocol.Statement{w.states(0, raw), w.states(2, raw)}
	return index, raw, path
}

// explainedTexts are what was said, be it over by now or not.
func explainedTexts(one *Watcher) (said []string) {
	for _, in := range one.Book.All() {
		if in.Kind == Explained {
			said = append(said, in.Text)
		}
	}
	return said
}

// What is right stays right when guardians change: by the group of its place. And who had left before says nothing of what came later.
func TestExplanationsAreHeldAgainstTheGuardiansOfTheirTime(t *testing.T) {
	for name, c := range map[string]struct {
		eras func(first era, index uint64) []era
		want string // "" = nothing is wrong
	}{
		"more are needed since": {func(first era, index uint64) []era {
			three := *first.group
			three.T = 3
			return []era{first, {trust: first.trust, group: &three, closed: index + 1}}
		}, ""},
		"more were needed then": {func(first era, index uint64) []era {
			three := *first.group
			three.T = 3
			return []era{{trust: first.trust, group: &three, closed: first.closed}}
		}, "2 guardians state"},
		"older than the guardians that are known": {func(first era, index uint64) []era {
			first.closed = index + 1
			first.trust = strangers(t)
			return []era{first}
		}, ""},
		"by guardians that had left": {func(first era, index uint64) []era {
			others := era{trust: strangers(t), group: first.group, closed: index - 2}
			last := others
			last.closed = index - 1
			return []era{first, others, last}
		}, "0 guardians state"},
	} {
		w, _, _ := founded(t)
		w.add(w.leaf())
		w.add(w.leaf())
		index, _, _ := w.right()
		w.pass(publicationAfter)
		w.cosign(4)
		one := w.watcher(t.TempDir())
		w.rounds(one, 1)
		one.read.rightly = map[uint64]bool{}
		w.mu.Lock()
		w.chain = nil // as the test has it, not as the hub shows it
		w.mu.Unlock()
		m := one.Copy.members
		m.mu.Lock()
		m.eras = c.eras(m.eras[0], index)
		one.read.laws.t = m.eras[len(m.eras)-1].group.T
		m.mu.Unlock()
		for range 5 {
			one.read.explanations(t.Context(), true)
			w.pass(30 * time.Second)
		}
		said := explainedTexts(one)
		if (len(said) > 0) != (c.want != "") || !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
}

// strangers is a trust file with other guardians.
func strangers(t *testing.T) *verify.Trust {
	t.Helper()
	trust, err := verify.ParseTrust([]byte(newWorld(t).trust))
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// A hub that starts, or clocks that differ by a minute, are no incident; a hub that shows its log and never sends the file is one, as is a list of what is to come.
func TestExplanationKeptBackIsToldFromOneThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		lie  func(w *world, path string)
		want string
	}{
		"the hub is away": {func(w *world, _ string) { w.hub.down = true }, ""},
		"its proxy answers for it": {func(w *world, path string) {
			w.hub.shows, w.failing = nil, path
		}, ""},
		"it shows its log, and hangs up at this": {func(w *world, path string) { w.hangs = path }, "does not show"},
		"an entry that is never to come": {func(w *world, _ string) {
			w.pages["/models.json"] = []byte(`[{"id": "parking-demand", "explanations": [{"entry": 999999, "sha256": "` + strings.Repeat("0a", 32) + `"}]}]`)
		}, "shows nobody that entry"},
		"a minute before its verdict ends, by our clock": {func(w *world, path string) {
			w.now = w.now.AddDate(0, 1, 0).Add(-publicationAfter - 2*time.Minute)
			delete(w.pages, path)
		}, ""},
	} {
		w := newWorld(t)
		w.pass(tightGrace)
		_, _, path := w.right()
		w.pass(publicationAfter)
		one := w.watcher(t.TempDir())
		w.cosign(4)
		w.rounds(one, 1) // it is seen as it should be
		w.mu.Lock()
		c.lie(w, path)
		w.mu.Unlock()
		for range 9 {
			if w.hub.shows != nil {
				w.cosign(4)
			}
			w.rounds(one, 1)
		}
		said := explainedTexts(one)
		if (len(said) > 0) != (c.want != "") || !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
}

// A hub that waits for its guardians cannot say what they state. One that has them and keeps silent, hides that they state nothing.
func TestSilenceAboutWhatGuardiansStateIsNoWayAround(t *testing.T) {
	for name, guarded := range map[string]bool{"it has its guardians": true, "it waits for them": false} {
		w := newWorld(t)
		w.pass(tightGrace)
		index, _, _ := w.right()
		w.mu.Lock()
		w.failing = fmt.Sprintf("/record/releases/%d", index)
		w.mu.Unlock()
		w.pass(publicationAfter)
		w.cosign(4)
		one := w.watcher(t.TempDir())
		for range 9 {
			w.rounds(one, 1)
			w.pass(10 * time.Minute)
			if guarded {
				w.cosign(4)
			}
		}
		if said := explainedTexts(one); (len(said) > 0) != guarded {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// Who looks twice and ends looks at all of them, however long one keeps them waiting.
func TestOneThatHangsHidesNoOtherFromWhoLooksOnce(t *testing.T) {
	w := newWorld(t)
	w.pass(tightGrace)
	_, _, first := w.right()
	_, _, second := w.right()
	w.pass(publicationAfter)
	w.cosign(4)
	w.mu.Lock()
	w.hangs, w.pages[second] = first, []byte(`{"a": 2}`)
	w.mu.Unlock()
	one := w.watcher(t.TempDir())
	one.patience = 0
	w.rounds(one, 2)
	if said := strings.Join(explainedTexts(one), "\n"); !strings.Contains(said, "does not show") || !strings.Contains(said, "another file") {
		t.Errorf("said: %q", said)
	}
}
