package federation

import (
	"bytes"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// series are the instances of one attribute and datasetId as they are put together from several sources (clauses 4.5.5 and 5.7.3.4). What
// one source says of one moment stays together: two things may happen at once. Where two sources speak of the same moment, they speak of
// the same thing.
type series struct {
	at     map[time.Time][]model.Attr
	sealed []model.Attr // of this broker; their time is not known
}

// addSeries adds what one source knows of an attribute.
func addSeries(all map[seriesName]*series, name tribune.Name, list []model.Attr, when *temporal.Query, auxiliary bool) {
	moments := map[seriesName]map[time.Time][]model.Attr{}
	for i := range list {
		a := &list[i]
		of := seriesName{name, a.Dataset}
		if all[of] == nil {
			all[of] = &series{at: map[time.Time][]model.Attr{}}
		}
		if a.Sealed != nil {
			all[of].sealed = append(all[of].sealed, *a)
			continue
		}
		if moments[of] == nil {
			moments[of] = map[time.Time][]model.Attr{}
		}
		t := when.Time(a).UTC().Round(0)
		moments[of][t] = append(moments[of][t], *a)
	}
	for of, by := range moments {
		for t, some := range by {
			all[of].add(t, distinct(some), auxiliary)
		}
	}
}

// distinct leaves out what came twice: pages of one source overlap (see temporal.Query.Rest).
func distinct(list []model.Attr) []model.Attr {
	if len(list) < 2 {
		return list
	}
	out := list[:0:0]
	for i := range list {
		if !slices.ContainsFunc(out, func(b model.Attr) bool { return twice(&list[i], &b) }) {
			out = append(out, list[i])
		}
	}
	return out
}

// twice reports whether two instances of one source and moment are the same one.
func twice(a, b *model.Attr) bool {
	if x, y := instanceOf(a), instanceOf(b); x != "" && y != "" {
		return x == y
	}
	return same(a, b) && a.ModifiedAt.Equal(b.ModifiedAt)
}

func instanceOf(a *model.Attr) string {
	if a.Rare == nil {
		return ""
	}
	return a.Rare.Instance
}

// same reports whether two instances of one moment hold the same.
func same(a, b *model.Attr) bool {
	return a.Kind == b.Kind && a.UnitCode == b.UnitCode && bytes.Equal(a.Value, b.Value)
}

// add adds what a source says of a moment. Where another has spoken of it, the one whose instance was modified last is believed, and where
// nothing says which that is, the one that was there before (clause 4.5.5.3).
func (s *series) add(t time.Time, some []model.Attr, auxiliary bool) {
	there := s.at[t]
	switch {
	case len(there) == 0:
		s.at[t] = some
	case auxiliary:
	case !slices.ContainsFunc(some, func(a model.Attr) bool {
		return !slices.ContainsFunc(there, func(b model.Attr) bool { return same(&a, &b) })
	}): // it knows nothing more
	case modified(some).After(modified(there)):
		s.at[t] = some
	}
}

// modified is when the last of them was modified.
func modified(list []model.Attr) (last time.Time) {
	for i := range list {
		if list[i].ModifiedAt.After(last) {
			last = list[i].ModifiedAt
		}
	}
	return last
}

// in are the instances of the time asked for, in the order of the question, and then the sealed ones. Of the scope, the one that was valid
// when that time began is one of them (C.5.16).
func (s *series) in(when *temporal.Query, name tribune.Name) []model.Attr {
	var inside, timeless []model.Attr
	var before model.Attr
	var began time.Time
	for t, list := range s.at {
		switch {
		case when.Holds(t):
			inside = append(inside, list...)
		case t.IsZero() && when.Any: // no time is asked about
			timeless = append(timeless, list...)
		case name == model.ScopeName && (when.Rel == temporal.After || when.Rel == temporal.Between) && t.Before(when.At) && t.After(began):
			before, began = list[len(list)-1], t
		}
	}
	out := when.Keep(inside)
	if !began.IsZero() && !before.Null() {
		switch {
		case when.LastN == 0:
			out = append([]model.Attr{before}, out...)
		case len(out) < when.LastN:
			out = append(out, before)
		}
	}
	return append(append(timeless, out...), s.sealed...)
}
