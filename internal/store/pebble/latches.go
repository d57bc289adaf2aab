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

// held is the set of latches of one commit, with the hashes of its keys.
type held struct {
	set     [stripes / 64]uint64
	ops     []uint64 // by operation
	expects []uint64 // by expectation
}

func (l *latches) init() { l.seed = maphash.MakeSeed() }

func (h *held) add(l *latches, key []byte) uint64 {
	hash := maphash.Bytes(l.seed, key)
	n := hash % stripes
	h.set[n/64] |= 1 << (n % 64)
	return hash
}

func (l *latches) lock(b *store.Batch) (h held) {
	hashes := make([]uint64, 0, len(b.Ops)+len(b.Expects))
	for i := range b.Ops {
		hashes = append(hashes, h.add(l, b.Ops[i].Key))
	}
	for i := range b.Expects {
		hashes = append(hashes, h.add(l, b.Expects[i].Key))
	}
	h.ops, h.expects = hashes[:len(b.Ops)], hashes[len(b.Ops):]
	for word, set := range h.set {
		for ; set != 0; set &= set - 1 {
			l.mu[word*64+bits.TrailingZeros64(set)].Lock()
		}
	}
	return h
}

func (l *latches) unlock(h *held) {
	for word, set := range h.set {
		for ; set != 0; set &= set - 1 {
			l.mu[word*64+bits.TrailingZeros64(set)].Unlock()
		}
	}
}
