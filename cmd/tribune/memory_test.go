package main

import "testing"

// A flood must not be met by collections one after the other, nor a large cache by as much garbage as four of it.
func TestTheCollectorsPaceFollowsTheHeap(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {50 << 20, 400}, {96 << 20, 400}, {192 << 20, 200}, {384 << 20, 100}, {768 << 20, 50}, {4 << 30, 50}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d MB: got %d, want %d", c.live>>20, got, c.want)
		}
	}
}
