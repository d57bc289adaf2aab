package notify

import (
	"context"
	"slices"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

// Bounds of linked entities in one notification (clause 4.5.23): links branch and cross, so that a level bounds nothing.
const (
	maxLinked = 200
	maxInline = 1000 // how often they are written
)

// linker follows the links of the entities of one notification. What cannot be fetched is left out: the relationship itself
// stands there.
type linker struct {
	n     *Notifier
	s     *subscription
	links jsonld.Links
	seen  map[tribune.EntityID]bool // in the notification already
	order []link                    // for the flat form
}

// link is a linked entity with what is shown of it.
type link struct {
	e    *model.Entity
	view jsonld.View
}

func (n *Notifier) linker(s *subscription, all []*changed) *linker {
	if s.view.Join == jsonld.NoJoin {
		return nil
	}
	l := &linker{n: n, s: s, links: jsonld.Links{Entities: map[tribune.EntityID]*model.Entity{}, Left: maxInline}, seen: map[tribune.EntityID]bool{}}
	for _, c := range all {
		l.seen[c.entity().ID] = true
	}
	return l
}

// follow fetches what an entity links to, level by level, and gives it to its view.
func (l *linker) follow(ctx context.Context, e *model.Entity, view *jsonld.View) {
	if l == nil {
		return
	}
	view.Linked = &l.links
	front := []link{{e, *view}}
	for range view.JoinLevel {
		var next []link
		for i := range front {
			next = l.targets(ctx, next, &front[i])
		}
		front = next
	}
}

// targets are what an entity links to, in the order of the names of its relationships.
func (l *linker) targets(ctx context.Context, next []link, from *link) []link {
	names := make([]tribune.Name, 0, len(from.e.Attrs))
	for name, all := range from.e.Attrs {
		if len(all) > 0 && (all[0].Kind == model.Relationship || all[0].Kind == model.ListRelationship) && from.view.Shows(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		view := from.view.Of(name)
		for i := range from.e.Attrs[name] {
			a := &from.e.Attrs[name][i]
			if !from.view.Wants(a.Dataset) {
				continue
			}
			for _, id := range jsonld.Targets(a) {
				if e := l.fetch(ctx, id); e != nil {
					next = append(next, link{e, view})
					if !l.seen[id] {
						l.seen[id] = true
						l.order = append(l.order, link{e, view})
					}
				}
			}
		}
		if len(next) > maxLinked {
			return next[:maxLinked]
		}
	}
	return next
}

func (l *linker) fetch(ctx context.Context, id tribune.EntityID) *model.Entity {
	if e := l.links.Entities[id]; e != nil {
		return e
	}
	if len(l.links.Entities) >= maxLinked {
		return nil
	}
	v, err := l.n.cfg.Twin.Get(ctx, l.s.tenant, id)
	if err != nil {
		return nil
	}
	l.links.Entities[id] = &v.Entity
	return &v.Entity
}

// flat appends linked entities behind those that link to them (clause 4.5.23.3).
func (l *linker) flat(b []byte, s *subscription) []byte {
	if l == nil || s.view.Join != jsonld.Flat {
		return b
	}
	for i := range l.order {
		v := l.order[i].view
		if !jsonld.Shown(l.order[i].e, v) {
			continue
		}
		v.LD = s.view.LD && !s.view.GeoJSON
		b = s.ctx.Append(append(b, ','), l.order[i].e, v)
	}
	return b
}
