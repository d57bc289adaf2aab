package way

import (
	"testing"
	"time"
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

func TestDeletionDoesNotWaitForEverForGuardians(t *testing.T) {
	w, h, _, _ := erasable(t)
	w.guards.mu.Lock()
	w.guards.proofs.deny = map[int]bool{1: true, 2: true, 3: true, 4: true}
	w.guards.mu.Unlock()
	index := w.erase(t, subject(1))
	w.Way.Close()
	w.clock.add(proveFor)
	w.start(t)
	if e := w.until(t, index); len(e.Stated) != 0 || h.holds(subject(1)) {
		t.Errorf("state: %+v", e)
	}
}
