package twin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// Aggregation asks what instances come to by periods (clause 4.5.19).
type Aggregation struct {
	Methods temporal.Methods
	Every   temporal.Duration // zero = the whole time that is asked for is one period
}

// Bounds of the aggregates of one answer.
const (
	maxPeriods  = 100_000
	maxDistinct = 1 << 20 // values remembered to count the distinct ones
)

// aggregate fills the aggregates of an entity. Sealed instances and deletions do not count.
func (f *pastFinder) aggregate(ctx context.Context, s *selected, series []seriesKey, out *Evolution) error {
	h := *s.h
	h.sealed = false
	periods, err := f.cut(ctx, &h, series)
	if err != nil {
		return err
	}
	out.Aggregates = make(map[tribune.Name][]temporal.Aggregated)
	for _, k := range series {
		if k.name == model.ScopeName {
			continue
		}
		sum := &summing{h: &h, s: k, periods: periods, methods: f.q.Aggregate.Methods, valid: s.valid, left: maxPeriods - f.periods, distinct: &f.distinct}
		for _, order := range [...]byte{byObserved, byModified} {
			if err := sum.sum(ctx, order); err != nil {
				return err
			}
		}
		if list := sum.result(); len(list) > 0 {
			f.periods += len(list)
			out.Aggregates[k.name] = append(out.Aggregates[k.name], temporal.Aggregated{Dataset: k.dataset, Kind: sum.kind, Periods: list})
		}
	}
	return nil
}

// cut is how time is cut into periods: from where the query begins, else from the entity's first instance.
func (f *pastFinder) cut(ctx context.Context, h *historian, series []seriesKey) (temporal.Periods, error) {
	p := temporal.Periods{Every: f.q.Aggregate.Every}
	q := f.q.Time
	if q.Rel == temporal.After || q.Rel == temporal.Between {
		p.Origin = q.At
	}
	switch q.Rel {
	case temporal.Before:
		p.End = q.At
	case temporal.Between:
		p.End = q.End
	}
	for _, k := range series {
		if k.name == model.ScopeName {
			continue
		}
		if p.Origin.IsZero() || q.Rel == "" || q.Rel == temporal.Before {
			first, err := h.extreme(ctx, k, false)
			if err != nil {
				return p, err
			}
			if !first.IsZero() && (p.Origin.IsZero() || first.Before(p.Origin)) {
				p.Origin = first
			}
		}
		if p.Every.Zero() && q.Rel != temporal.Before && q.Rel != temporal.Between {
			last, err := h.extreme(ctx, k, true)
			if err != nil {
				return p, err
			}
			if last.After(p.End) {
				p.End = last
			}
		}
	}
	return p, nil
}

// extreme is the first or last time of a series in the time asked for; zero where there is none.
func (h *historian) extreme(ctx context.Context, s seriesKey, last bool) (time.Time, error) {
	one := *h
	one.q.LastN = 0
	if last {
		one.q.LastN = 1
	}
	list, err := one.read(ctx, s, 1)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return one.q.Time(&list[0]), nil
}

// summing adds up one series.
type summing struct {
	h       *historian
	s       seriesKey
	periods temporal.Periods
	methods temporal.Methods
	valid   []validity
	left    int // periods that may still come

	distinct *int // values remembered by the whole request

	kind model.Kind
	all  map[time.Time]*temporal.Sums
	cur  *temporal.Sums // where the last instance went

	times []uint64 // memory for those of a block
}

func (g *summing) sum(ctx context.Context, order byte) error {
	h := g.h
	if order == byModified && h.q.Property == temporal.ObservedAt && !h.q.Any {
		return nil
	}
	span, past := h.bounds(order), h.rows(g.s)
	for b, err := range past.blocks(ctx, span, false) {
		if err != nil {
			return err
		}
		if err := g.block(ctx, past, b, span); err != nil {
			return err
		}
	}
	for row, err := range looseRows(ctx, h.r, past.head("h"), span, false) {
		if err != nil {
			return err
		}
		if err := g.row(row); err != nil {
			return err
		}
	}
	return nil
}

func (g *summing) row(row pastRow) error {
	if err := g.h.look(); err != nil {
		return err
	}
	a, err := decodeRow(g.h.id, g.s.name, row.value) // nothing of it is kept
	if err != nil {
		return err
	}
	at := g.h.q.Time(&a)
	if a.Sealed != nil || !g.h.q.Holds(at) || g.outside(at) || a.Null() {
		return nil
	}
	g.kind = a.Kind
	p, err := g.period(at)
	if err != nil {
		return err
	}
	was := p.Distinct()
	p.Add(&a, g.methods)
	return g.remember(p.Distinct() - was)
}

// remember counts values that are remembered.
func (g *summing) remember(n int) error {
	if *g.distinct += n; *g.distinct > maxDistinct {
		return tribune.Hint(fmt.Errorf("more than %d distinct values: %w", maxDistinct, tribune.ErrTooLarge), "leave distinctCount out, or ask for a shorter time")
	}
	return nil
}

// outside reports whether the scopes asked for were not valid.
func (g *summing) outside(at time.Time) bool {
	return g.valid != nil && !slices.ContainsFunc(g.valid, func(v validity) bool {
		return !at.Before(v.from) && (v.to.IsZero() || at.Before(v.to))
	})
}

// period is where a time belongs. Times come nearly in order, so it is nearly always the one before.
func (g *summing) period(at time.Time) (*temporal.Sums, error) {
	if p := g.cur; p != nil && (g.periods.Every.Zero() || !at.Before(p.From) && at.Before(p.To)) {
		return p, nil
	}
	of := g.periods.Of(at)
	if g.all == nil {
		g.all = make(map[time.Time]*temporal.Sums)
	}
	p := g.all[of.From]
	if p == nil {
		if len(g.all) >= g.left {
			return nil, tribune.Hint(fmt.Errorf("more than %d periods: %w", maxPeriods, tribune.ErrTooLarge), "ask for longer periods, or for a shorter time")
		}
		p = &temporal.Sums{Period: of}
		g.all[of.From] = p
	}
	g.cur = p
	return p, nil
}

func (g *summing) result() []temporal.Sums {
	out := make([]temporal.Sums, 0, len(g.all))
	for _, p := range g.all {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b temporal.Sums) int { return a.From.Compare(b.From) })
	return out
}
