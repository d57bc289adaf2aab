package twin

import (
	"context"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// conditions holds an entity against what is asked of its values: all instances of the time asked for count, whatever their
// datasetId, as instances side by side do in the present (clause 5.7.4.4).
func (f *pastFinder) conditions(ctx context.Context, s *selected) (bool, error) {
	if valid, err := f.inScope(ctx, s); err != nil || !valid {
		return false, err
	}
	names := f.asked()
	if len(names) == 0 {
		return true, nil
	}
	h := *s.h
	h.sealed, h.q.LastN = false, 0
	series, err := seriesOf(ctx, f.r, h.keys, h.id, names)
	if err != nil {
		return false, err
	}
	e := s.e
	e.Attrs = make(map[tribune.Name][]model.Attr, len(names))
	found := 0
	for _, k := range series {
		list, err := h.read(ctx, k, 10*MaxHistory)
		if err != nil {
			return false, err
		}
		if found += len(list); found > 10*MaxHistory {
			return false, h.tooMuch()
		}
		e.Attrs[k.name] = append(e.Attrs[k.name], list...)
	}
	sel := f.q.Query
	sel.Attrs, sel.Scopes = nil, query.ScopeExpr{} // they have been looked at
	return sel.matches(&e), nil
}

// asked are the attributes whose values decide.
func (f *pastFinder) asked() []tribune.Name {
	names := f.q.Q.Attrs()
	if f.q.Geo != nil {
		names = append(names, f.q.Geo.Property)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// validity is a time in which scopes were valid: from From to before To, zero = still.
type validity struct{ from, to time.Time }

// inScope notes when the scopes asked for were valid, and reports whether they ever were in the time asked for. A scope is
// valid from when it was set until it was replaced or taken away (clause 4.18).
func (f *pastFinder) inScope(ctx context.Context, s *selected) (bool, error) {
	if f.q.Scopes.Any() {
		return true, nil
	}
	all := *s.h
	all.sealed, all.q = false, temporal.Query{Property: temporal.ObservedAt, Any: true}
	list, err := all.read(ctx, seriesKey{name: model.ScopeName}, MaxHistory)
	if err != nil {
		return false, err
	}
	if len(list) == 0 && len(s.e.Scope) > 0 { // it was set before scopes had a history
		list = []model.Attr{{Kind: model.Property, Value: scopeValue(s.e.Scope), ModifiedAt: s.e.CreatedAt}}
	}
	s.valid = []validity{}
	for i := range list {
		v := validity{from: all.q.Time(&list[i])}
		if i == 0 && list[i].ObservedAt.IsZero() {
			v.from = time.Time{} // whoever gives an entity its first scope, and no time, says it of all that is known of it
		}
		if i+1 < len(list) {
			v.to = all.q.Time(&list[i+1])
		}
		if f.q.Scopes.Match(scopeOf(list[i].Value)) && f.q.overlaps(v) {
			s.valid = append(s.valid, v)
		}
	}
	return len(s.valid) > 0, nil
}

// overlaps reports whether a time is in part one that is asked for.
func (q *EvolutionQuery) overlaps(v validity) bool {
	t := &q.Time
	if (t.Rel == temporal.Before && !v.from.Before(t.At)) || (t.Rel == temporal.Between && !v.from.Before(t.End)) {
		return false
	}
	return v.to.IsZero() || t.Rel != temporal.After && t.Rel != temporal.Between || v.to.After(t.At)
}

// scoped leaves of an attribute's instances those of the time in which the scopes asked for were valid, and adds to the
// scopes themselves the one that was valid when the time asked for began (C.5.16).
func (f *pastFinder) scoped(ctx context.Context, s *selected, k seriesKey, list []model.Attr) ([]model.Attr, error) {
	if k.name == model.ScopeName {
		q := s.h.q
		if q.Rel != temporal.After && q.Rel != temporal.Between || q.Property != temporal.ObservedAt || q.LastN > 0 && len(list) >= q.LastN {
			return list, nil
		}
		before := *s.h
		before.q = temporal.Query{Property: q.Property, Rel: temporal.Before, At: q.At, LastN: 1}
		valid, err := before.read(ctx, k, 1)
		if err != nil || len(valid) == 0 || valid[0].Null() {
			return list, err
		}
		if q.LastN > 0 {
			return append(list, valid...), nil
		}
		return append(valid, list...), nil
	}
	if s.valid == nil {
		return list, nil
	}
	return slices.DeleteFunc(list, func(a model.Attr) bool {
		t := s.h.q.Time(&a)
		return a.Sealed == nil && !slices.ContainsFunc(s.valid, func(v validity) bool {
			return !t.Before(v.from) && (v.to.IsZero() || t.Before(v.to))
		})
	}), nil
}
