package way

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// denied is a reading that no policy permits: an inspector for the planners' purpose.
func (w *world) denied(t *testing.T) tribune.Reading {
	t.Helper()
	r := w.reading()
	r.Caller.Purpose = "plan-city"
	r.Subjects = []tribune.Pseudonym{subject(1)}
	return r
}

func (w *world) mustDeny(t *testing.T, r tribune.Reading) *tribune.Denial {
	t.Helper()
	_, err := w.Prepare(t.Context(), r)
	var denial *tribune.Denial
	if !errors.As(err, &denial) || !errors.Is(err, tribune.ErrDenied) {
		t.Fatalf("got %v, want a denial", err)
	}
	return denial
}

func TestDenialIsALeafThatTouchesNobody(t *testing.T) {
	w := newWorld(t)
	r := w.denied(t)
	r.Sealed = []tribune.Sealed{w.seal(t, subject(1), "secret")}
	denial := w.mustDeny(t, r)
	if len(denial.Receipt) == 0 || len(denial.Decision.Missing) == 0 {
		t.Errorf("denial without receipt or reason: %+v", denial)
	}
	if w.log.size() != 1 {
		t.Fatalf("%d leaves, want 1: nobody is enrolled for a denied act", w.log.size())
	}
	leaf := w.log.of(t, tribune.ActRead)[0]
	if leaf.Decision.Permit || leaf.Act.Count != 0 || len(leaf.Tags) != 0 || len(leaf.Act.Recipient) != 0 {
		t.Errorf("on record: %+v", leaf)
	}
	if bytes.Contains(w.log.raw()[0], []byte(r.Caller.Actor)) {
		t.Error("the leaf names the employee")
	}
	if w.guards.calls() != 0 {
		t.Error("guardians were asked for a denied act")
	}
	if len(w.vault.closed) != 0 {
		t.Error("a denied act closed segments: each closing costs a header")
	}
}

// A caller could write a person's name, or anything, into a record that forgets nothing.
func TestUnregisteredPurposeAndMandateAreNotWrittenIntoTheRecord(t *testing.T) {
	for _, hostile := range []string{"looking-for-Jane-Doe", "AB12CDE", strings.Repeat("x", 256)} {
		w := newWorld(t)
		r := w.denied(t)
		r.Caller.Purpose, r.Caller.Mandate = tribune.PurposeID(hostile), tribune.MandateID(hostile)
		w.mustDeny(t, r)
		x := w.exercise(t, "a notice")
		x.Caller.Purpose, x.Caller.Mandate = tribune.PurposeID(hostile), tribune.MandateID(hostile)
		x.Act.Purpose, x.Act.Mandate = x.Caller.Purpose, x.Caller.Mandate
		x = w.finish(t, x)
		if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrDenied) {
			t.Fatalf("got %v, want a denial", err)
		}
		if w.log.size() != 2 {
			t.Fatalf("%d leaves, want 2", w.log.size())
		}
		for _, raw := range w.log.raw() {
			leaf, err := protocol.DecodeLeaf(raw)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(hostile)) || leaf.Act.Purpose != unregistered || leaf.Act.Mandate != unregistered {
				t.Errorf("on record: %s", raw)
			}
		}
	}
}

// What the registers know stays: the public sees which purpose and which mandate were refused.
func TestRegisteredPurposeAndMandateStayInADenial(t *testing.T) {
	w := newWorld(t)
	r := w.denied(t)
	r.Caller.Mandate = "parking-enforcement-2025" // expired, and registered
	w.mustDeny(t, r)
	none := w.denied(t)
	none.Caller.Purpose, none.Caller.Mandate = "enforce-parking", ""
	w.mustDeny(t, none)
	leaves := w.log.of(t, tribune.ActRead)
	if a := leaves[0].Act; a.Purpose != "plan-city" || a.Mandate != "parking-enforcement-2025" {
		t.Errorf("on record: %+v", a)
	}
	if a := leaves[1].Act; a.Purpose != "enforce-parking" || a.Mandate != "" {
		t.Errorf("on record: %+v", a)
	}
}

