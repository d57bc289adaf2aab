package jsonld

import (
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// AppendTemporal appends an entity's temporal evolution (clause 4.5.6): every attribute is an array of instances in the
// order given, empty where the page has none of them; the scope is one of the attributes.
func (c *Context) AppendTemporal(b []byte, e *model.Entity, v View) []byte {
	w := &writer{ctx: c, view: v, b: b}
	w.evolution(e)
	for _, o := range w.ordered(e.Attrs) {
		all := e.Attrs[o.name]
		open := w.visible(all, true)
		if len(open) == 0 && len(all) > 0 {
			continue // all of them are sealed
		}
		w.key(o.term)
		switch {
		case w.view.Format == TemporalValues:
			w.series(open, w.view.Emptied[o.name])
		case len(open) == 0:
			w.lit("[]")
		default:
			w.past(open)
		}
	}
	w.end()
	return w.b
}

// AppendAggregated appends what an entity's temporal evolution comes to by periods (clause 4.5.19).
func (c *Context) AppendAggregated(b []byte, e *model.Entity, all map[tribune.Name][]temporal.Aggregated, methods temporal.Methods, v View) []byte {
	w := &writer{ctx: c, view: v, b: b}
	w.evolution(e)
	for _, o := range ordered(w, all) {
		w.key(o.term)
		for i := range all[o.name] {
			if len(all[o.name]) > 1 {
				w.lit(separator(i))
			}
			w.aggregated(&all[o.name][i], methods)
		}
		if len(all[o.name]) > 1 {
			w.lit("]")
		}
	}
	w.end()
	return w.b
}

// evolution writes what an evolution says of itself.
func (w *writer) evolution(e *model.Entity) {
	w.lit("{")
	w.id(e)
	if len(e.Types) > 0 && w.view.member(ofType) {
		w.next()
		w.lit(`"type":`)
		w.names(e.Types)
	}
	if w.view.SysAttrs {
		w.time("createdAt", e.CreatedAt)
		w.time("modifiedAt", e.ModifiedAt)
		w.time("deletedAt", e.DeletedAt)
	}
}

func (w *writer) end() {
	if w.view.LD {
		w.context()
	}
	w.lit("}")
}

// termed is an attribute and how it is written.
type termed struct {
	term string
	name tribune.Name
}

func (w *writer) ordered(attrs map[tribune.Name][]model.Attr) []termed { return ordered(w, attrs) }

// ordered are the attributes that the view shows, in the order of their names as they are written.
func ordered[T any](w *writer, attrs map[tribune.Name]T) []termed {
	out := make([]termed, 0, len(attrs))
	for name := range attrs {
		switch {
		case name == model.ScopeName:
			if w.view.member(ofScope) {
				out = append(out, termed{"scope", name})
			}
		case w.view.Shows(name):
			out = append(out, termed{w.ctx.Compact(name), name})
		}
	}
	slices.SortFunc(out, func(a, b termed) int { return strings.Compare(a.term, b.term) })
	return out
}

// past writes instances with what they have in an evolution only.
func (w *writer) past(all []model.Attr) {
	for i := range all {
		a := &all[i]
		w.lit(separator(i))
		w.attr(a, false)
		w.b = w.b[:len(w.b)-1] // its brace
		if a.Rare != nil && a.Rare.Instance != "" {
			w.key("instanceId")
			w.quote(a.Rare.Instance)
		}
		w.time("deletedAt", temporal.Deleted(a))
		w.lit("}")
	}
	w.lit("]")
}

// plural names what temporalValues call the values of a kind (clause 4.5.9).
func plural(k model.Kind) string {
	member, _ := holderOf(k)
	return member + "s"
}

// series writes instances as pairs of value and time, one object per datasetId and attribute type; one without pairs where
// there are none.
func (w *writer) series(all []model.Attr, otherwise model.Kind) {
	type group struct {
		dataset string
		kind    model.Kind
	}
	var order []group
	by := map[group][]*model.Attr{}
	for i := range all {
		g := group{all[i].Dataset, all[i].Kind}
		if by[g] == nil {
			order = append(order, g)
		}
		by[g] = append(by[g], &all[i])
	}
	if len(order) == 0 {
		w.typed(otherwise, "")
		w.lit(`,"` + plural(otherwise) + `":[]}`)
	}
	for i, g := range order {
		if len(order) > 1 {
			w.lit(separator(i))
		}
		w.typed(g.kind, g.dataset)
		w.key(plural(g.kind))
		for j, a := range by[g] {
			w.lit(separator(j) + "[")
			w.paired(a)
			w.lit(`,"`)
			w.b = model.AppendMoment(w.b, timeOf(a, w.view.Time))
			w.lit(`"]`)
		}
		w.lit("]}")
	}
	if len(order) > 1 {
		w.lit("]")
	}
}

// typed begins an object that stands for many instances.
func (w *writer) typed(kind model.Kind, dataset string) {
	w.lit(`{"type":"` + string(kind) + `"`)
	if dataset != "" {
		w.lit(`,"datasetId":`)
		w.quote(dataset)
	}
}

// paired writes a value of a pair: those of some kinds keep their member.
func (w *writer) paired(a *model.Attr) {
	a, _ = w.spoken(a)
	switch a.Kind {
	case model.LanguageProperty, model.VocabProperty, model.JSONProperty:
		member, _ := holderOf(a.Kind)
		w.lit(`{"` + member + `":`)
		w.held(a)
		w.lit("}")
	default:
		w.held(a)
	}
}

// aggregated writes, for each method, a triple of value and period for each period that the method can be applied to.
func (w *writer) aggregated(s *temporal.Aggregated, methods temporal.Methods) {
	w.typed(s.Kind, s.Dataset)
	methods.Each(func(m temporal.Methods) {
		begun := false
		for i := range s.Periods {
			value, ok := s.Periods[i].Append(nil, m)
			if !ok {
				continue
			}
			if begun {
				w.lit(",")
			} else {
				w.key(m.String())
				w.lit("[")
				begun = true
			}
			w.lit("[")
			w.b = append(w.b, value...)
			for _, t := range [...]time.Time{s.Periods[i].From, s.Periods[i].To} {
				w.lit(`,"`)
				w.b = model.AppendMoment(w.b, t)
				w.lit(`"`)
			}
			w.lit("]")
		}
		if begun {
			w.lit("]")
		}
	})
	w.lit("}")
}

// timeOf is the time that a value is paired with. Without a question for one it is when it was observed, or came.
func timeOf(a *model.Attr, property string) time.Time {
	return temporal.Query{Property: property, Any: property == ""}.Time(a)
}

// FormatTime writes a time as clause 4.6.3 wants it.
func FormatTime(t time.Time) string { return string(model.AppendMoment(nil, t)) }

// ShownTemporal is Shown for a temporal evolution, in which the scope is an attribute.
func ShownTemporal(e *model.Entity, v View) bool {
	_, scoped := e.Attrs[model.ScopeName]
	return scoped && v.member(ofScope) || Shown(e, v)
}
