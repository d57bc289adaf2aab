package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// page puts the page together that the request asks for. Of entities that are not on it, no more is read here than says that they match.
func (g *pastGathering) page(ctx context.Context, f *found) (twin.Evolutions, error) {
	if err := g.candidates(ctx); err != nil {
		return twin.Evolutions{}, err
	}
	out := twin.Evolutions{Count: -1}
	matched, want := 0, g.q.Offset+g.q.Limit
	for _, id := range g.inOrder() {
		if matched >= want && !g.q.Count {
			break
		}
		on := matched >= g.q.Offset && matched < want
		if !on && g.certain(id) {
			matched++
			continue
		}
		p, ok, err := g.put(ctx, id)
		if err != nil {
			return out, err
		}
		if !ok {
			continue
		}
		if matched++; on {
			f.held(&p)
			out.List = append(out.List, g.shown(&p.Entity))
		}
	}
	if g.q.Count {
		out.Count = matched
	}
	if g.More {
		if g.q.Aggregate != nil { // a wrong number is worse than none
			return out, tribune.Hint(fmt.Errorf("%w: the instances are too many to be gathered from context sources", errTooComplex), "Ask for a shorter time, for fewer entities or attributes, or with local=true.")
		}
		g.Warnings = append(g.Warnings, fmt.Sprintf(`199 tribune "there is more than the %d entities and %d instances that one query gathers: narrow it"`, federation.MaxEntities, federation.MaxInstances))
	}
	f.warn(g.Warnings...)
	out.Fit(g.q)
	return out, nil
}

// candidates are the entities that match here.
func (g *pastGathering) candidates(ctx context.Context) error {
	q := g.here
	q.Limit, q.Page, q.Count = twin.MaxLimit, 1, true
	for ; q.Offset < federation.MaxEntities; q.Offset += q.Limit {
		out, err := g.api.Twin.Evolutions(ctx, q)
		if err != nil {
			return err
		}
		for i := range out.List {
			g.heads[out.List[i].ID] = &out.List[i].Entity
		}
		if q.Offset+q.Limit >= out.Count {
			return nil
		}
	}
	g.More = true
	return nil
}

// inOrder are the ids of all that may match.
func (g *pastGathering) inOrder() []tribune.EntityID {
	ids := g.IDs()
	for id := range g.heads {
		if !g.Told(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if g.q.Backward {
		slices.Reverse(ids)
	}
	return ids
}

// certain reports whether an entity matches without being looked at: by what is here alone.
func (g *pastGathering) certain(id tribune.EntityID) bool {
	head := g.heads[id]
	return head != nil && !g.split && !g.Told(id) && !g.Claimed(head)
}

// put puts one entity together; ok is false where it does not match.
func (g *pastGathering) put(ctx context.Context, id tribune.EntityID) (p federation.Piece, ok bool, err error) {
	var here *model.Entity
	if g.heads[id] != nil {
		if here, err = g.read(ctx, id); err != nil {
			return p, false, err
		}
	}
	p, ok = g.Put(id, here)
	if !ok || !g.q.Chooses(&p.Entity) || g.split && !g.q.Holds(&p.Entity) {
		return p, false, nil
	}
	some := false
	for name, list := range p.Entity.Attrs {
		if len(g.q.Attrs) > 0 && !slices.Contains(g.q.Attrs, name) || len(list) == 0 {
			delete(p.Entity.Attrs, name)
			continue
		}
		some = some || g.counts(list)
	}
	return p, some, nil
}

// counts reports whether instances make their entity match: sealed ones do for those alone who name it.
func (g *pastGathering) counts(list []model.Attr) bool {
	return len(g.q.IDs) == 1 || slices.ContainsFunc(list, func(a model.Attr) bool { return a.Sealed == nil })
}

// read reads all that is here of an entity in the time asked for.
func (g *pastGathering) read(ctx context.Context, id tribune.EntityID) (*model.Entity, error) {
	q := g.here
	q.Query = twin.Query{Tenant: q.Tenant, IDs: []tribune.EntityID{id}, Attrs: q.Attrs, Scopes: q.Scopes, Limit: 1} // its values have been looked at
	var e *model.Entity
	for {
		if g.left <= 0 {
			g.More = true
			return e, nil
		}
		out, err := g.api.Twin.Evolutions(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(out.List) == 0 {
			return e, nil
		}
		first, last := within(q.Time, &out.List[0].Entity)
		e = g.join(e, &out.List[0].Entity)
		next, ok := q.Time.Rest(first, last.Add(1)) // a page of the twin ends between times
		if !out.Cut || !ok {
			g.More = g.More || out.Cut && q.Time.LastN == 0
			return e, nil
		}
		q.Time = next
	}
}

// within are the first and the last time of instances that a query holds: not those of a scope that was valid before.
func within(q temporal.Query, e *model.Entity) (first, last time.Time) {
	for _, list := range e.Attrs {
		for i := range list {
			t := q.Time(&list[i])
			if list[i].Sealed != nil || !q.Holds(t) {
				continue
			}
			if first.IsZero() || t.Before(first) {
				first = t
			}
			if t.After(last) {
				last = t
			}
		}
	}
	return first, last
}

// join adds a page of an entity's instances to those before. The sealed ones come with every page.
func (g *pastGathering) join(e, page *model.Entity) *model.Entity {
	for name, list := range page.Attrs {
		g.left -= len(list)
		if e != nil {
			e.Attrs[name] = append(e.Attrs[name], slices.DeleteFunc(list, func(a model.Attr) bool { return a.Sealed != nil })...)
		}
	}
	if e == nil {
		return page
	}
	return e
}

// shown is an evolution as the request asks for it: with the last of its instances, or what they come to.
func (g *pastGathering) shown(e *model.Entity) twin.Evolution {
	if g.q.Aggregate != nil {
		out := twin.Evolution{Entity: *e, Aggregates: g.q.Sum(e)}
		out.Attrs = map[tribune.Name][]model.Attr{}
		return out
	}
	if g.q.Time.LastN > 0 && g.split {
		period := found{period: g.q.Time}
		for name, list := range e.Attrs {
			if name != model.ScopeName { // which has one from before
				e.Attrs[name] = period.within(list)
			}
		}
	}
	return twin.Evolution{Entity: *e}
}
