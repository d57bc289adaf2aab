package pebble

import (
	"context"
	"errors"
	"hash/maphash"

	"tribune"
	"tribune/internal/store"
)

// heads remembers how the values begin that commits expect, and that were read, so that the next expectation of the same key is
// checked without a look-up in the tables: whoever compares and sets knows the value because they read it, or they or their
// neighbour wrote it, a moment ago.
//
// A slot is guarded by the latch of the keys that share it. Keys are told apart by 64 bits of a hash with a secret seed. epoch counts
// the operations of all keys of a slot: what was read while it stood still is what the next commit will find.
type heads [headSlots]head

// headSlots is a multiple of stripes, so that one latch guards all keys of a slot; 2.5 MB in all.
const headSlots = 64 * stripes

// head is what is known of one key: empty, that it is absent, or the first bytes of its value.
type head struct {
	hash  uint64
	epoch uint32
	state headState
	n     uint8
	bytes [headBytes]byte
}

type headState uint8

const (
	headUnknown headState = iota
	headAbsent
	headPart  // bytes[:n] and more may follow
	headWhole // bytes[:n] and nothing more
)

const headBytes = 16

// slot is where a key with this hash is remembered.
func (h *heads) slot(hash uint64) *head { return &h[hash%headSlots] }

func (h *head) set(hash uint64, value []byte, found bool) {
	*h = head{hash: hash, epoch: h.epoch, state: headAbsent}
	if !found {
		return
	}
	h.n = uint8(copy(h.bytes[:], value))
	h.state = headPart
	if len(value) <= headBytes {
		h.state = headWhole
	}
}

// holds answers an expectation; known is false where what is remembered does not tell.
func (h *head) holds(hash uint64, e *store.Expect) (ok, known bool) {
	switch {
	case h.hash != hash || h.state == headUnknown:
		return false, false
	case h.state == headAbsent:
		return e.Holds(nil, false), true
	case h.state == headPart && len(e.Prefix) > int(h.n):
		return false, false
	}
	return e.Holds(h.bytes[:h.n], true), true
}

// apply keeps what is remembered in step with operations that are being applied.
func (h *heads) apply(ops []store.Op, hashes []uint64) {
	for i := range ops {
		s := h.slot(hashes[i])
		s.epoch++
		if s.hash == hashes[i] && s.state != headUnknown {
			s.set(hashes[i], ops[i].Value, !ops[i].Delete)
		}
	}
}

// forget is for operations of which nobody knows whether they were applied.
func (h *heads) forget(hashes []uint64) {
	for _, hash := range hashes {
		s := h.slot(hash)
		*s = head{epoch: s.epoch + 1}
	}
}

// Get returns a copy of the value of key, and remembers how it begins: who read it will expect it.
func (s *Store) Get(ctx context.Context, key []byte) ([]byte, error) {
	hash := maphash.Bytes(s.latches.seed, key)
	latch, slot := &s.latches.mu[hash%stripes], s.heads.slot(hash)
	latch.Lock()
	epoch := slot.epoch
	latch.Unlock()
	value, err := s.view.Get(ctx, key)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return nil, err
	}
	latch.Lock()
	if slot.epoch == epoch {
		slot.set(hash, value, err == nil)
	}
	latch.Unlock()
	return value, err
}
