package vault

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

func TestWholeDayKeyOpensEverySegmentOfThatDayOnly(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	a := f.put(t, tribune.Place{}, p, "morning")
	f.clock.add(6 * time.Hour)
	b := f.put(t, tribune.Place{}, p, "noon")
	f.clock.add(24 * time.Hour)
	c := f.put(t, tribune.Place{}, p, "tomorrow")
	now := f.clock.Now()
	want := []protocol.Subject{{P: p, IDs: []tribune.Identity{wholeDay(segmentOf(a)), segmentOf(c)}}}
	if got := f.Identities(now, []tribune.Sealed{a, b, c, a}); !reflect.DeepEqual(got, want) {
		t.Errorf("identities: got %v, want %v", got, want)
	}
	f.mustOpen(t, []string{"morning", "noon", "tomorrow"}, a, b, c)
	day := f.dealer.keys(t, wholeDay(segmentOf(a)))
	if _, err := f.Open(t.Context(), day, []tribune.Sealed{c}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another day's value: got %v, want ErrNotFound", err)
	}
	segment := f.dealer.keys(t, segmentOf(a))
	if _, err := f.Open(t.Context(), segment, []tribune.Sealed{a, b}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("another segment's value: got %v, want ErrNotFound", err)
	}
}

func TestIdentitiesAreGroupedAndMindGuardiansClocks(t *testing.T) {
	f := newFixture(t)
	p, q := subjectNo(1), subjectNo(2)
	day := tribune.DayOf(morning())
	of := func(p tribune.Pseudonym, day, segment uint32) tribune.Sealed {
		return tribune.Sealed{Class: testClass, Pseudonym: p, Day: day, Segment: segment}
	}
	sealed := []tribune.Sealed{of(q, day, 10), of(p, day, 5), of(q, day, 20), of(q, day, 10), of(p, day-1, 7), of(p, day-1, 8)}
	id := func(s tribune.Sealed) tribune.Identity { return segmentOf(s) }
	segments := []protocol.Subject{
		{P: q, IDs: []tribune.Identity{id(sealed[0]), id(sealed[2])}},
		{P: p, IDs: []tribune.Identity{id(sealed[1]), wholeDay(id(sealed[4]))}},
	}
	days := []protocol.Subject{
		{P: q, IDs: []tribune.Identity{wholeDay(id(sealed[0]))}},
		{P: p, IDs: []tribune.Identity{wholeDay(id(sealed[1])), wholeDay(id(sealed[4]))}},
	}
	midnight := tribune.SegmentStart(day+1, 0)
	for _, c := range []struct {
		now  time.Time
		want []protocol.Subject
	}{
		{morning(), segments},
		{midnight.Add(59 * time.Second), segments}, // a guardian's day may not be over
		{midnight.Add(60 * time.Second), days},
	} {
		if got := f.Identities(c.now, sealed); !reflect.DeepEqual(got, c.want) {
			t.Errorf("at %v: got %v, want %v", c.now, got, c.want)
		}
	}
	if got := f.Identities(morning(), nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

// Whoever may write to the store could otherwise move a value to a subject whose opening is permitted.
func TestMovedValuesDoNotOpen(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	good := f.put(t, tribune.Place{}, p, "clear")
	twin := f.put(t, tribune.Place{}, subjectNo(2), "another's")
	f.clock.add(time.Minute)
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	later := f.put(t, tribune.Place{}, p, "later")
	change := func(change func(*tribune.Sealed)) tribune.Sealed {
		s := good
		s.Value = bytes.Clone(s.Value)
		change(&s)
		return s
	}
	for name, s := range map[string]tribune.Sealed{
		"entity":           change(func(s *tribune.Sealed) { s.Entity += "0" }),
		"attribute":        change(func(s *tribune.Sealed) { s.Attr = "other" }),
		"time":             change(func(s *tribune.Sealed) { s.Time = "2026-11-22T05:00:00.8Z" }),
		"entity/attribute": change(func(s *tribune.Sealed) { s.Entity, s.Attr = "urn:e:", "1attr" }),
		"subject":          change(func(s *tribune.Sealed) { s.Pseudonym = twin.Pseudonym }),
		"segment":          change(func(s *tribune.Sealed) { s.Segment = later.Segment }),
		"value":            change(func(s *tribune.Sealed) { s.Value = twin.Value }),
		"last byte":        change(func(s *tribune.Sealed) { s.Value[len(s.Value)-1] ^= 1 }),
		"nonce":            change(func(s *tribune.Sealed) { s.Value[0] ^= 1 }),
		"cut":              change(func(s *tribune.Sealed) { s.Value = s.Value[:5] }),
		"none":             change(func(s *tribune.Sealed) { s.Value = nil }),
		"long field":       change(func(s *tribune.Sealed) { s.Attr = string(make([]byte, 70000)) }),
	} {
		t.Run(name, func(t *testing.T) {
			var stop *tribune.IntegrityError
			values, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), s), []tribune.Sealed{s})
			if !errors.As(err, &stop) || values != nil {
				t.Errorf("got %q, %v, want an IntegrityError", values, err)
			}
		})
	}
	for name, s := range map[string]tribune.Sealed{
		"class":          change(func(s *tribune.Sealed) { s.Class = "other" }),
		"day":            change(func(s *tribune.Sealed) { s.Day-- }),
		"unused segment": change(func(s *tribune.Sealed) { s.Segment++ }),
	} {
		t.Run(name, func(t *testing.T) {
			if values, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), s), []tribune.Sealed{s}); !errors.Is(err, tribune.ErrNotFound) {
				t.Errorf("got %q, %v, want ErrNotFound", values, err)
			}
		})
	}
	f.mustOpen(t, []string{"clear", "later"}, good, later)
}

func TestWrongKeyDoesNotOpen(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	other := f.dealer.keysOf(t, f.Vault, f.clock.Now(), tribune.Sealed{Class: testClass, Pseudonym: subjectNo(2)})
	for _, d := range other {
		if _, err := f.Open(t.Context(), map[tribune.Identity][]byte{segmentOf(s): d}, []tribune.Sealed{s}); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
	if _, err := f.Open(t.Context(), nil, []tribune.Sealed{s}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("without a key: got %v, want ErrNotFound", err)
	}
}

func TestOpenOverwritesTheKeys(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	keys := f.dealer.keysOf(t, f.Vault, f.clock.Now(), s)
	if _, err := f.Open(t.Context(), keys, []tribune.Sealed{s}); err != nil {
		t.Fatal(err)
	}
	for id, d := range keys {
		if !bytes.Equal(d, make([]byte, ibe.G1Size)) {
			t.Errorf("the key of %v is still in memory", id)
		}
	}
}
