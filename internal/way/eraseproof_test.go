package way

import (
	"context"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// Guardians are shown an erasure before anything is deleted with which it could be shown: while too few of them obey it, everything waits, and
// nothing of the person is taken meanwhile. What was begun goes on after a crash, and ends before guardians lose their patience.
func TestNothingIsDeletedBeforeGuardiansObey(t *testing.T) {
	w, h, _, _ := erasable(t)
	w.guards.mu.Lock()
	w.guards.proofs.deny = map[int]bool{1: true, 2: true}
	w.guards.mu.Unlock()
	index := w.erase(t, subject(1))
	shown := func() int {
		w.guards.mu.Lock()
		defer w.guards.mu.Unlock()
		return w.guards.proofs.shown
	}
	wait := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); shown() < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("guardians were shown it %d times, want %d; log: %s", shown(), n, w.words)
			}
		}
	}
	wait(1)
	w.Way.Close()
	if !h.holds(subject(1)) || !w.vault.Barred(subject(1)) {
		t.Error("deleted before guardians obey, or something more is taken")
	}
	w.start(t) // tries again
	wait(2)
	w.Way.Close()
	if !h.holds(subject(1)) {
		t.Error("deleted after a restart")
	}
	w.guards.mu.Lock()
	w.guards.proofs.deny = map[int]bool{1: true}
	w.guards.mu.Unlock()
	w.start(t)
	if e := w.until(t, index); len(e.Stated) != 3 || h.holds(subject(1)) {
		t.Errorf("state: %+v", e)
	}
}

// shownTo waits until guardians were asked n times.
func (w *world) shownTo(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		w.guards.mu.Lock()
		shown := w.guards.proofs.shown
		w.guards.mu.Unlock()
		if shown >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("guardians were shown it %d times, want %d; log: %s", shown, n, w.words)
		}
	}
}

// deny has guardians obey nothing they are shown.
func (w *world) deny(all ...int) {
	w.guards.mu.Lock()
	defer w.guards.mu.Unlock()
	w.guards.proofs.deny = map[int]bool{}
	for _, i := range all {
		w.guards.proofs.deny[i] = true
	}
}

// A network lets half of the guardians be reached now, and the other half later: together they are enough.
func TestStatementsOfTwoRoundsCountTogether(t *testing.T) {
	w, _, _, _ := erasable(t)
	w.deny(1, 2)
	index := w.erase(t, subject(1))
	w.shownTo(t, 1)
	w.deny(3, 4)
	w.erasing.wakeUp()
	if e := w.until(t, index); len(e.Stated) != 4 {
		t.Errorf("%d statements", len(e.Stated))
	}
}

func TestDeletionDoesNotWaitForEverForGuardians(t *testing.T) {
	w, h, _, _ := erasable(t)
	w.deny(1, 2, 3, 4)
	index := w.erase(t, subject(1))
	w.shownTo(t, 1)
	w.clock.add(proveFor)
	w.erasing.wakeUp()
	if e := w.until(t, index); len(e.Stated) != 0 || h.holds(subject(1)) {
		t.Errorf("state: %+v", e)
	}
}

// A hub that was dead for a day finds no guardian in its first second: it tries on before it deletes what shows them the erasure.
func TestHubThatWasDeadForADayShowsErasureFirst(t *testing.T) {
	w, h, _, _ := erasable(t)
	w.deny(1, 2, 3, 4)
	index := w.erase(t, subject(1))
	w.shownTo(t, 1)
	w.Way.Close()
	w.clock.add(protocol.ErasureGrace)
	w.start(t)
	w.guards.mu.Lock()
	before := w.guards.proofs.shown
	w.guards.mu.Unlock()
	w.erasing.wakeUp()
	w.shownTo(t, before+1)
	time.Sleep(100 * time.Millisecond) // what would delete begins at once
	if !h.holds(subject(1)) {
		t.Fatal("deleted at the first failure")
	}
	w.deny()
	w.erasing.wakeUp()
	if e := w.until(t, index); len(e.Stated) != 4 {
		t.Errorf("%d statements", len(e.Stated))
	}
}

// What cannot be read any more, or a queue that is full, keeps nobody's data for ever.
func TestErasureEndsWhereItCannotBeShownOrTold(t *testing.T) {
	for what, spoil := range map[string]func(t *testing.T, w *world, leaf []byte){
		"an opening that no key opens": func(t *testing.T, w *world, leaf []byte) {
			var b store.Batch
			b.Put(openingKey(protocol.LeafHash(leaf)), []byte("rubbish"))
			if err := w.cfg.Store.Commit(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
		},
		"recipients whose queue is full": func(t *testing.T, w *world, leaf []byte) { w.cfg.Told = full{} },
	} {
		t.Run(what, func(t *testing.T) {
			w, h, _, _ := erasable(t)
			w.deny(1, 2, 3, 4)
			index := w.erase(t, subject(1))
			w.shownTo(t, 1)
			w.Way.Close()
			leaf, err := w.leafAt(t.Context(), index)
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, w, leaf)
			w.deny()
			w.start(t)
			time.Sleep(200 * time.Millisecond)
			if !h.holds(subject(1)) {
				t.Fatal("control: deleted though it could not be shown or told yet")
			}
			w.clock.add(proveFor)
			w.erasing.wakeUp()
			w.until(t, index)
			if h.holds(subject(1)) {
				t.Error("still there")
			}
		})
	}
}

// full takes no notices.
type full struct{}

func (full) Erased(context.Context, string, tribune.Pseudonym, time.Time, []Given) error {
	return tribune.ErrBusy
}
