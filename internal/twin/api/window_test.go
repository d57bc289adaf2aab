package api

import (
	"testing"
	"time"

	"tribune"
)

// The vault names a segment by the coming second where the last one of its subject was needed within this one. Guardians
// refuse what is outside the window: the second of two look-ups in one second would fail.
func TestSegmentNamedByTheComingSecondIsInTheWindow(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 3e8, time.UTC)
	for name, keep := range map[string]time.Duration{"class with a keeping time": 30 * 24 * time.Hour, "class without": 0} {
		a := &api{Config: Config{Class: func(id tribune.ClassID) (tribune.Class, bool) { return tribune.Class{ID: id, Keep: keep}, true }}}
		coming := now.Truncate(time.Second).Add(time.Second)
		spots := []spot{{sealed: &tribune.Sealed{Day: tribune.DayOf(coming), Segment: tribune.SecondOf(coming)}}}
		if w := a.window("c", spots, now); coming.Before(w.From) || !coming.Before(w.Until) {
			t.Errorf("%s: %v is outside %v to %v", name, coming, w.From, w.Until)
		}
	}
}

// A history of one entity may hold as much as many entities.
func TestFramesAreBoundedByWhatTheyHold(t *testing.T) {
	p := newPending(time.Now)
	big := &frame{found: &found{}, spots: make([]spot, maxAwaiting/2+1), until: time.Now().Add(time.Minute)}
	if err := p.put("a", big); err != nil {
		t.Fatal(err)
	}
	if err := p.put("b", big); err == nil {
		t.Error("a second frame was taken beyond the bound")
	}
	if _, err := p.take("a", tribune.Caller{}, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	if err := p.put("b", big); err != nil {
		t.Errorf("after the first was taken: %v", err)
	}
}
