package twin

import (
	"bytes"
	"context"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/query"
)

// span is a range of index keys: head, then what is compared, then the id.
type span struct {
	store.Range
	head     int // bytes before what is compared
	skip     skip
	sure     bool
	position bool // the cell is that of a position
}

// skip is what stands between the head and the id.
type skip uint8

const (
	skipNothing skip = iota
	skipPart         // the value of a q row, the scope of an s row
	skipCell         // the cell of a g or a row
)

// within is the span of everything that begins with a prefix.
func within(prefix []byte, sure bool) span {
	return span{Range: store.Prefix(prefix), head: len(prefix), sure: sure}
}

// id is the id at the end of a key.
func (s *span) id(key []byte) (tribune.EntityID, error) {
	rest, ok := s.past(key)
	id, rest, good := cut(rest)
	if !ok || !good || len(rest) != 0 {
		return "", &tribune.IntegrityError{What: "an index key", Err: errDamaged}
	}
	return tribune.EntityID(id), nil
}

// past is what comes after head and what is compared.
func (s *span) past(key []byte) (rest []byte, ok bool) {
	rest = key[s.head:]
	switch s.skip {
	case skipPart:
		return skipOne(rest)
	case skipCell:
		if len(rest) < 8 {
			return nil, false
		}
		return rest[8:], true
	}
	return rest, true
}

// harvest gathers the ids of spans: their bytes in one piece of memory, in the order of the index until all are there.
type harvest struct {
	f     *finder
	geo   *query.Geo
	spans []span
	mem   []byte
	rows  []reaped
}

// reaped is an id in the memory of a harvest.
type reaped struct {
	from, to uint32
	sure     bool
}

const (
	seekCost   = 4         // what the beginning of a span costs, in rows
	maxHarvest = 256 << 20 // bytes of ids
)

// more gathers about n rows; done when there are no more.
func (h *harvest) more(ctx context.Context, n int) (done bool, err error) {
	for ; n > 0 && len(h.spans) > 0; n -= seekCost {
		s := &h.spans[0]
		s.KeysOnly, s.Limit = true, n
		read := 0
		if string(s.From) < string(s.To) {
			if read, err = h.read(ctx, s); err != nil {
				return false, err
			}
		}
		if read < s.Limit {
			h.spans = h.spans[1:]
		}
		n -= read
	}
	if len(h.rows) > maxCandidates || len(h.mem) > maxHarvest {
		return false, tooMany(maxCandidates, "entities")
	}
	return len(h.spans) == 0, ctx.Err()
}

// read gathers up to the limit of a span, and lets the span begin after what was read.
func (h *harvest) read(ctx context.Context, s *span) (n int, err error) {
	var next []byte
	for pair, err := range h.f.r.Scan(ctx, s.Range) {
		if err != nil {
			return n, err
		}
		if n++; n == s.Limit {
			next = append(slices.Clone(pair.Key), 0)
		}
		rest, ok := s.past(pair.Key)
		sure := s.sure
		if ok && s.position {
			v := h.geo.Judge(cellOf(pair.Key[s.head:]))
			if v == query.No {
				continue
			}
			sure = sure && v == query.Yes
		}
		if !ok || len(rest) < 2 {
			return n, &tribune.IntegrityError{What: "an index key", Err: errDamaged}
		}
		from := len(h.mem)
		h.mem = append(h.mem, rest[:len(rest)-2]...)
		h.rows = append(h.rows, reaped{uint32(from), uint32(len(h.mem)), sure})
	}
	if next != nil {
		s.From = next
	}
	return n, nil
}

// finish gathers what is left and visits all whose id comes after one. Where all are needed they are sorted at once, else
// the least are taken from a heap: a page needs a few of many.
func (h *harvest) finish(ctx context.Context, c *collector, after tribune.EntityID) error {
	for done := false; !done; {
		var err error
		if done, err = h.more(ctx, 64<<10); err != nil {
			return err
		}
	}
	next := h.pop
	if c.f.q.Count || c.f.q.Order != nil {
		slices.SortFunc(h.rows, h.compare)
		next = h.shift
	} else {
		for i := len(h.rows)/2 - 1; i >= 0; i-- {
			h.down(i)
		}
	}
	for len(h.rows) > 0 {
		first := next()
		for len(h.rows) > 0 && bytes.Equal(h.id(h.rows[0]), h.id(first)) {
			next()
		}
		cand := h.candidate(first)
		if cand.id <= after {
			continue
		}
		if more, err := c.visit(ctx, cand); err != nil || !more {
			return err
		}
	}
	return nil
}

// id is an id as it stands in keys.
func (h *harvest) id(r reaped) []byte { return h.mem[r.from:r.to] }

func (h *harvest) candidate(r reaped) candidate {
	raw := h.id(r)
	if id, _, ok := cut(append(slices.Clip(raw), 0, 1)); ok {
		return candidate{tribune.EntityID(id), r.sure}
	}
	return candidate{tribune.EntityID(raw), r.sure}
}

// compare puts the least id first, and of one id a sure row first.
func (h *harvest) compare(a, b reaped) int {
	if c := bytes.Compare(h.id(a), h.id(b)); c != 0 || a.sure == b.sure {
		return c
	}
	if a.sure {
		return -1
	}
	return 1
}

// shift takes the first row.
func (h *harvest) shift() reaped {
	first := h.rows[0]
	h.rows = h.rows[1:]
	return first
}

// pop takes the least row from the heap.
func (h *harvest) pop() reaped {
	top, n := h.rows[0], len(h.rows)-1
	h.rows[0], h.rows = h.rows[n], h.rows[:n]
	h.down(0)
	return top
}

func (h *harvest) down(i int) {
	for {
		least := i
		for k := 2*i + 1; k <= 2*i+2 && k < len(h.rows); k++ {
			if h.compare(h.rows[k], h.rows[least]) < 0 {
				least = k
			}
		}
		if least == i {
			return
		}
		h.rows[i], h.rows[least] = h.rows[least], h.rows[i]
		i = least
	}
}
