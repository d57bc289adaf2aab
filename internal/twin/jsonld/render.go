package jsonld

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/twin/model"
)

// Format is a representation of entities.
type Format int

// The representations of clause 4.5.
const (
	Normalized Format = iota
	Concise
	Simplified     // keyValues
	TemporalValues // of histories: arrays of [value, time]
)

// View says how an entity is shown.
type View struct {
	Format   Format
	SysAttrs bool           // createdAt and modifiedAt, of entity and attributes
	Attrs    []tribune.Name // show these only; empty = all
	LD       bool           // with @context, for application/ld+json
	Time     string         // of histories: which time property temporalValues pair values with; "" = observedAt
}

// Append appends the entity as JSON. Attributes that are still sealed are not there: see Withheld.
func (c *Context) Append(b []byte, e *model.Entity, v View) []byte {
	w := &writer{ctx: c, view: v, b: b}
	w.entity(e, false)
	return w.b
}

// AppendTemporal appends an entity's history: every attribute is an array of instances, in the order given.
func (c *Context) AppendTemporal(b []byte, e *model.Entity, v View) []byte {
	w := &writer{ctx: c, view: v, b: b}
	w.entity(e, true)
	return w.b
}

// Withheld is how many attributes a view does not show because they are sealed.
func Withheld(e *model.Entity, v View) int {
	n := 0
	for name, all := range e.Attrs {
		if !v.shows(name) {
			continue
		}
		for i := range all {
			if all[i].Sealed != nil {
				n++
				break
			}
		}
	}
	return n
}

func (v *View) shows(name tribune.Name) bool {
	return len(v.Attrs) == 0 || slices.Contains(v.Attrs, name)
}

type writer struct {
	ctx  *Context
	view View
	b    []byte
}

func (w *writer) lit(s string) { w.b = append(w.b, s...) }

func (w *writer) quote(s string) {
	b, err := jsontext.AppendQuote(w.b, s)
	if err != nil { // a string that came from elsewhere than the parser
		b, _ = jsontext.AppendQuote(w.b, strings.ToValidUTF8(s, "\ufffd"))
	}
	w.b = b
}

func (w *writer) key(s string) {
	w.lit(",")
	w.quote(s)
	w.lit(":")
}

func (w *writer) time(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.lit(`,"` + key + `":"`)
	w.b = appendTime(w.b, t)
	w.lit(`"`)
}

func (w *writer) names(names []tribune.Name) {
	if len(names) == 1 {
		w.quote(w.ctx.Compact(names[0]))
		return
	}
	for i, n := range names {
		w.lit(separator(i))
		w.quote(w.ctx.Compact(n))
	}
	w.lit("]")
}

// separator is what stands before the i-th element of an array.
func separator(i int) string {
	if i == 0 {
		return "["
	}
	return ","
}

func (w *writer) entity(e *model.Entity, temporal bool) {
	w.lit(`{"id":`)
	w.quote(string(e.ID))
	if len(e.Types) > 0 {
		w.lit(`,"type":`)
		w.names(e.Types)
	}
	if len(e.Scope) > 0 {
		w.lit(`,"scope":`)
		if len(e.Scope) == 1 {
			w.quote(e.Scope[0])
		} else {
			for i, s := range e.Scope {
				w.lit(separator(i))
				w.quote(s)
			}
			w.lit("]")
		}
	}
	if w.view.SysAttrs {
		w.time("createdAt", e.CreatedAt)
		w.time("modifiedAt", e.ModifiedAt)
	}
	w.attrs(e.Attrs, true, temporal)
	if w.view.LD {
		w.lit(`,"@context":`)
		w.b = append(w.b, w.ctx.show...)
	}
	w.lit("}")
}

// attrs writes attributes in the order of their names as they are written, so that equal entities have equal bytes.
func (w *writer) attrs(attrs map[tribune.Name][]model.Attr, top, temporal bool) {
	type named struct {
		term string
		name tribune.Name
	}
	var buf [24]named
	order := buf[:0]
	for name := range attrs {
		if !top || w.view.shows(name) {
			order = append(order, named{w.ctx.Compact(name), name})
		}
	}
	slices.SortFunc(order, func(a, b named) int { return strings.Compare(a.term, b.term) })
	for _, o := range order {
		open := visible(attrs[o.name])
		switch {
		case len(open) == 0:
		case temporal && w.view.Format == TemporalValues:
			w.key(o.term)
			w.series(open)
		case temporal:
			w.key(o.term)
			w.instances(open)
		case len(open) == 1:
			w.key(o.term)
			w.attr(&open[0], true)
		case w.view.Format == Simplified:
			w.key(o.term)
			w.datasets(open)
		default:
			w.key(o.term)
			w.instances(open)
		}
	}
}

// visible is the instances that are not sealed; most attributes have none that is.
func visible(all []model.Attr) []model.Attr {
	for i := range all {
		if all[i].Sealed == nil {
			continue
		}
		open := slices.Clone(all[:i])
		for _, a := range all[i+1:] {
			if a.Sealed == nil {
				open = append(open, a)
			}
		}
		return open
	}
	return all
}

func (w *writer) instances(all []model.Attr) {
	for i := range all {
		w.lit(separator(i))
		w.attr(&all[i], false)
	}
	w.lit("]")
}

// datasets is the simplified representation of several instances (clause 4.5.5).
func (w *writer) datasets(all []model.Attr) {
	w.lit(`{"dataset":{`)
	for i := range all {
		if i > 0 {
			w.lit(",")
		}
		name := all[i].Dataset
		if name == "" {
			name = "@none"
		}
		w.quote(name)
		w.lit(":")
		w.held(&all[i])
	}
	w.lit("}}")
}
