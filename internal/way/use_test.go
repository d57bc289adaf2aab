package way

import (
	"testing"

	"tribune"
	"tribune/protocol"
)

func TestNextNumberIsTheFirstFreeOne(t *testing.T) {
	u, k := newUses(), []byte("a trace key")
	for n := uint64(1); n < 300; n++ {
		if got := u.next(k); got != n {
			t.Fatalf("after %d uses: next is %d", n-1, got)
		}
		u.add([]tribune.Tag{protocol.UseTag(k, n)})
		if got := u.next([]byte("another")); got != 1 {
			t.Fatalf("another subject's next is %d", got)
		}
	}
}

// A million uses must not cost a million HMACs. Of 2^39 uses only the powers of two stand in this record, which no real
// record looks like: only a search that gallops comes to 2^39.
func TestSearchForTheNextNumberGallops(t *testing.T) {
	u, k := newUses(), []byte("a trace key")
	for i := range 40 {
		u.add([]tribune.Tag{protocol.UseTag(k, 1<<i)})
	}
	if got := u.next(k); got != 1<<39+1 {
		t.Errorf("next is %d, want 2^39 + 1", got)
	}
}

// An act about two people of whom one conflicts must not hold the other's number.
func TestReservationIsAllOrNothing(t *testing.T) {
	u := newUses()
	a, b, c := tribune.Tag{1}, tribune.Tag{2}, tribune.Tag{3}
	if err := u.reserve([]tribune.Tag{a, b}); err != nil {
		t.Fatal(err)
	}
	if err := u.reserve([]tribune.Tag{c, b}); err == nil {
		t.Fatal("a number was given twice")
	}
	if err := u.reserve([]tribune.Tag{c}); err != nil {
		t.Errorf("a refused act holds a number: %v", err)
	}
	u.settle([]tribune.Tag{a, b}, false)
	if err := u.reserve([]tribune.Tag{a, b}); err != nil {
		t.Errorf("a number that was not used is not free again: %v", err)
	}
	u.settle([]tribune.Tag{a, b}, true)
	if err := u.reserve([]tribune.Tag{b}); err == nil {
		t.Error("a number on record was given again")
	}
}
