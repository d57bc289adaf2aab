package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// Bounds of linked entity retrieval (clause 4.5.23): links branch and cross, so that a level bounds nothing.
const (
	maxLinked = 1000   // entities fetched for one answer
	maxInline = 10_000 // how often they are written into it
	maxAsked  = 50     // linked entities that context sources are asked for: each is a request to others
)

// linkedEntity is an entity that is shown because others link to it.
type linkedEntity struct {
	twin.View
	view jsonld.View
}

// joined follows the links of what a request has found.
type joined struct {
	a *api
	r *http.Request
	f *found

	skip  map[tribune.EntityID]bool // they stand in the answer already, or whoever asks has them
	links jsonld.Links
	order []linkedEntity // each once, as they were met
	seen  map[visit]bool
	asked int // linked entities that context sources have been asked for
}

// visit is an entity that was met with what is shown of it: the same entity may show other relationships elsewhere.
type visit struct {
	id         tribune.EntityID
	pick, omit *jsonld.Projection
}

// link fetches what the found entities link to, level by level. Sealed attributes of linked entities stay sealed, also
// where the request opens some of those found.
func (a *api) link(r *http.Request, f *found) error {
	if f.view.Join == jsonld.NoJoin || f.temporal {
		return nil
	}
	j := &joined{a: a, r: r, f: f, skip: map[tribune.EntityID]bool{}, seen: map[visit]bool{}}
	j.links = jsonld.Links{Entities: map[tribune.EntityID]*model.Entity{}, Left: maxInline}
	for _, id := range f.view.ContainedBy {
		j.skip[id] = true
	}
	front := make([]linkedEntity, len(f.entities))
	for i := range f.entities {
		front[i] = linkedEntity{f.entities[i], f.view}
		if f.view.Join == jsonld.Flat || len(f.entities) == 1 { // alone, it stands around all that is inline
			j.skip[f.entities[i].ID] = true
		}
	}
	for range f.view.JoinLevel {
		var err error
		if front, err = j.level(front); err != nil {
			return err
		}
	}
	if f.view.Join == jsonld.Inline {
		f.view.Linked = &j.links
		return nil
	}
	f.list, f.linked = true, j.order
	return nil
}

// level is what the entities of one level link to.
func (j *joined) level(front []linkedEntity) (next []linkedEntity, err error) {
	for i := range front {
		e := &front[i]
		for _, name := range relationships(e.Attrs) {
			if !e.view.Shows(name) {
				continue
			}
			view := e.view.Of(name)
			for k := range e.Attrs[name] {
				a := &e.Attrs[name][k]
				if !e.view.Wants(a.Dataset) {
					continue
				}
				for _, id := range jsonld.Targets(a) {
					if next, err = j.meet(next, id, a.ObjectType, view); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return next, nil
}

// meet fetches a linked entity, if it is not there already; types are what the relationship says about it.
func (j *joined) meet(next []linkedEntity, id tribune.EntityID, types []tribune.Name, view jsonld.View) ([]linkedEntity, error) {
	at := visit{id, view.Pick, view.Omit}
	if j.skip[id] || j.seen[at] {
		return next, nil
	}
	if j.seen[at] = true; len(j.seen) > maxInline {
		return nil, tooManyLinks()
	}
	if e := j.links.Entities[id]; e != nil { // with another projection
		return append(next, linkedEntity{twin.View{Entity: *e}, view}), nil
	}
	e, err := j.fetch(id, types)
	if errors.Is(err, tribune.ErrNotFound) {
		return next, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetching a linked entity: %w", err)
	}
	if len(j.links.Entities) == maxLinked {
		return nil, tooManyLinks()
	}
	j.links.Entities[id] = &e.Entity
	one := linkedEntity{e, view}
	if jsonld.Shown(&e.Entity, view) {
		j.order = append(j.order, one)
	}
	return append(next, one), nil
}

// fetch is a linked entity: from here, or, where the relationship says of which types it is, from whoever is registered for
// these (clause 4.5.23.1).
func (j *joined) fetch(id tribune.EntityID, types []tribune.Name) (twin.View, error) {
	e, err := j.a.Twin.Get(j.r.Context(), j.f.tenant, id)
	if !errors.Is(err, tribune.ErrNotFound) || len(types) == 0 || !j.a.distributes(j.r, j.f.tenant) {
		return e, err
	}
	if j.asked++; j.asked > maxAsked {
		return e, err
	}
	terms := make([]string, len(types))
	for i, name := range types {
		terms[i] = j.f.ctx.Compact(name)
	}
	probe := &found{ctx: j.f.ctx, tenant: j.f.tenant} // of all its attributes, whatever is asked of the others
	return j.a.entity(j.r, probe, &search{}, id, query.Type(types...), strings.Join(terms, ","))
}

func tooManyLinks() error {
	return tribune.Hint(fmt.Errorf("%w: the entities link to more than %d others", errTooMany, maxLinked), "Ask for fewer entities or a smaller joinLevel, or pick fewer relationships.")
}

// relationships are the names of an entity's relationships, in order.
func relationships(attrs map[tribune.Name][]model.Attr) []tribune.Name {
	names := make([]tribune.Name, 0, len(attrs))
	for name, all := range attrs {
		if slices.ContainsFunc(all, func(a model.Attr) bool { return a.Kind == model.Relationship || a.Kind == model.ListRelationship }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
