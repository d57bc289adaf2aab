package pebble

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"tribune/internal/store"
)

// stripes is how many latches there are: with 64 writers of 4 keys each, few wait for a stranger's key.
const stripes = 1024

// latches make check-and-apply atomic per key. A commit holds the latches of every key it expects or writes; they are
// locked in ascending order, so no two commits wait for each other in a circle.
type latches struct {
	seed maphash.Seed
	mu   [stripes]struct {
		sync.Mutex
		_ [56]byte // a cache line each
	}
}

// held is the set of latches of one commit.
type held [stripes / 64]uint64

func (l *latches) init() { l.seed = maphash.MakeSeed() }

func (h *held) add(l *latches, key []byte) {
	n := maphash.Bytes(l.seed, key) % stripes
	h[n/64] |= 1 << (n % 64)
}

func (l *latches) lock(b *store.Batch) (h held) {
	for i := range b.Ops {
		h.add(l, b.Ops[i].Key)
	}
	for i := range b.Expects {
		h.add(l, b.Expects[i].Key)
	}
	for word, set := range h {
		for ; set != 0; set &= set - 1 {
			l.mu[word*64+bits.TrailingZeros64(set)].Lock()
		}
	}
	return h
}

func (l *latches) unlock(h *held) {
	for word, set := range h {
		for ; set != 0; set &= set - 1 {
			l.mu[word*64+bits.TrailingZeros64(set)].Unlock()
		}
	}
}
