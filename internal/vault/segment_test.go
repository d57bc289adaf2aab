package vault

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
)

func TestNothingIsSealedToAClosedSegment(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	before := f.put(t, tribune.Place{}, p, "before the act")
	keys := f.dealer.keysOf(t, f.Vault, f.clock.Now(), before)
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	after := f.put(t, tribune.Place{}, p, "after the act, in the same second")
	if after.Segment != before.Segment+1 {
		t.Errorf("segment after the act: got %d, want %d", after.Segment, before.Segment+1)
	}
	if got, err := f.Open(t.Context(), clone(keys), []tribune.Sealed{after}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("the act's keys on a later value: got %q, %v, want ErrNotFound", got, err)
	}
	if got, err := f.Open(t.Context(), keys, []tribune.Sealed{before}); err != nil || string(got[0]) != "before the act" {
		t.Errorf("the act's keys on its own value: got %q, %v", got, err)
	}

	// The segment named by the coming second is an act's too once it has begun: closing waits for that.
	start := time.Now()
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	if waited := time.Since(start); waited < 90*time.Millisecond || waited > time.Second {
		t.Errorf("closing a segment named 0.1 s ahead took %v", waited)
	}
	f.clock.add(100 * time.Millisecond)
	if third := f.put(t, tribune.Place{}, p, "x"); third.Segment != before.Segment+2 {
		t.Errorf("third segment: got %d, want %d", third.Segment, before.Segment+2)
	}

	// Others are not concerned, nor is another class.
	f.clock.set(morning().Add(time.Minute))
	other := f.put(t, tribune.Place{}, subjectNo(2), "x")
	f.CloseSegments("another-class", []tribune.Pseudonym{subjectNo(2)})
	f.CloseSegments(testClass, []tribune.Pseudonym{subjectNo(3)})
	if again := f.put(t, tribune.Place{}, subjectNo(2), "x"); again.Segment != other.Segment {
		t.Errorf("another's segment: got %d, want %d", again.Segment, other.Segment)
	}
}

func clone(keys map[tribune.Identity][]byte) map[tribune.Identity][]byte {
	out := map[tribune.Identity][]byte{}
	for id, d := range keys {
		out[id] = bytes.Clone(d)
	}
	return out
}

func TestSegmentsEndAfterAQuarterOfAnHourAndAtMidnight(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	day := tribune.DayOf(morning())
	for _, step := range []struct {
		at           time.Time
		day, segment uint32
	}{
		{morning(), day, second(5, 0, 0)},
		{morning().Add(14*time.Minute + 59*time.Second), day, second(5, 0, 0)},
		{morning().Add(15 * time.Minute), day, second(5, 15, 0)},
		{time.Date(2026, 11, 22, 23, 55, 30, 0, time.UTC), day, second(23, 55, 30)},
		{time.Date(2026, 11, 22, 23, 59, 59, 999e6, time.UTC), day, second(23, 55, 30)},
		{time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), day + 1, 0},
		{time.Date(2026, 11, 23, 0, 14, 59, 0, time.UTC), day + 1, 0},
		{time.Date(2026, 11, 23, 0, 15, 0, 0, time.UTC), day + 1, second(0, 15, 0)},
	} {
		f.clock.set(step.at)
		s := f.put(t, tribune.Place{}, p, "x")
		if s.Day != step.day || s.Segment != step.segment {
			t.Errorf("at %v: got day %d segment %d, want %d, %d", step.at, s.Day, s.Segment, step.day, step.segment)
		}
	}
	// A name taken a second ahead does not prolong a segment.
	f.clock.set(morning().Add(48 * time.Hour))
	f.put(t, tribune.Place{}, p, "x")
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	if s := f.put(t, tribune.Place{}, p, "x"); s.Segment != second(5, 0, 1) {
		t.Fatalf("segment %d, want the next second", s.Segment)
	}
	f.clock.add(15 * time.Minute)
	if s := f.put(t, tribune.Place{}, p, "x"); s.Segment != second(5, 15, 0) {
		t.Errorf("after 15 minutes: segment %d, want %d", s.Segment, second(5, 15, 0))
	}
	// A segment opened for the last second of a day and needed by an act goes on tomorrow.
	f.clock.set(time.Date(2026, 11, 24, 23, 59, 59, 95e7, time.UTC))
	a := f.put(t, tribune.Place{}, p, "x")
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	b := f.put(t, tribune.Place{}, p, "x")
	if a.Day != day+2 || a.Segment != second(23, 59, 59) || b.Day != day+3 || b.Segment != 0 {
		t.Errorf("over midnight: got day %d segment %d, then day %d segment %d", a.Day, a.Segment, b.Day, b.Segment)
	}
}

