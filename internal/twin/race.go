package twin

import (
	"context"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// Laps of a race.
const (
	stride  = 16 // rows of an index that are gathered for each document that is looked at: what it costs where no cache has it
	firstly = 32 // documents of the first lap
)

// run visits the candidates of a plan in order of their ids until the collector has enough.
//
// Nobody counts how many entities an index row stands for: whether it is sooner to gather the rows and put them in order, or
// to walk and look at documents until the page is full, shows only on the way. So both are done in turns that double, and
// whichever ends first ends the query: it costs little more than the better of the two. What the walk has seen is not
// looked at again.
func (p *plan) run(ctx context.Context, f *finder, c *collector) error {
	if p.column != nil {
		return p.scan(ctx, c)
	}
	if p.rows != nil && (f.q.Count || f.q.Order != nil) { // all matches are needed: the index has fewer rows than there are entities
		defer func() { f.miss(p, c.count/stride) }()
		return p.rows.finish(ctx, c, "")
	}
	walk := &merge{runs: p.walk}
	defer func() { f.miss(p, walk.unsure) }()
	var last tribune.EntityID
	for n := firstly; ; n *= 2 {
		if p.rows != nil {
			done, err := p.rows.more(ctx, n*stride)
			if err != nil {
				return err
			}
			if done {
				return p.rows.finish(ctx, c, last)
			}
		}
		for range n {
			cand, ok, err := walk.next(ctx)
			if err != nil || !ok {
				return err
			}
			last = cand.id
			if more, err := c.visit(ctx, cand); err != nil || !more {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if walk.unsure > maxCandidates {
			return tooMany(maxCandidates, "entities")
		}
	}
}

// Laps of a race between a column and its rows in the store.
const (
	cellsARow  = 16   // cells of a column that are looked at for each row that is gathered
	firstCells = 2048 // of the first lap
)

// scan is run with a column: it is as quick to look through as a few of its rows are to gather.
func (p *plan) scan(ctx context.Context, c *collector) error {
	visit := func(cand candidate) (bool, error) { return c.visit(ctx, cand) }
	for n := firstCells; ; n *= 2 {
		if done, err := p.column.lap(n, visit); err != nil || done {
			return err
		}
		switch done, err := p.rows.more(ctx, n/cellsARow); {
		case err != nil:
			return err
		case done:
			return p.rows.finish(ctx, c, p.column.after)
		}
	}
}

// miss notes what a query has cost for want of a column.
func (f *finder) miss(p *plan, documents int) {
	if p.wants.typ != "" && f.t.columns.missed(p.wants, documents) {
		f.makes = append(f.makes, p.wants)
	}
}

// run is candidates in order of their ids: a part of an index in which the id follows the prefix, read in growing pieces,
// or a list.
type run struct {
	f    *finder
	head int
	rest store.Range
	sure bool
	ids  []tribune.EntityID
	size int
	done bool // nothing is in the store after ids
}

// Pieces of a run.
const (
	firstPiece = 32
	lastPiece  = 1024
)

func (f *finder) run(prefix []byte, sure bool) *run { return f.runFrom(prefix, "", sure) }

// runFrom is a run of ids that begin with a text.
func (f *finder) runFrom(prefix []byte, begins string, sure bool) *run {
	return &run{f: f, head: len(prefix), rest: store.Prefix(append(slices.Clone(prefix), begins...)), sure: sure, size: firstPiece}
}

// listed is a run of given ids.
func listed(ids []tribune.EntityID) *run {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return &run{ids: slices.Compact(ids), done: true}
}

// peek is the next id.
func (r *run) peek(ctx context.Context) (id tribune.EntityID, ok bool, err error) {
	if len(r.ids) == 0 && !r.done {
		if err := r.fill(ctx); err != nil {
			return "", false, err
		}
	}
	if len(r.ids) == 0 {
		return "", false, nil
	}
	return r.ids[0], true, nil
}

func (r *run) fill(ctx context.Context) error {
	r.rest.Limit, r.rest.KeysOnly = r.size, true
	n := 0
	for pair, err := range r.f.r.Scan(ctx, r.rest) {
		if err != nil {
			return err
		}
		id, rest, ok := cut(pair.Key[r.head:])
		if !ok || len(rest) != 0 {
			return &tribune.IntegrityError{What: "an index key", Err: errDamaged}
		}
		r.ids = append(r.ids, tribune.EntityID(id))
		if n++; n == r.size {
			r.rest.From = append(slices.Clone(pair.Key), 0)
		}
	}
	r.done = n < r.size
	r.size = min(2*r.size, lastPiece)
	return nil
}

// merge is several runs as one, each id once.
type merge struct {
	runs   []*run
	unsure int // so far
}

func (m *merge) next(ctx context.Context) (candidate, bool, error) {
	var least tribune.EntityID
	found := false
	for i := 0; i < len(m.runs); i++ {
		id, ok, err := m.runs[i].peek(ctx)
		switch {
		case err != nil:
			return candidate{}, false, err
		case !ok:
			m.runs = slices.Delete(m.runs, i, i+1)
			i--
		case !found || id < least:
			least, found = id, true
		}
	}
	if !found {
		return candidate{}, false, nil
	}
	c := candidate{id: least}
	for _, r := range m.runs {
		if r.ids[0] == least {
			r.ids, c.sure = r.ids[1:], c.sure || r.sure
		}
	}
	if !c.sure {
		m.unsure++
	}
	return c, true, nil
}
