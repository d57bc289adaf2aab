package jsonld

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/twin/model"
)

// Append appends the entity as JSON. Attributes that are still sealed are not there: see Withheld.
func (c *Context) Append(b []byte, e *model.Entity, v View) []byte {
	w := &writer{ctx: c, view: v, b: b}
	if v.GeoJSON {
		w.feature(e)
	} else {
		w.entity(e)
	}
	return w.b
}

type writer struct {
	ctx  *Context
	view View
	b    []byte

	attrOf tribune.Name       // the attribute of the entity that is being written; "" below it
	path   []tribune.EntityID // the entities that are being written, each linked by the one before
}

func (w *writer) lit(s string) { w.b = append(w.b, s...) }

func (w *writer) quote(s string) {
	b, err := jsontext.AppendQuote(w.b, s)
	if err != nil { // a string that came from elsewhere than the parser
		b, _ = jsontext.AppendQuote(w.b, strings.ToValidUTF8(s, "\ufffd"))
	}
	w.b = b
}

// next separates a member from the one before it, if there is one.
func (w *writer) next() {
	if w.b[len(w.b)-1] != '{' {
		w.lit(",")
	}
}

func (w *writer) key(s string) {
	w.next()
	w.quote(s)
	w.lit(":")
}

func (w *writer) time(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.next()
	w.lit(`"` + key + `":"`)
	w.b = model.AppendMoment(w.b, t)
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

func (w *writer) entity(e *model.Entity) {
	w.lit("{")
	w.id(e)
	w.rest(e)
	if w.view.LD && len(w.path) == 0 {
		w.context()
	}
	w.lit("}")
}

func (w *writer) id(e *model.Entity) {
	if w.view.member(ofID) {
		w.lit(`"id":`)
		w.quote(string(e.ID))
	}
}

func (w *writer) context() {
	w.next()
	w.lit(`"@context":`)
	w.b = append(w.b, w.ctx.show...)
}

// rest writes the members of an entity but its id.
func (w *writer) rest(e *model.Entity) {
	if len(e.Types) > 0 && w.view.member(ofType) {
		w.next()
		w.lit(`"type":`)
		w.names(w.typesOf(e))
	}
	if len(e.Scope) > 0 && w.view.member(ofScope) && w.knows(version{1, 4}) {
		w.next()
		w.lit(`"scope":`)
		w.scope(e.Scope)
	}
	if w.view.SysAttrs {
		w.time("createdAt", e.CreatedAt)
		w.time("modifiedAt", e.ModifiedAt)
		if !e.ExpiresAt.IsZero() && w.knows(version{1, 9}) {
			w.time("expiresAt", e.ExpiresAt)
		}
	}
	if c := w.view.Changes; c != nil && len(w.path) == 0 {
		w.time("deletedAt", c.Deleted)
	}
	w.path = append(w.path, e.ID)
	w.attrs(e.Attrs, true)
	w.path = w.path[:len(w.path)-1]
}

func (w *writer) scope(all []string) {
	if len(all) == 1 {
		w.quote(all[0])
		return
	}
	for i, s := range all {
		w.lit(separator(i))
		w.quote(s)
	}
	w.lit("]")
}

// attrs writes attributes in the order of their names as they are written, so that equal entities have equal bytes.
func (w *writer) attrs(attrs map[tribune.Name][]model.Attr, top bool) {
	type named struct {
		term string
		name tribune.Name
	}
	var buf [24]named
	order := buf[:0]
	for name := range attrs {
		if !top || w.view.Shows(name) {
			order = append(order, named{w.ctx.Compact(name), name})
		}
	}
	outer := w.attrOf
	slices.SortFunc(order, func(a, b named) int { return strings.Compare(a.term, b.term) })
	for _, o := range order {
		open := w.visible(attrs[o.name], top)
		if len(open) == 0 {
			continue
		}
		w.key(o.term)
		w.attrOf = ""
		if top {
			w.attrOf = o.name
		}
		switch {
		case len(open) == 1:
			w.attr(&open[0], true)
		case w.view.Format == Simplified:
			w.datasets(open)
		default:
			w.instances(open)
		}
	}
	w.attrOf = outer
}

// visible is the instances that are not sealed and that the view wants; of most attributes that is all.
func (w *writer) visible(all []model.Attr, top bool) []model.Attr {
	hidden := func(a model.Attr) bool { return a.Sealed != nil || top && !w.view.Wants(a.Dataset) }
	if i := slices.IndexFunc(all, hidden); i >= 0 {
		all = slices.DeleteFunc(slices.Clone(all), hidden)
	}
	return w.single(all)
}

func (w *writer) instances(all []model.Attr) {
	for i := range all {
		w.lit(separator(i))
		w.attr(&all[i], false)
	}
	w.lit("]")
}

// datasets is the simplified representation of several instances (clause 4.5.4).
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
		w.bare(&all[i])
	}
	w.lit("}}")
}
