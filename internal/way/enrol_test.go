package way

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

func subjects(from, to int) (all []protocol.Subject) {
	for i := from; i < to; i++ {
		all = append(all, protocol.Subject{P: subject(i)})
	}
	return all
}

func (w *world) enrolled(t *testing.T, from, to int) int {
	t.Helper()
	missing, err := w.enrolment.missing(context.Background(), subjects(from, to), 0)
	if err != nil {
		t.Fatal(err)
	}
	return to - from - len(missing)
}

func TestNewcomersAreEnrolledInBatchesAndOnce(t *testing.T) {
	w := newWorld(t)
	const n = 60
	for range 2 {
		for i := range n {
			w.Enrol(subject(i))
		}
	}
	for deadline := time.Now().Add(20 * time.Second); w.enrolled(t, 0, n) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are enrolled", w.enrolled(t, 0, n), n)
		}
	}
	leaves := w.log.of(t, tribune.ActEnrol)
	count := 0
	for _, l := range leaves {
		count += l.Act.Count
		if len(l.Tags) != 0 || l.Act.Office != "data-hub" {
			t.Errorf("on record: %+v", l)
		}
	}
	if count != n || len(leaves) > 3 {
		t.Errorf("%d subjects in %d leaves, want %d in one or two", count, len(leaves), n)
	}
	// Again, and after a restart: nothing to do.
	w.start(t)
	if err := w.enrolment.ensure(t.Context(), subjects(0, n)); err != nil {
		t.Fatal(err)
	}
	if got := len(w.log.of(t, tribune.ActEnrol)); got != len(leaves) {
		t.Errorf("%d leaves enrol subjects again", got-len(leaves))
	}
}

func TestTraceKeyIsTheGuardiansKeyOfTheSubject(t *testing.T) {
	w := newWorld(t)
	if err := w.enrolment.ensure(t.Context(), subjects(0, 2)); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		d, err := w.vault.TraceKey(t.Context(), subject(i))
		if err != nil {
			t.Fatal(err)
		}
		id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: subject(i)}
		if err := w.master.VerifyKey(id.Bytes(testCity), d); err != nil {
			t.Errorf("subject %d: %v", i, err)
		}
	}
}

// A caller who hangs up between leaf and release would leave a leaf that did nothing, and the next enrolment another.
func TestEnrolmentIsFinishedWhoeverHangsUp(t *testing.T) {
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	w.log.hooks(func([]byte) (bool, error) { hangUp(); return true, nil }, nil)
	if err := w.enrolment.ensure(ctx, subjects(0, 1)); err != nil {
		t.Errorf("got %v", err)
	}
	if w.enrolled(t, 0, 1) != 1 {
		t.Error("the subject is on record and not enrolled")
	}
}

// Guardians that hang must not pile up readers behind one enrolment for ever.
func TestWhoWaitsForAnEnrolmentCanGiveUp(t *testing.T) {
	w := newWorld(t)
	w.enrolment.turn <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.enrolment.ensure(ctx, subjects(0, 1)); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	<-w.enrolment.turn
	if err := w.enrolment.ensure(t.Context(), subjects(0, 1)); err != nil {
		t.Error(err)
	}
}

func TestEnrolmentThatFailedIsTriedAgainWithAnotherLeaf(t *testing.T) {
	w := newWorld(t)
	w.log.hooks(nil, func(uint64) error { return tribune.ErrNoQuorum })
	if err := w.enrolment.ensure(t.Context(), subjects(0, 3)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Fatalf("got %v, want ErrNoQuorum", err)
	}
	if w.guards.calls() != 0 || w.enrolled(t, 0, 3) != 0 {
		t.Error("an unpublished enrolment gave keys")
	}
	w.log.hooks(nil, nil)
	if err := w.enrolment.ensure(t.Context(), subjects(0, 3)); err != nil || w.enrolled(t, 0, 3) != 3 {
		t.Errorf("%d enrolled, %v", w.enrolled(t, 0, 3), err)
	}
}

// Arrival never waits: a full queue drops, and the subject is enrolled at its first use.
func TestFullQueueDoesNotBlockArrival(t *testing.T) {
	w := newWorld(t)
	w.log.hooks(func([]byte) (bool, error) { return false, tribune.ErrNoQuorum }, nil)
	done := make(chan struct{})
	go func() {
		for range 2 * enrolQueue {
			w.Enrol(subject(1))
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("arrival waits for enrolment")
	}
}

func TestNothingAboutAPersonIsLogged(t *testing.T) {
	w := newWorld(t)
	w.guards.bend[1] = "box"
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
	w.mustDeny(t, w.denied(t))
	w.log.hooks(func([]byte) (bool, error) { return false, tribune.ErrNoQuorum }, nil)
	w.mustDeny(t, w.denied(t))
	w.log.hooks(func([]byte) (bool, error) { return true, tribune.ErrUncertain }, nil)
	act, signature := w.prepareSigned(t, w.reading(s))
	w.Open(t.Context(), act.ID, signature)
	if w.words.String() == "" {
		t.Fatal("nothing was logged: the test looks at nothing")
	}
	for _, secret := range []string{subject(1).String(), string(inspector().Actor), "secret"} {
		if strings.Contains(w.words.String(), secret) {
			t.Errorf("the log tells %q:\n%s", secret, w.words)
		}
	}
}
