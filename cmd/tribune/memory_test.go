package main

import "testing"

// A flood must not be met by collections one after the other, nor a large cache by as much garbage as four of it.
func TestTheCollectorsPaceFollowsTheHeap(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {50 << 20, 400}, {256 << 20, 400}, {512 << 20, 200}, {1 << 30, 100}, {4 << 30, 50}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d MB: got %d, want %d", c.live>>20, got, c.want)
		}
	}
}
