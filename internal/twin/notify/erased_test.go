package notify

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
)

// erasing is a road that, as the one way does, puts nobody on record who was erased.
type erasing struct {
	*road
	whom atomic.Pointer[tribune.Pseudonym]
}

func (e *erasing) Deliver(ctx context.Context, s tribune.Standing, subjects []tribune.Pseudonym) ([]tribune.Pseudonym, error) {
	if p := e.whom.Load(); p != nil {
		subjects = slices.DeleteFunc(slices.Clone(subjects), func(q tribune.Pseudonym) bool { return q == *p })
	}
	return e.road.Deliver(ctx, s, subjects)
}

// A value that waited while its person was erased is not told without a mark on record; others' are.
func TestNothingIsToldOfWhoWasErasedMeanwhile(t *testing.T) {
	e := &erasing{road: &road{}}
	w := newTown(t, func(w *town) { w.classOf, w.sealer, w.way = platesArePersonal, naming{}, e })
	w.stand(`"watchedAttributes":["plate"],`)
	var p tribune.Pseudonym
	copy(p[:], "AB1")
	e.whom.Store(&p)
	w.write(twin.Create, car("1", "AB1"))
	w.write(twin.Create, car("2", "XX9"))
	if got := w.take(1); !strings.Contains(got[0].raw, "XX9") || strings.Contains(got[0].raw, "AB1") {
		t.Errorf("told: %s", got[0].raw)
	}
	w.quiet(0)
}

// Of whom a subscription was told today rests with their pseudonyms, and goes with an erasure.
func TestErasedAreForgottenAmongThoseToldOf(t *testing.T) {
	w := newTown(t, func(w *town) { w.classOf, w.sealer, w.way = platesArePersonal, naming{}, &road{} })
	w.stand(`"watchedAttributes":["plate"],`)
	w.write(twin.Create, car("1", "AB1"))
	w.write(twin.Create, car("2", "XX9"))
	w.take(2)
	rows := func(name string) (n int) {
		var p tribune.Pseudonym
		copy(p[:], name)
		for row, err := range w.notifier.shelf.Scan(t.Context(), store.Prefix(store.Part(nil, room))) {
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(row.Key, p[:]) {
				n++
			}
		}
		return n
	}
	if rows("AB1") != 1 || rows("XX9") != 1 {
		t.Fatalf("control: %d and %d rows", rows("AB1"), rows("XX9"))
	}
	var p tribune.Pseudonym
	copy(p[:], "AB1")
	if err := w.notifier.Forget(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if rows("AB1") != 0 || rows("XX9") != 1 {
		t.Errorf("afterwards %d rows name the erased, %d the other", rows("AB1"), rows("XX9"))
	}
}
