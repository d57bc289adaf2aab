package way

import (
	"slices"
	"testing"

	"tribune"
	"tribune/protocol"
)

func TestNextNumberIsTheFirstFreeOne(t *testing.T) {
	u, p, k := newUses(), tribune.Pseudonym{1}, []byte("a trace key")
	for n := uint64(1); n < 300; n++ {
		if got := u.next(chain{p: p}, k); got != n {
			t.Fatalf("after %d uses: next is %d", n-1, got)
		}
		u.add([]tribune.Tag{protocol.UseTag(k, n)}, n)
		if got := u.next(chain{p: tribune.Pseudonym{2}}, []byte("another")); got != 1 {
			t.Fatalf("another subject's next is %d", got)
		}
	}
}

// A thief of the hub can append a leaf with a tag further on. The gap before it must be filled, not leapt: guardians
// refuse what lies beyond a gap, and the subject would be closed for ever.
func TestGapLeftByAThiefIsFilled(t *testing.T) {
	u, p, k := newUses(), tribune.Pseudonym{1}, []byte("a trace key")
	for _, n := range []uint64{1, 2, 4} {
		u.add([]tribune.Tag{protocol.UseTag(k, n)}, n)
	}
	for _, want := range []uint64{3, 5, 6} {
		got := u.next(chain{p: p}, k)
		if got != want {
			t.Fatalf("next is %d, want %d", got, want)
		}
		u.add([]tribune.Tag{protocol.UseTag(k, got)}, got)
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
	u.release([]tribune.Tag{a, b})
	if err := u.reserve([]tribune.Tag{a, b}); err != nil {
		t.Errorf("a number that was not used is not free again: %v", err)
	}
	u.settle([]tribune.Tag{a, b}, 7)
	if err := u.reserve([]tribune.Tag{b}); err == nil {
		t.Error("a number on record was given again")
	}
}

// Who lists a person's uses must get all of them, each with the leaf that counts: a duplicate of a later leaf must not hide it.
func TestUsesOfAPersonAreListedByTheirFirstLeaf(t *testing.T) {
	u, k := newUses(), []byte("a person's trace key")
	for n, index := range []uint64{40, 41, 52} {
		u.add([]tribune.Tag{protocol.UseTag(k, uint64(n)+1)}, index)
	}
	u.add([]tribune.Tag{protocol.UseTag(k, 2)}, 99)
	u.add([]tribune.Tag{protocol.UseTag([]byte("somebody else's"), 4)}, 60)
	var got []uint64
	for _, use := range u.of(k) {
		got = append(got, use.Index)
	}
	if want := []uint64{40, 41, 52}; !slices.Equal(got, want) {
		t.Errorf("uses in leaves %v, want %v", got, want)
	}
}
