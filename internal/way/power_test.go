package way

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

// exercise is an act of power as its actor builds it.
func (w *world) exercise(t *testing.T, note string) Exercise {
	t.Helper()
	c := inspector()
	private, err := protocol.JCS(protocol.Private{Actor: c.Actor, Inputs: protocol.Inputs{Attrs: []tribune.Name{}, Note: note}, Subjects: []protocol.Subject{}})
	if err != nil {
		t.Fatal(err)
	}
	x := Exercise{Caller: c, Private: private, Salt: protocol.NewSalt(), Act: protocol.Act{
		ID: protocol.NewID(), Kind: tribune.ActDecide, Office: c.Office, Purpose: c.Purpose, Mandate: c.Mandate, Time: protocol.Time(w.clock.Now()),
	}}
	return w.finish(t, x)
}

// finish commits and signs anew.
func (w *world) finish(t *testing.T, x Exercise) Exercise {
	t.Helper()
	var err error
	if x.Act.Com, err = protocol.Commitment(x.Salt, x.Private); err != nil {
		t.Fatal(err)
	}
	x.Signature = w.sign(t, x.Act)
	return x
}

func TestActOfPowerIsOnRecord(t *testing.T) {
	w := newWorld(t)
	x := w.exercise(t, "penalty notice 17")
	receipt, err := w.Do(t.Context(), x)
	if err != nil || len(receipt) == 0 {
		t.Fatalf("receipt %q, %v", receipt, err)
	}
	leaves := w.log.of(t, tribune.ActDecide)
	if len(leaves) != 1 || leaves[0].Act.ID != x.Act.ID || !leaves[0].Decision.Permit {
		t.Fatalf("on record: %+v", leaves)
	}
	if raw := w.log.raw()[0]; bytes.Contains(raw, []byte("notice 17")) || bytes.Contains(raw, []byte(x.Caller.Actor)) {
		t.Errorf("the public leaf tells what only the opening may: %s", raw)
	}
	if w.guards.calls() != 0 {
		t.Error("an act that opens nothing asked guardians")
	}
}

func TestActsOfPowerThatDoNotFitAreRefusedAndNotOnRecord(t *testing.T) {
	for name, c := range map[string]struct {
		want  error
		spoil func(w *world, x *Exercise)
	}{
		"another commitment": {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Com[0] ^= 1; x.Signature = w.sign(t, x.Act) }},
		"another salt":       {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Salt[0] ^= 1 }},
		"short salt":         {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Salt = x.Salt[:31] }},
		"another office":     {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Office = "planner"; *x = w.finish(t, *x) }},
		"another purpose":    {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Purpose = "plan-city"; *x = w.finish(t, *x) }},
		"another mandate":    {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Mandate = "mobility-study-2026"; *x = w.finish(t, *x) }},
		"a reading":          {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Kind = tribune.ActRead; *x = w.finish(t, *x) }},
		"the law":            {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Kind = tribune.ActLaw; *x = w.finish(t, *x) }},
		"a recipient":        {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Recipient = make([]byte, 32); *x = w.finish(t, *x) }},
		"a count":            {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Act.Count = 1; *x = w.finish(t, *x) }},
		"yesterday's": {tribune.ErrInvalid, func(w *world, x *Exercise) {
			x.Act.Time = protocol.Time(w.clock.Now().Add(-maxClockSkew - time.Second))
			*x = w.finish(t, *x)
		}},
		"tomorrow's": {tribune.ErrInvalid, func(w *world, x *Exercise) {
			x.Act.Time = protocol.Time(w.clock.Now().Add(maxClockSkew + time.Second))
			*x = w.finish(t, *x)
		}},
		"another key": {tribune.ErrInvalid, func(w *world, x *Exercise) {
			x.Signature, _ = x.Act.Sign(w.keys[law.Planner])
		}},
		"somebody else's": {tribune.ErrInvalid, func(w *world, x *Exercise) { x.Caller.Actor = law.Planner }},
		"subjects": {tribune.ErrInvalid, func(w *world, x *Exercise) {
			x.Private, _ = protocol.JCS(protocol.Private{Actor: x.Caller.Actor, Inputs: protocol.Inputs{Attrs: []tribune.Name{}}, Subjects: []protocol.Subject{{P: subject(1), N: 1, IDs: []tribune.Identity{}}}})
			*x = w.finish(t, *x)
		}},
		"two spellings": {tribune.ErrInvalid, func(w *world, x *Exercise) {
			x.Private = append([]byte(" "), x.Private...)
			*x = w.finish(t, *x)
		}},
		"a book": {tribune.ErrTooLarge, func(w *world, x *Exercise) { *x = w.exercise(t, strings.Repeat("a", maxPrivate)) }},
		"nobody": {tribune.ErrUnknown, func(w *world, x *Exercise) {
			x.Private = bytes.Replace(x.Private, []byte(x.Caller.Actor), []byte("nobody"), 1)
			x.Caller.Actor = "nobody"
			*x = w.finish(t, *x)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			x := w.exercise(t, "a notice")
			c.spoil(w, &x)
			if receipt, err := w.Do(t.Context(), x); !errors.Is(err, c.want) || receipt != nil {
				t.Errorf("receipt %q, %v; want %v", receipt, err, c.want)
			}
			if w.log.size() != 0 {
				t.Errorf("it is on record: %s", w.log.raw()[0])
			}
		})
	}
}

func TestReplayedActOfPowerIsOnRecordOnce(t *testing.T) {
	w := newWorld(t)
	x := w.exercise(t, "a notice")
	if _, err := w.Do(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{0, 30 * time.Second, 29 * time.Second} {
		w.clock.add(later)
		if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrConflict) {
			t.Errorf("replayed %s later: %v, want ErrConflict", later, err)
		}
	}
	w.start(t) // memory is gone, the record is not
	if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("replayed after a restart: %v, want ErrConflict", err)
	}
	if n := len(w.log.of(t, tribune.ActDecide)); n != 1 {
		t.Errorf("%d leaves for one act", n)
	}
}

// An act dated ahead is accepted for up to twice the skew: its id must be remembered that long.
func TestActDatedAheadIsNotReplayedBetweenGenerations(t *testing.T) {
	w := newWorld(t)
	w.clock.add(2*maxClockSkew - time.Second) // the next act but one turns the generation
	x := w.exercise(t, "a notice")
	x.Act.Time = protocol.Time(w.clock.Now().Add(maxClockSkew))
	x = w.finish(t, x)
	if _, err := w.Do(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.clock.add(30 * time.Second)
		if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrConflict) {
			t.Fatalf("replayed: %v, want ErrConflict", err)
		}
	}
}

func TestActOfPowerThatDidNotGetOnRecordMayBeSentAgain(t *testing.T) {
	w := newWorld(t)
	x := w.exercise(t, "a notice")
	w.log.hooks(func([]byte) (bool, error) { return false, tribune.ErrNoQuorum }, nil)
	if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Fatalf("got %v, want ErrNoQuorum", err)
	}
	w.log.hooks(func([]byte) (bool, error) { return true, tribune.ErrUncertain }, nil)
	if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrUncertain) {
		t.Fatalf("got %v, want ErrUncertain", err)
	}
	w.log.hooks(nil, nil)
	if _, err := w.Do(t.Context(), x); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("after an uncertain one: %v, want ErrConflict", err)
	}
	if n := w.log.size(); n != 1 {
		t.Errorf("%d leaves, want 1", n)
	}
}
