package twin

import (
	"context"
	"math"
	"slices"
	"time"

	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// read is the instances of a series that the query asks for, in its order, at least the first most of them; then the
// sealed ones. All instances of one time are read or none, so that a page can end between times.
func (h *historian) read(ctx context.Context, s seriesKey, most int) ([]model.Attr, error) {
	g := &gathering{h: h, s: s, most: most, hash: seriesHash(h.id, s)}
	for _, order := range [...]byte{byObserved, byModified} {
		if err := g.gather(ctx, order); err != nil {
			return nil, err
		}
	}
	g.settle(len(g.public))
	bySaved := temporal.Query{Property: temporal.ModifiedAt}
	if h.q.Rel == "" {
		bySaved.LastN = h.q.LastN
	}
	if h.q.LastN > 0 && len(g.public) > h.q.LastN {
		g.public = g.public[:h.q.LastN]
	}
	return append(g.public, bySaved.Keep(g.hidden)...), nil
}

// gathering collects the instances of one series.
type gathering struct {
	h      *historian
	s      seriesKey
	hash   [6]byte
	most   int
	public []model.Attr
	hidden []model.Attr // sealed, where the query is about what is sealed with them
}

// backward reports whether the latest come first.
func (h *historian) backward() bool { return h.q.LastN > 0 }

// inOrder reports whether rows of an order stand in the order of the time that is asked for.
func (h *historian) inOrder(order byte) bool {
	switch {
	case h.q.Any:
		return true
	case order == byObserved:
		return h.q.Property == temporal.ObservedAt
	}
	return h.q.Property == temporal.ModifiedAt
}

// bounds are the times that the query asks for, as far as an order stands for them.
func (h *historian) bounds(order byte) timeSpan {
	s := timeSpan{order: order}
	if !h.inOrder(order) {
		return s
	}
	switch h.q.Rel {
	case temporal.Before:
		s.to = ordinal(h.q.At)
	case temporal.After:
		s.from = ordinal(h.q.At)
	case temporal.Between:
		s.from, s.to = ordinal(h.q.At), ordinal(h.q.End)
	}
	if s.to == math.MaxUint64 {
		s.to = 0 // keys do not tell times so late apart
	}
	return s
}

func (g *gathering) gather(ctx context.Context, order byte) error {
	h := g.h
	byTime := h.q.Property == temporal.ObservedAt && !h.q.Any
	if byTime && order == byModified && !h.sealed {
		return nil // none of them has an observedAt
	}
	sorted, taken := h.inOrder(order), 0
	var last time.Time
	for row, err := range h.rows(g.s).rows(ctx, h.bounds(order), h.backward()) {
		if err != nil {
			return err
		}
		if err := h.look(); err != nil {
			return err
		}
		a, err := attrOf(h.id, g.s, row)
		if err != nil {
			return err
		}
		if a.Sealed != nil && (byTime || !h.sealed) {
			if byTime && h.sealed {
				g.hidden = append(g.hidden, a)
			}
			continue
		}
		at := h.q.Time(&a)
		if !h.q.Holds(at) {
			continue
		}
		if sorted && taken >= g.most && !at.Equal(last) && row.at != 0 && row.at != math.MaxUint64 {
			break
		}
		rare := model.Rare{}
		if a.Rare != nil {
			rare = *a.Rare
		}
		rare.Instance = instanceID(g.hash, row.rowPlace)
		a.SetRare(rare)
		g.public, last = append(g.public, a), at
		if taken++; !sorted && len(g.public) > 2*g.most+1024 {
			g.settle(g.most)
		}
	}
	return nil
}

// settle puts the public instances in order and leaves the first n, and those of the same time as the last of them.
func (g *gathering) settle(n int) {
	q := g.h.q
	slices.SortStableFunc(g.public, func(a, b model.Attr) int {
		if g.h.backward() {
			return q.Time(&b).Compare(q.Time(&a))
		}
		return q.Time(&a).Compare(q.Time(&b))
	})
	if n == 0 || n >= len(g.public) {
		return
	}
	end := n
	for end < len(g.public) && q.Time(&g.public[end]).Equal(q.Time(&g.public[n-1])) {
		end++
	}
	clear(g.public[end:])
	g.public = g.public[:end]
}
