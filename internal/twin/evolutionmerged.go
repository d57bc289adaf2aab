package twin

import (
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// Fit cuts an answer that was put together from several places to the first page of its instances.
func (out *Evolutions) Fit(q EvolutionQuery) {
	if q.Page <= 0 || q.Page > MaxHistory {
		q.Page = MaxHistory
	}
	out.trim(&q, q.Page)
	out.span(&q)
}

// Holds reports whether an evolution that was put together from several places fulfils what the query asks of values and scopes, and leaves
// of its instances those of the time in which the scopes asked for were valid (clause 5.7.4.4). All that is known of the time asked for
// must be in it.
func (q *EvolutionQuery) Holds(e *model.Entity) bool {
	if !q.Scopes.Any() && !q.scopedMerged(e) {
		return false
	}
	sel := q.Query
	sel.Attrs, sel.Scopes = nil, query.ScopeExpr{}
	return sel.Matches(e)
}

func (q *EvolutionQuery) scopedMerged(e *model.Entity) bool {
	when := temporal.Query{Property: temporal.ObservedAt, Any: true}
	list := when.Keep(e.Attrs[model.ScopeName])
	var valid []validity
	for i := range list {
		v := validity{from: when.Time(&list[i])}
		if i == 0 && list[i].ObservedAt.IsZero() { // see pastFinder.inScope
			v.from = time.Time{}
		}
		if i+1 < len(list) {
			v.to = when.Time(&list[i+1])
		}
		if q.Scopes.Match(scopeOf(list[i].Value)) && q.overlaps(v) {
			valid = append(valid, v)
		}
	}
	for name, all := range e.Attrs {
		if name == model.ScopeName {
			continue
		}
		e.Attrs[name] = slices.DeleteFunc(all, func(a model.Attr) bool {
			t := q.Time.Time(&a)
			return a.Sealed == nil && !slices.ContainsFunc(valid, func(v validity) bool {
				return !t.Before(v.from) && (v.to.IsZero() || t.Before(v.to))
			})
		})
	}
	return len(valid) > 0
}

// Sum is what an evolution comes to that was put together from several places (clause 4.5.19). That cannot be had of what its parts come
// to: an average of averages is none, and what two places know would count twice.
func (q *EvolutionQuery) Sum(e *model.Entity) map[tribune.Name][]temporal.Aggregated {
	periods := q.periods(e)
	out := make(map[tribune.Name][]temporal.Aggregated)
	for name, list := range e.Attrs {
		if name == model.ScopeName {
			continue
		}
		by := map[string]*mergedSums{}
		for i := range list {
			a := &list[i]
			if a.Sealed != nil || a.Null() {
				continue
			}
			if by[a.Dataset] == nil {
				by[a.Dataset] = &mergedSums{periods: map[time.Time]*temporal.Sums{}}
			}
			by[a.Dataset].add(a, periods.Of(q.Time.Time(a)), q.Aggregate.Methods)
		}
		for dataset, sums := range by {
			out[name] = append(out[name], temporal.Aggregated{Dataset: dataset, Kind: sums.kind, Periods: sums.inOrder()})
		}
		slices.SortFunc(out[name], func(a, b temporal.Aggregated) int { return strings.Compare(a.Dataset, b.Dataset) })
	}
	return out
}

// mergedSums add up one series.
type mergedSums struct {
	kind    model.Kind
	periods map[time.Time]*temporal.Sums
}

func (m *mergedSums) add(a *model.Attr, of temporal.Period, methods temporal.Methods) {
	m.kind = a.Kind
	p := m.periods[of.From]
	if p == nil {
		p = &temporal.Sums{Period: of}
		m.periods[of.From] = p
	}
	p.Add(a, methods)
}

func (m *mergedSums) inOrder() []temporal.Sums {
	out := make([]temporal.Sums, 0, len(m.periods))
	for _, p := range m.periods {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b temporal.Sums) int { return a.From.Compare(b.From) })
	return out
}

// periods are how time is cut (see pastFinder.cut).
func (q *EvolutionQuery) periods(e *model.Entity) temporal.Periods {
	p := temporal.Periods{Every: q.Aggregate.Every}
	fixed := q.Time.Rel == temporal.After || q.Time.Rel == temporal.Between
	if fixed {
		p.Origin = q.Time.At
	}
	switch q.Time.Rel {
	case temporal.Before:
		p.End = q.Time.At
	case temporal.Between:
		p.End = q.Time.End
	}
	for name, list := range e.Attrs {
		for i := range list {
			t := q.Time.Time(&list[i])
			if name == model.ScopeName || list[i].Sealed != nil || t.IsZero() {
				continue
			}
			if !fixed && (p.Origin.IsZero() || t.Before(p.Origin)) {
				p.Origin = t
			}
			if p.Every.Zero() && q.Time.Rel != temporal.Before && q.Time.Rel != temporal.Between && t.After(p.End) {
				p.End = t
			}
		}
	}
	return p
}
