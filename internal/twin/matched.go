package twin

import (
	"container/heap"
	"context"
	"slices"

	"tribune"
	"tribune/internal/twin/query"
)

// collector takes the matches of a query, partition by partition, and keeps those that the page may need: the first by id,
// or the first in the order asked for. It never keeps more of a partition than offset and limit together.
type collector struct {
	f      *finder
	want   int // matches from the first to the end of the page
	count  int
	more   bool
	at     tribune.Place
	found  []match // by id within a partition
	here   int     // in this partition, kept or not
	sorter *query.Sorter
}

// match is an entity that fulfils the query. Its document is read when the page needs it.
type match struct {
	id    tribune.EntityID
	at    tribune.Place
	entry *entry
	place query.Place
}

func (f *finder) collector() *collector {
	c := &collector{f: f, want: f.q.Offset + f.q.Limit}
	if f.q.Order != nil {
		c.sorter = f.q.Order.Sorter()
	}
	return c
}

func (c *collector) begin(at tribune.Place) { c.at, c.here = at, 0 }

// visit looks at a candidate; more is false when the rest cannot change the answer. Candidates come in order of their ids.
func (c *collector) visit(ctx context.Context, cand candidate) (more bool, err error) {
	if cand.sure && c.sorter == nil {
		return c.take(match{id: cand.id, at: c.at}), nil
	}
	if err := c.f.patient(); err != nil {
		return false, err
	}
	e, err := c.f.document(ctx, c.at, cand.id)
	if err != nil || e == nil {
		return err == nil, err
	}
	ok := c.f.q.matchesLinked(e.entity, c.f.look(ctx))
	switch {
	case c.f.failure != nil:
		return false, c.f.failure
	case !ok:
		return true, nil
	case c.sorter != nil:
		c.rank(match{id: cand.id, at: c.at, entry: e, place: c.sorter.Place(e.entity)})
		return true, nil
	}
	return c.take(match{id: cand.id, at: c.at, entry: e}), nil
}

// take keeps a match in order of ids.
func (c *collector) take(m match) (more bool) {
	c.count++
	if c.here++; c.here > c.want {
		c.more = true
		return c.f.q.Count
	}
	c.found = append(c.found, m)
	return true
}

// rank keeps a match in the order asked for: the last of those that the page needs is on top of the heap.
func (c *collector) rank(m match) {
	c.count++
	switch {
	case len(c.found) < c.want:
		heap.Push((*worst)(c), m)
	case c.want == 0:
		c.more = true
	default:
		if c.more = true; c.sorter.Less(&m.place, &c.found[0].place) {
			c.found[0] = m
			heap.Fix((*worst)(c), 0)
		}
	}
}

// worst is the collector as a heap.
type worst collector

func (w *worst) Len() int           { return len(w.found) }
func (w *worst) Less(i, j int) bool { return w.sorter.Less(&w.found[j].place, &w.found[i].place) }
func (w *worst) Swap(i, j int)      { w.found[i], w.found[j] = w.found[j], w.found[i] }
func (w *worst) Push(x any)         { w.found = append(w.found, x.(match)) }
func (w *worst) Pop() any {
	m := w.found[len(w.found)-1]
	w.found = w.found[:len(w.found)-1]
	return m
}

// page is the answer.
func (c *collector) page(ctx context.Context) (Page, error) {
	q := c.f.q
	switch {
	case c.sorter != nil:
		slices.SortFunc(c.found, func(a, b match) int {
			if c.sorter.Less(&a.place, &b.place) {
				return -1
			}
			return 1
		})
	case c.f.parts > 1:
		slices.SortFunc(c.found, func(a, b match) int { return compareIDs(a.id, b.id) })
	}
	out := Page{Count: -1, More: c.more || len(c.found) > c.want}
	if q.Count {
		out.Count = c.count
	}
	for _, m := range c.found[min(len(c.found), q.Offset):min(len(c.found), c.want)] {
		if m.entry == nil {
			var err error
			if m.entry, err = c.f.document(ctx, m.at, m.id); err != nil {
				return Page{}, err
			}
			if m.entry == nil {
				return Page{}, &tribune.IntegrityError{What: "an index row of " + string(m.id), Err: errDamaged}
			}
		}
		out.Views = append(out.Views, m.entry.view())
		if m.entry.clock == 0 && m.entry.size > 0 { // a walk over everything must not push out what is asked for
			c.f.t.cache.fill(entityKey{q.Tenant, m.id}, m.entry, c.f.since)
		}
	}
	return out, nil
}
