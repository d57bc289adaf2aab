package watch

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// A healthy city gives no incident: growth, quiet, a guardian that is away for a moment, a law that tightens, denials, restarts.
func TestAHealthyCityGivesNoIncident(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	one := w.watcher(dir)
	w.rounds(one, 1)
	for i := range 40 {
		for range i * 7 {
			w.add(w.leaf())
		}
		w.add(w.leaf(tagged(12)))
		w.add(w.leaf(denied))
		if i == 20 {
			tighter := w.changed("offices.toml", "acts_per_hour = 1000", "acts_per_hour = 999")
			w.add(w.publish(tighter))
			w.set = tighter
		}
		w.cosign(3 + i%2)
		w.guardians[3].down = i == 9
		w.rounds(one, 1)
		w.guardians[3].down = false
		w.pass(40 * time.Minute)
		w.cosign(4)
	}
	w.rounds(one, 3)
	w.expect(one, false)
	if s := one.Copy.Status(); s.Behind != 0 || s.Size != uint64(len(w.book.leaves)) {
		t.Errorf("status is %+v, the log has %d leaves", s, len(w.book.leaves))
	}
	one.Close()
	again := w.watcher(dir)
	w.rounds(again, 2)
	w.expect(again, false)
	notices := len(again.Book.All())
	if notices != len(one.Book.All()) || notices == 0 {
		t.Errorf("after a restart there are %d notices, before it %d:\n%s", notices, len(one.Book.All()), texts(again))
	}
}

func denied(l *protocol.Leaf) {
	l.Decision.Permit, l.Decision.Policies, l.Decision.Missing = false, []string{}, []string{"no mandate was named"}
	l.Act.Count, l.Tags, l.Signature, l.Act.Recipient = 0, []tribune.Tag{}, nil, nil
}

func TestSplitViewOfOneSize(t *testing.T) {
	w := newWorld(t)
	w.add(w.leaf())
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	lie := w.book.clone(len(w.book.leaves) - 1)
	lie.append(w.leaf())
	w.guardians[1].shows, w.guardians[1].book = w.note(lie, len(lie.leaves), w.guardians[1]), lie
	w.rounds(one, 2)
	w.expect(one, true, SplitView)
	if !strings.Contains(one.Book.Open()[0].Text, w.guardians[1].server.URL) {
		t.Errorf("it does not say who showed it: %s", one.Book.Open()[0].Text)
	}
}

// The two histories are of different sizes: no root can be compared with another, and the proof is a consistency proof.
func TestSplitViewOfDifferentSizes(t *testing.T) {
	for name, more := range map[string]int{"the lie is longer": 400, "the lie is shorter": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for range 300 {
				w.add(w.leaf())
			}
			w.cosign(4)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			lie := w.book.clone(100)
			for range 50 + more {
				lie.append(w.leaf())
			}
			w.guardians[0].shows, w.guardians[0].book = w.note(lie, len(lie.leaves), w.guardians[0]), lie
			w.rounds(one, 2)
			w.expect(one, true, SplitView)
		})
	}
}

// The hub and a quorum of guardians go on with another history: the copy stays where it is.
func TestSplitViewUnderQuorumIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.add(w.leaf())
	}
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	held := one.Copy.mirror.Head()
	w.book = w.book.clone(15)
	for range 30 {
		w.add(w.leaf())
	}
	w.cosign(4)
	w.rounds(one, 1)
	w.expect(one, true, SplitView)
	if now := one.Copy.mirror.Head(); now.Root != held.Root {
		t.Errorf("the copy followed the lie: %d leaves, root %s", now.Size, now.Root)
	}
}

// A citizen's receipt is under a checkpoint that nobody else was shown.
func TestSplitViewByGossip(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.add(w.leaf())
	}
	w.cosign(4)
	lie := w.book.clone(8)
	lie.append(w.leaf())
	path := t.TempDir() + "/receipt"
	if err := durable.WritePublic(path, w.note(lie, 9, w.guardians...)); err != nil {
		t.Fatal(err)
	}
	one := w.watcher(t.TempDir(), func(c *Config) { c.Gossip = []string{path} })
	w.rounds(one, 1)
	w.expect(one, true, SplitView)
}

