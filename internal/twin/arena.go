package twin

import "tribune/internal/store"

// scratch is what a commit is built with. Another may use it once the store has taken everything over.
type scratch struct {
	mem   arena
	batch store.Batch
}

// maxSpareOps is the largest batch whose memory is kept.
const maxSpareOps = 16 << 10

func (t *Twin) scratch() *scratch {
	if s, ok := t.spare.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

func (t *Twin) release(s *scratch) {
	if cap(s.batch.Ops) > maxSpareOps {
		return
	}
	clear(s.batch.Ops)
	clear(s.batch.Expects)
	s.batch.Ops, s.batch.Expects = s.batch.Ops[:0], s.batch.Expects[:0]
	s.mem.reuse()
	t.spare.Put(s)
}

// arena is the memory of one commit's keys and values, cut from a few large pieces. What it gave out stays as it is until
// reuse. A nil arena takes memory from the heap.
type arena struct{ free, piece []byte }

const arenaPiece = 256 << 10

// begin is an empty slice with room for n bytes at least. Nothing else may be begun before end.
func (a *arena) begin(n int) []byte {
	if a == nil {
		return make([]byte, 0, n)
	}
	if n > len(a.free) {
		a.piece = make([]byte, max(n, arenaPiece))
		a.free = a.piece
	}
	return a.free[:0]
}

// end keeps what was appended since begin.
func (a *arena) end(b []byte) []byte {
	if a == nil || len(b) == 0 || len(b) > len(a.free) || &b[0] != &a.free[0] { // it grew out of its piece
		return b
	}
	a.free = a.free[len(b):]
	return b[:len(b):len(b)]
}

// reuse gives the latest piece out again.
func (a *arena) reuse() { a.free = a.piece }