// A name that an act may have had the key of must not come back with the clock.
func TestClockSetBackDoesNotReopenASegment(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	first := f.put(t, tribune.Place{}, p, "x")
	f.CloseSegments(testClass, []tribune.Pseudonym{p})
	f.clock.add(-10 * time.Second)
	second := f.put(t, tribune.Place{}, p, "x")
	if second.Segment <= first.Segment {
		t.Errorf("after the clock was set back: segment %d, was %d", second.Segment, first.Segment)
	}
	// A segment that is open when the clock is set back is from the future for the guardians: no more goes there.
	f.clock.set(morning().Add(time.Hour))
	ahead := f.put(t, tribune.Place{}, subjectNo(2), "from the future")
	f.clock.set(morning().Add(time.Minute))
	other := f.put(t, tribune.Place{}, subjectNo(3), "x")
	if want := tribune.SecondOf(f.clock.Now()); other.Segment != want {
		t.Errorf("another subject: got segment %d, want %d", other.Segment, want)
	}
	again := f.put(t, tribune.Place{}, subjectNo(2), "x")
	if again.Segment <= ahead.Segment {
		t.Errorf("the same subject: got segment %d, want later than %d", again.Segment, ahead.Segment)
	}
	// Closing what lies an hour ahead must not hang an act.
	start := time.Now()
	f.CloseSegments(testClass, []tribune.Pseudonym{subjectNo(2)})
	if waited := time.Since(start); waited > 50*time.Millisecond {
		t.Errorf("closing a segment an hour ahead took %v", waited)
	}
	f.clock.set(morning().Add(2 * time.Hour))
	f.mustOpen(t, []string{"from the future"}, ahead)
}

// The predecessor may have named segments by this very second, and acts may have had their keys.
func TestFirstSecondOfAProcessNamesNoSegment(t *testing.T) {
	f := newFixture(t)
	before := f.put(t, tribune.Place{}, subjectNo(1), "x")
	f.crash(t)
	after := f.put(t, tribune.Place{}, subjectNo(1), "x")
	if after.Segment <= before.Segment {
		t.Errorf("after a crash within a second: segment %d, was %d", after.Segment, before.Segment)
	}
	f.mustOpen(t, []string{"x", "x"}, before, after)
}

// A clock set back across a restart brings a name back unseen. That must not overwrite the header of the first.
func TestNameThatComesBackLosesNoValue(t *testing.T) {
	f := newFixture(t)
	first := f.put(t, tribune.Place{}, subjectNo(1), "first")
	f.clock.add(-time.Second)
	f.crash(t)
	f.clock.add(time.Second)
	again := f.put(t, tribune.Place{}, subjectNo(1), "again")
	if first.Segment != again.Segment {
		t.Fatalf("segments %d and %d: this test wants the same", first.Segment, again.Segment)
	}
	f.mustOpen(t, []string{"first", "again"}, first, again)
}

func TestOpenSegmentsAreBounded(t *testing.T) {
	f := newFixture(t)
	f.open.maxOpen = 3
	var sealed []tribune.Sealed
	var want []string
	for round := range 2 {
		for i := range 5 {
			clear := fmt.Sprint(round, i)
			sealed, want = append(sealed, f.put(t, tribune.Place{}, subjectNo(i), clear)), append(want, clear)
			if n := f.open.order.Len(); n > 3 {
				t.Fatalf("%d open segments, want at most 3", n)
			}
		}
	}
	f.mustOpen(t, want, sealed...)
}

func TestForgottenNamesStayBehind(t *testing.T) {
	f := newFixture(t)
	f.open.maxClosed = 2
	first := f.put(t, tribune.Place{}, subjectNo(0), "x")
	f.CloseSegments(testClass, []tribune.Pseudonym{subjectNo(0)})
	for i := 1; i < 5; i++ {
		f.put(t, tribune.Place{}, subjectNo(i), "x")
		f.open.close([]subject{{testClass, subjectNo(i)}})
		if n := len(f.open.after); n > 2 {
			t.Fatalf("%d names kept, want at most 2", n)
		}
	}
	if again := f.put(t, tribune.Place{}, subjectNo(0), "x"); again.Segment <= first.Segment {
		t.Errorf("a forgotten name came back: segment %d, was %d", again.Segment, first.Segment)
	}
}

func TestClosedSegmentHoldsNoKey(t *testing.T) {
	f := newFixture(t)
	f.put(t, tribune.Place{}, subjectNo(1), "x")
	f.put(t, tribune.Place{}, subjectNo(2), "x")
	s1 := f.open.open[subject{testClass, subjectNo(1)}][0]
	s2 := f.open.open[subject{testClass, subjectNo(2)}][0]
	if s1.dek == [ibe.DEKSize]byte{} {
		t.Fatal("an open segment has no key")
	}
	f.CloseSegments(testClass, []tribune.Pseudonym{subjectNo(1)})
	f.Close()
	for i, s := range []*segment{s1, s2} {
		if s.dek != [ibe.DEKSize]byte{} || !s.closed {
			t.Errorf("segment %d: its key is still in memory", i+1)
		}
	}
	if f.open.order.Len() != 0 || len(f.open.open) != 0 {
		t.Error("a closed vault has open segments")
	}
}

// An idle subject's key must not wait for the subject's next value to leave memory.
func TestSweepWipesKeysOfIdleSubjects(t *testing.T) {
	f := newFixture(t)
	f.put(t, tribune.Place{}, subjectNo(1), "x")
	s := f.open.open[subject{testClass, subjectNo(1)}][0]
	f.open.closeExpired(morning().Add(14 * time.Minute))
	if s.closed {
		t.Fatal("closed before its time")
	}
	f.open.closeExpired(morning().Add(15 * time.Minute))
	if !s.closed || s.dek != [ibe.DEKSize]byte{} {
		t.Error("the key of an expired segment is still in memory")
	}
}
