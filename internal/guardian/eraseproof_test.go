package guardian

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/guardian/client"
	"tribune/law"
	"tribune/protocol"
)

// erasure is an erasure as an honest hub puts it on record, with the number of the use and of the erasure.
func (w *world) erasure(p tribune.Pseudonym, d []byte, n, m uint64) *act {
	w.t.Helper()
	k, err := protocol.TraceKey(d)
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.newAct(tribune.ActErase, law.Protection, "data-protection", "erasure", "erasure-2026")
	c.priv.Inputs.Attrs = []tribune.Name{}
	c.priv.Subjects = []protocol.Subject{{P: p, N: n, IDs: []tribune.Identity{}}}
	c.traces, c.tags = [][]byte{d}, []tribune.Tag{protocol.UseTag(k, n)}
	c.spoilAct = func(a *protocol.Act) { a.Recipient = nil }
	c.spoilLeaf = func(l *protocol.Leaf) {
		l.Public, err = protocol.JCS(protocol.NewErasure(c.at, []tribune.Tag{protocol.ErasedTag(k, m)}))
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

// show shows guardian i an erasure; it returns its statement, or why not.
func (w *world) show(i int, req protocol.Request) (string, *protocol.ErasureStatement) {
	w.t.Helper()
	one := w.group
	one.Guardians = one.Guardians[i : i+1]
	stated, err := client.New(client.Config{Group: one, Key: w.logKey}).Erased(context.Background(), req)
	if err != nil {
		return err.Error(), nil
	}
	return "", &stated[0]
}

// refuses reports whether guardian i opens nothing of a subject's yesterday.
func (w *world) refuses(i int, d []byte, p tribune.Pseudonym) bool {
	w.t.Helper()
	k, err := protocol.TraceKey(d)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.guards[i].index.unerased(k, []tribune.Identity{session(p, tribune.DayOf(time.Now())-1, tribune.WholeDay)}) != nil
}

const afterGrace = protocol.ErasureGrace + time.Hour

// A hub that was taken over puts an erasure on record of somebody whom nobody wants to erase: it has their keys, and no officer's. Guardians obey it
// for a day at most, say so in public, and open that person again. A real one they obey for ever, whatever is shown later, from the leaf on.
func TestForgedErasureIsNotObeyed(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben, cleo, dora := tribune.Pseudonym{51}, tribune.Pseudonym{52}, tribune.Pseudonym{53}, tribune.Pseudonym{54}
	traces := w.enrol(anna, ben, cleo, dora)

	lawful := w.erasure(anna, traces[anna], 1, 1)
	real := w.build(lawful)

	nothingShown := w.erasure(ben, traces[ben], 1, 1)
	w.build(nothingShown)

	_, stolen, _ := ed25519.GenerateKey(nil)
	unsigned := w.erasure(cleo, traces[cleo], 1, 1)
	officer := w.keys[law.Protection]
	w.keys[law.Protection] = stolen
	bySomebody := w.build(unsigned)
	w.keys[law.Protection] = officer

	of := w.erasure(dora, traces[dora], 1, 1) // the officer has signed that another be erased
	inner := of.spoilLeaf
	of.spoilLeaf = func(l *protocol.Leaf) {
		inner(l)
		k, _ := protocol.TraceKey(traces[ben])
		l.Public, _ = protocol.JCS(protocol.NewErasure(of.at, []tribune.Tag{protocol.ErasedTag(k, 2)}))
	}
	ofAnother := w.build(of)

	for i := range w.guards {
		if !w.refuses(i, traces[anna], anna) || !w.refuses(i, traces[ben], ben) || !w.refuses(i, traces[cleo], cleo) {
			t.Fatalf("guardian %d: an erasure on record does not refuse from its leaf on", i+1)
		}
	}
	// What the leaf does not commit to proves nothing, and does not shorten anything.
	rubbish := real
	rubbish.Salt = protocol.NewSalt()
	if why, _ := w.show(0, rubbish); !strings.Contains(why, "not the one that the leaf commits to") {
		t.Errorf("rubbish is shown: %q", why)
	}
	wrongTrace := real
	wrongTrace.Traces = [][]byte{traces[ben]}
	if why, _ := w.show(0, wrongTrace); !strings.Contains(why, "does not belong") {
		t.Errorf("another's trace key is shown: %q", why)
	}
	if w.guards[0].erasureAt(lawful.index).Verdict != pending || !w.refuses(0, traces[anna], anna) {
		t.Error("a guardian is talked out of a real erasure")
	}
	for i := range 3 {
		why, s := w.show(i, real)
		if s == nil {
			t.Fatalf("control: guardian %d is shown a lawful erasure: %s", i+1, why)
		}
		if why, s := w.show(i, bySomebody); s != nil || !strings.Contains(why, "not signed with the key") {
			t.Errorf("guardian %d, signed by nobody appointed: %q", i+1, why)
		}
		if why, s := w.show(i, ofAnother); s != nil || !strings.Contains(why, "not theirs") {
			t.Errorf("guardian %d, with the tag of another: %q", i+1, why)
		}
	}
	if w.refuses(0, traces[cleo], cleo) {
		t.Error("a forged erasure is obeyed once that is known")
	}
	if list := w.guards[0].unprovenErasures(); len(list.Unproven) != 2 || len(list.Pending) != 1 || list.Pending[0] != nothingShown.index {
		t.Errorf("in public: %+v", list)
	}

	w.restart(1)
	w.later(afterGrace)
	for i := range 2 {
		if !w.refuses(i, traces[anna], anna) {
			t.Errorf("guardian %d forgets a real erasure", i+1)
		}
		if w.refuses(i, traces[ben], ben) {
			t.Errorf("guardian %d: an erasure of which nobody shows anything is obeyed after %s", i+1, afterGrace)
		}
		if list := w.guards[i].unprovenErasures(); len(list.Unproven) != 3 || len(list.Pending) != 0 {
			t.Errorf("guardian %d, in public: %+v", i+1, list)
		}
	}
}

// A guardian that was away when an erasure was shown believes t others, and no fewer.
func TestAbsentGuardianLearnsOfErasureFromOthers(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{61}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	req := w.build(c)
	last := w.guards[3]
	ask := func() verdict {
		if err := last.askPeers(t.Context(), c.index, last.erasureAt(c.index).Hash, map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		return last.erasureAt(c.index).Verdict
	}
	w.show(0, req)
	if v := ask(); v != pending {
		t.Errorf("one of t=2 is believed: %q", v)
	}
	w.show(1, req)
	if v := ask(); v != proven {
		t.Errorf("two are not: %q", v)
	}
	w.restart(3)
	w.later(afterGrace)
	if !w.refuses(3, traces[anna], anna) {
		t.Error("forgotten after a restart")
	}
}

// A folder from before erasures were shown keeps what it has obeyed; one that is new takes nothing on trust.
func TestErasuresOfBeforeAreKept(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{62}
	traces := w.enrol(anna)
	c := w.erasure(anna, traces[anna], 1, 1)
	w.build(c)
	w.guards[2].stop()
	w.forgetErasures(2)
	w.start(2)
	w.later(afterGrace)
	if !w.refuses(2, traces[anna], anna) || w.refuses(1, traces[anna], anna) {
		t.Error("an old folder must keep on obeying, and only an old one")
	}
}

// forgetErasures makes a guardian's folder one of a version before.
func (w *world) forgetErasures(i int) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.guards[i].cfg.Dir, erasuresFile)); err != nil {
		w.t.Fatal(err)
	}
}
