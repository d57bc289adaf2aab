package twin

import (
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// trim cuts an answer of more than most instances to the first page of them, between two times (clause 6.3.10): what is
// left out lies after, or before where the latest come first, everything that is left. It returns how many are left.
func (out *Evolutions) trim(q *EvolutionQuery, most int) (left int) {
	var times []time.Time
	out.each(func(a *model.Attr) { times = append(times, q.Time.Time(a)) })
	if len(times) <= most {
		return len(times)
	}
	backward := q.Time.LastN > 0
	slices.SortFunc(times, func(a, b time.Time) int {
		if backward {
			return b.Compare(a)
		}
		return a.Compare(b)
	})
	bound := times[q.Page-1]
	for i := range out.List {
		attrs := out.List[i].Attrs
		for name, list := range attrs {
			if len(list) == 0 {
				continue
			}
			kind := list[0].Kind
			attrs[name] = slices.DeleteFunc(list, func(a model.Attr) bool {
				t := q.Time.Time(&a)
				beyond := a.Sealed == nil && (backward && t.Before(bound) || !backward && t.After(bound))
				out.Cut = out.Cut || beyond
				return beyond
			})
			if len(attrs[name]) == 0 {
				if out.Emptied == nil {
					out.Emptied = make(map[tribune.Name]model.Kind)
				}
				out.Emptied[name] = kind
			}
			left += len(attrs[name])
		}
	}
	return left
}

// join takes over what was cut elsewhere.
func (out *Evolutions) join(cut Evolutions) {
	if out.Cut = out.Cut || cut.Cut; cut.Emptied == nil {
		return
	}
	if out.Emptied == nil {
		out.Emptied = make(map[tribune.Name]model.Kind)
	}
	maps.Copy(out.Emptied, cut.Emptied)
}

// each visits the instances that are not sealed.
func (out *Evolutions) each(visit func(*model.Attr)) {
	for i := range out.List {
		for _, list := range out.List[i].Attrs {
			for j := range list {
				if list[j].Sealed == nil {
					visit(&list[j])
				}
			}
		}
	}
}

// span notes the times of the instances.
func (out *Evolutions) span(q *EvolutionQuery) {
	out.each(func(a *model.Attr) {
		t := q.Time.Time(a)
		if out.First.IsZero() || t.Before(out.First) {
			out.First = t
		}
		if t.After(out.Last) {
			out.Last = t
		}
	})
}
