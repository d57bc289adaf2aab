package vault

import (
	"errors"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

// The zero pseudonym is what a caller holds that has not asked the guardians yet.
func TestNothingIsSealedForNobody(t *testing.T) {
	f := newFixture(t)
	_, writes, committed, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, tribune.Pseudonym{}, []tribune.Item{item("urn:e:1", "attr", "x")})
	if !errors.Is(err, tribune.ErrInvalid) || writes != nil || committed != nil {
		t.Errorf("got %d writes, %v, want ErrInvalid", len(writes), err)
	}
}

// A hub taken over for an hour cannot plant a header of its own under another subject's identity and have the values
// there open under it: rows are bound to their key, and what does not open under any row is an alarm, not a value.
func TestPlantedHeaderOpensNothing(t *testing.T) {
	f := newFixture(t)
	victim, planted := f.put(t, tribune.Place{}, subjectNo(1), "the victim's"), f.put(t, tribune.Place{}, subjectNo(2), "the planter's")
	row := func(s tribune.Sealed) store.Pair {
		for p, err := range f.store.Scan(t.Context(), store.Prefix(headerPrefix(0, segmentOf(s)))) {
			if err != nil {
				t.Fatal(err)
			}
			return store.Pair{Key: append([]byte(nil), p.Key...), Value: append([]byte(nil), p.Value...)}
		}
		t.Fatal("no header row")
		return store.Pair{}
	}
	var b store.Batch
	b.Put(row(victim).Key, row(planted).Value)
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	var stop *tribune.IntegrityError
	if got, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), victim), []tribune.Sealed{victim}); !errors.As(err, &stop) || got != nil {
		t.Errorf("got %q, %v, want an IntegrityError", got, err)
	}
	f.mustOpen(t, []string{"the planter's"}, planted)
}

// The key of today's segment must not open what arrives later today, nor the day's other segments.
func TestKeyOfASegmentIsNoKeyOfItsDay(t *testing.T) {
	f := newFixture(t)
	p := subjectNo(1)
	first := f.put(t, tribune.Place{}, p, "first")
	key := f.dealer.keys(t, segmentOf(first))
	f.clock.add(20 * time.Minute)
	later := f.put(t, tribune.Place{}, p, "later")
	forged := map[tribune.Identity][]byte{wholeDay(segmentOf(later)): key[segmentOf(first)], segmentOf(later): key[segmentOf(first)]}
	if got, err := f.Open(t.Context(), forged, []tribune.Sealed{later}); err == nil {
		t.Errorf("opened %q with the key of another segment", got)
	}
}
