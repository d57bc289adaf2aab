package notify

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"tribune"
	"tribune/internal/twin"
)

// sparing is a road on which somebody has had their use restricted.
type sparing struct {
	*road
	whom atomic.Pointer[tribune.Pseudonym]
}

func (s *sparing) Spares(_ tribune.Standing, p tribune.Pseudonym) bool {
	w := s.whom.Load()
	return w != nil && *w == p
}

// naming gives every name a pseudonym of its own.
type naming struct{ vault }

func (naming) Pseudonyms(_ context.Context, _ string, names []string) ([]tribune.Pseudonym, error) {
	out := make([]tribune.Pseudonym, len(names))
	for i, name := range names {
		copy(out[i][:], name)
	}
	return out, nil
}

// A restriction that is granted at noon stops what would be told at noon, though that person's mark of the day is spent; others' values are
// told as before.
func TestRestrictedValuesAreNotTold(t *testing.T) {
	r := &sparing{road: &road{}}
	w := newTown(t, func(w *town) { w.classOf, w.sealer, w.way = platesArePersonal, naming{}, r })
	w.stand(`"watchedAttributes":["plate"],`)
	w.write(twin.Create, car("1", "AB1"))
	if got := w.take(1); !strings.Contains(got[0].raw, "AB1") {
		t.Fatalf("before the restriction: %s", got[0].raw)
	}
	whom := r.leaves[0][0]
	r.whom.Store(&whom)
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"AB1"}}`)
	w.write(twin.Create, car("2", "XX9"))
	if got := w.take(1); !strings.Contains(got[0].raw, "XX9") || strings.Contains(got[0].raw, "AB1") {
		t.Errorf("got %s", got[0].raw)
	}
	w.quiet(0)
	r.whom.Store(nil)
	w.write(twin.Update, `{"id":"urn:c:1","type":"Car","plate":{"type":"Property","value":"AB1"}}`)
	if got := w.take(1); !strings.Contains(got[0].raw, "AB1") {
		t.Errorf("after it was lifted: %s", got[0].raw)
	}
}
