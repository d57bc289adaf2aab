package jsonld

import (
	"slices"

	"tribune"
	"tribune/internal/twin/model"
)

// Targets are the entities that an attribute instance links to, nil where it is no relationship.
func Targets(a *model.Attr) []tribune.EntityID {
	if a.Sealed != nil || a.Kind != model.Relationship && a.Kind != model.ListRelationship || len(a.Value) == 0 {
		return nil
	}
	list, ok := stringOrList(a.Value)
	if !ok {
		return nil
	}
	out := make([]tribune.EntityID, len(list))
	for i := range list {
		out[i] = tribune.EntityID(list[i])
	}
	return out
}

// inline is the entity to be written for a link, nil where there is none, or where it stands around the link already.
func (w *writer) inline(id tribune.EntityID) *model.Entity {
	v := &w.view
	if v.JoinLevel < 1 || slices.Contains(w.path, id) || slices.Contains(v.ContainedBy, id) {
		return nil
	}
	e := v.Linked.Entities[id]
	if e == nil || !Shown(e, v.Of(w.attrOf)) {
		return nil
	}
	if v.Linked.Left--; v.Linked.Left < 0 {
		return nil
	}
	return e
}

// joins reports whether what this attribute links to is shown with it.
func (w *writer) joins(a *model.Attr) bool {
	return w.view.Join == Inline && w.view.Linked != nil && w.attrOf != "" && (a.Kind == model.Relationship || a.Kind == model.ListRelationship)
}

// linked writes the entities that a relationship links to as its member (clause 4.5.23.2).
func (w *writer) linked(a *model.Attr) {
	if !w.joins(a) {
		return
	}
	single := a.Kind == model.Relationship && a.Value[0] != '['
	n := 0
	for _, id := range Targets(a) {
		e := w.inline(id)
		if e == nil {
			continue
		}
		switch n++; {
		case n > 1:
			w.lit(",")
		case a.Kind == model.ListRelationship:
			w.lit(`,"entityList":[`)
		case single:
			w.lit(`,"entity":`)
		default:
			w.lit(`,"entity":[`)
		}
		w.within(e)
	}
	if n > 0 && !single {
		w.lit("]")
	}
}

// replaced writes the entities that a relationship links to in its place, as the simplified representation does; what is
// not there stays a URI.
func (w *writer) replaced(a *model.Attr) {
	if !w.joins(a) {
		w.held(a)
		return
	}
	targets := Targets(a)
	if len(targets) == 0 {
		w.held(a)
		return
	}
	array := a.Value[0] == '['
	for i, id := range targets {
		if array {
			w.lit(separator(i))
		}
		if e := w.inline(id); e != nil {
			w.within(e)
		} else {
			w.quote(string(id))
		}
	}
	if array {
		w.lit("]")
	}
}

// within writes an entity that the attribute being written links to.
func (w *writer) within(e *model.Entity) {
	view, attr := w.view, w.attrOf
	w.view = view.Of(attr)
	w.entity(e)
	w.view, w.attrOf = view, attr
}