func TestRollbackToABackup(t *testing.T) {
	w := newWorld(t)
	w.add(w.leaf())
	w.cosign(4)
	backup, note := w.book.clone(len(w.book.leaves)), w.hub.shows
	for range 10 {
		w.add(w.leaf())
	}
	w.cosign(4)
	dir := t.TempDir()
	one := w.watcher(dir)
	w.rounds(one, 1)
	one.Close() // the memory of it must survive
	w.hub.book, w.hub.shows = backup, note
	one = w.watcher(dir)
	w.rounds(one, 1)
	w.expect(one, false, RolledBack)
	if text := one.Book.Open()[0].Text; !strings.Contains(text, "13 are on record") || !strings.Contains(text, "10 are gone") {
		t.Errorf("it does not say how many: %s", text)
	}
	w.cosign(4) // the mirrors have filled it up
	w.rounds(one, 1)
	w.expect(one, false)
	if all := one.Book.All(); !slices.ContainsFunc(all, func(i Incident) bool { return i.Kind == RolledBack && !i.Resolved.IsZero() }) {
		t.Errorf("it is deleted, not marked:\n%s", texts(one))
	}
}

func TestStalled(t *testing.T) {
	for name, away := range map[string]bool{"the hub answers": false, "the hub is away": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			w.hub.down = away
			w.rounds(one, 9)
			w.expect(one, false)
			w.rounds(one, 4)
			w.expect(one, false, Stalled)
			if says := strings.Contains(one.Book.Open()[0].Text, "does not answer"); says != away {
				t.Errorf("it says: %s", one.Book.Open()[0].Text)
			}
			w.hub.down = false
			w.cosign(4)
			w.rounds(one, 1)
			w.expect(one, false)
		})
	}
}

// The hub is gone; guardians each show their own co-signature only. Together they are a quorum.
func TestTheRecordIsFollowedFromGuardians(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	for range 600 {
		w.add(w.leaf())
	}
	w.cosign(4)
	w.hub.down = true
	w.guardians[0].down = true
	w.rounds(one, 1)
	if s := one.Copy.Status(); s.Size != 602 || s.Problem != "" {
		t.Errorf("status is %+v, want 602 leaves", s)
	}
	w.guardians[1].down = true // two of four are none
	w.add(w.leaf())
	w.cosign(4)
	w.rounds(one, 1)
	if s := one.Copy.Status(); s.Size != 602 || s.Behind != 1 {
		t.Errorf("status is %+v, want 602 leaves, one behind", s)
	}
}

func TestFewerCosignaturesThanTheQuorum(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	w.add(w.leaf())
	w.hub.shows = w.note(w.book, len(w.book.leaves), w.guardians[:2]...)
	w.rounds(one, 1)
	w.expect(one, false, NoQuorum)
	if s := one.Copy.Status(); s.Size != 2 {
		t.Errorf("%d leaves are held, want 2: nobody vouches for the third", s.Size)
	}
}

// A leaf is altered under an old checkpoint: what is fetched is not what was signed, and nothing of it is stored.
func TestAlteredLeafUnderACheckpoint(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		w.add(w.leaf())
	}
	w.cosign(4)
	for _, p := range append(w.guardians, w.hub) {
		p.book = w.book.clone(len(w.book.leaves))
		p.book.leaves[7] = w.leaf()
	}
	dir := t.TempDir()
	one := w.watcher(dir)
	w.rounds(one, 4)
	if got := stands(one); !slices.Contains(got, Withheld) {
		t.Errorf("incidents are %v, want %s", got, Withheld)
	}
	if s := one.Copy.Status(); s.Size != 0 || !strings.Contains(s.Problem, "entry 7 does not hash") {
		t.Errorf("status is %+v", s)
	}
	if kept, err := os.ReadDir(dir + "/copy/record/tile/entries"); err == nil {
		t.Errorf("%v was stored", kept)
	}
	w.hub.book = w.book // one that serves the truth is enough
	w.rounds(one, 1)
	if s := one.Copy.Status(); s.Size != 302 {
		t.Errorf("status is %+v, want 302 leaves", s)
	}
}

func TestAGuardianThatServesAnotherTreeThanItSigns(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.add(w.leaf())
	}
	w.cosign(4)
	g := w.guardians[2]
	g.book = w.book.clone(len(w.book.leaves))
	g.book.leaves[5] = w.leaf()
	one := w.watcher(t.TempDir())
	w.rounds(one, 2)
	w.expect(one, false, OtherTiles)
}

func TestAGuardianThatSignsWithoutServing(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	w.guardians[2].untiled = true
	for range 14 {
		w.cosign(4)
		w.rounds(one, 1)
	}
	w.expect(one, false, NotServing)
	w.guardians[2].untiled, w.guardians[2].down = false, true
	for range 14 {
		w.cosign(4)
		w.hub.shows = w.note(w.book, len(w.book.leaves), w.guardians[0], w.guardians[1], w.guardians[3])
		w.rounds(one, 1)
	}
	w.expect(one, false, Away)
	w.guardians[2].down = false
	w.cosign(4)
	w.rounds(one, 1)
	w.expect(one, false)
}
