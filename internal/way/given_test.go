package way

import (
	"context"
	"sync"
	"testing"
	"time"

	"tribune"
)

// heard is who must be told, in the way's words.
type heard struct {
	mu    sync.Mutex
	given map[tribune.Pseudonym][]Given
	calls int
	holds func() bool
	early bool // it was asked while the person's values still lay there
}

func (h *heard) Erased(_ context.Context, cause string, p tribune.Pseudonym, at time.Time, given []Given) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == 0 {
		h.early = h.holds()
	}
	h.calls++
	h.given[p] = append(h.given[p], given...)
	return nil
}

// Before anything is deleted it is known who read what of the person, by the names they were answered with, and nothing of others who stood in the
// same acts.
func TestErasureSaysWhoWasGivenWhat(t *testing.T) {
	w, h, _, _ := erasable(t)
	told := &heard{given: map[tribune.Pseudonym][]Given{}, holds: func() bool { return h.holds(subject(1)) }}
	w.cfg.Told = told
	w.Way.Close()
	w.start(t)
	w.until(t, w.erase(t, subject(1)))
	told.mu.Lock()
	defer told.mu.Unlock()
	if !told.early {
		t.Error("asked after the deletion")
	}
	if len(told.given) != 1 {
		t.Errorf("told of %d people", len(told.given))
	}
	all := told.given[subject(1)]
	if len(all) != 2 { // alone, and together with the other
		t.Fatalf("given: %+v", all)
	}
	for _, g := range all {
		if g.Office != "parking-inspector" || g.Purpose != "enforce-parking" || g.Class != testClass || len(g.Entities) != 1 || g.Entities[0] != "urn:ngsi-ld:ParkingSession:1" || g.Quarter != 0 {
			t.Errorf("given: %+v", g)
		}
	}
}