func TestFloodOfDenialsIsCountedAndPublishedTheNextDay(t *testing.T) {
	w := newWorld(t)
	const flood = 50
	for range flood {
		w.mustDeny(t, w.denied(t))
	}
	if w.log.size() != denialBurst {
		t.Errorf("%d leaves, want %d", w.log.size(), denialBurst)
	}
	publish := func() []protocol.Leaf {
		t.Helper()
		if err := errors.Join(w.denials.publish(t.Context()), w.denials.save(t.Context())); err != nil {
			t.Fatal(err)
		}
		return w.log.of(t, tribune.ActRefusals)
	}
	if n := len(publish()); n != 0 {
		t.Fatalf("%d counts on record before the day is over", n)
	}
	w.start(t) // the count survives
	w.clock.add(24 * time.Hour)
	want := fmt.Sprintf(`{"count":%d,"day":"2026-11-22"}`, flood-denialBurst)
	leaves := publish()
	if len(leaves) != 1 || string(leaves[0].Public) != want {
		t.Fatalf("on record: %+v, want %s", leaves, want)
	}
	if len(publish()) != 1 {
		t.Error("one day's count is on record twice")
	}
	if err := leaves[0].Act.Verify(w.cfg.HubKey.Public().(ed25519.PublicKey), leaves[0].Signature); err != nil {
		t.Error(err)
	}
}

// Killed after the leaf and before its row is cleared, the hub must not publish the day again.
func TestCountOnRecordIsNotPublishedAgainAfterACrash(t *testing.T) {
	w := newWorld(t)
	for range denialBurst + 3 {
		w.mustDeny(t, w.denied(t))
	}
	if err := w.denials.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.add(24 * time.Hour)
	cfg := w.cfg
	w.Way.cfg.Store = noDeletes{cfg.Store} // dies before the row is cleared
	if err := w.denials.publish(t.Context()); err == nil {
		t.Fatal("the row was cleared")
	}
	w.start(t)
	if err := w.denials.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.log.of(t, tribune.ActRefusals)); n != 1 {
		t.Errorf("%d counts of one day on record", n)
	}
}

type noDeletes struct{ store.Store }

func (s noDeletes) Commit(ctx context.Context, b *store.Batch) error {
	for _, op := range b.Ops {
		if op.Delete {
			return errors.New("killed")
		}
	}
	return s.Store.Commit(ctx, b)
}

// Where nobody knows whether a day's leaf is in the log, publishing it every minute would fill the log.
func TestUncertainCountWaitsForARestart(t *testing.T) {
	w := newWorld(t)
	for range denialBurst + 3 {
		w.mustDeny(t, w.denied(t))
	}
	if err := w.denials.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.add(24 * time.Hour)
	w.log.hooks(func([]byte) (bool, error) { return true, tribune.ErrUncertain }, nil)
	for range 5 {
		w.denials.publish(t.Context())
	}
	w.log.hooks(nil, nil)
	w.start(t)
	if err := w.denials.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.log.of(t, tribune.ActRefusals)); n != 1 {
		t.Errorf("%d counts of one day on record", n)
	}
}

// An act's own time is its caller's choice within a minute: going back and forth must not refill the caller's bucket.
func TestCallerCannotOutrunTheRateByDatingActs(t *testing.T) {
	w := newWorld(t)
	for i := range 4 * denialBurst {
		x := w.exercise(t, "a notice")
		skew := maxClockSkew
		if i%2 == 0 {
			skew = -skew
		}
		x.Caller.Purpose, x.Act.Purpose, x.Act.Time = "plan-city", "plan-city", protocol.Time(w.clock.Now().Add(skew))
		if _, err := w.Do(t.Context(), w.finish(t, x)); !errors.Is(err, tribune.ErrDenied) {
			t.Fatalf("got %v, want a denial", err)
		}
	}
	if w.log.size() != denialBurst {
		t.Errorf("%d leaves, want %d", w.log.size(), denialBurst)
	}
}

// One who floods must not silence the denials of others.
func TestRateIsEachCallersOwn(t *testing.T) {
	w := newWorld(t)
	for range denialBurst + 10 {
		w.mustDeny(t, w.denied(t))
	}
	other := w.denied(t)
	other.Caller.Actor = "somebody-else"
	w.mustDeny(t, other)
	if w.log.size() != denialBurst+1 {
		t.Errorf("%d leaves, want %d", w.log.size(), denialBurst+1)
	}
	w.clock.add(time.Second)
	w.mustDeny(t, w.denied(t))
	if w.log.size() != denialBurst+2 {
		t.Error("after a second a denial has a leaf again")
	}
}

// A denial stays a denial when the record is closed: "no quorum" would tell the caller to try again.
func TestDenialWithoutQuorumIsCountedAndStaysADenial(t *testing.T) {
	w := newWorld(t)
	w.log.hooks(func([]byte) (bool, error) { return false, tribune.ErrNoQuorum }, nil)
	if denial := w.mustDeny(t, w.denied(t)); denial.Receipt != nil {
		t.Error("a receipt for what is not on record")
	}
	if got := w.denials.uncounted[tribune.DayOf(w.clock.Now())]; got != 1 {
		t.Errorf("counted %d, want 1", got)
	}
	w.log.hooks(nil, func(uint64) error { return tribune.ErrNoQuorum })
	w.mustDeny(t, w.denied(t))
}
