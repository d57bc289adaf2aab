package federation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// GatheredPast is what several sources know together of the past. What this broker knows is put to it entity by entity: of a long list
// only a page is read here.
type GatheredPast struct {
	Gathered // without entities
	blend    blend
	when     temporal.Query
	byID     map[tribune.EntityID]*toldPast
	sources  *Sources
}

// toldPast is what sources have told of one entity, auxiliary ones last.
type toldPast struct {
	by []*Registration
	of []model.Entity
}

// GatherPast asks all sources at once (clauses 5.7.3 and 5.7.4). What sources tell beyond their registrations, and what the guard keeps
// back, is left out with a warning. Sources that fail cost a warning and nothing else.
func (s *Sources) GatherPast(ctx context.Context, matches []Match, q *Question, guard Guard) *GatheredPast {
	g := &GatheredPast{when: *q.Past, byID: map[tribune.EntityID]*toldPast{}, sources: s}
	matches, answers := s.askAll(ctx, matches, q, &g.Gathered)
	g.blend = blend{matches: matches, withhold: guard.Withhold, known: func(id tribune.EntityID) []tribune.Name { return guard.known(ctx, id) }}
	for _, auxiliary := range [...]bool{false, true} {
		for i, m := range matches {
			if (m.Mode == Auxiliary) == auxiliary {
				for j := range answers[i].Entities {
					g.told(m.Registration, &answers[i].Entities[j])
				}
			}
		}
	}
	return g
}

// told keeps what a source says of an entity, less what others are registered to hold alone.
func (g *GatheredPast) told(r *Registration, e *model.Entity) {
	lost, whole := g.blend.claimed(r.Mode, e)
	if whole {
		return
	}
	for _, n := range lost {
		delete(e.Attrs, n) // it has been read for us alone
	}
	x := g.byID[e.ID]
	if x == nil {
		x = &toldPast{}
		g.byID[e.ID] = x
	}
	x.by, x.of = append(x.by, r), append(x.of, *e)
}

// IDs are the entities that sources have told of, in order.
func (g *GatheredPast) IDs() []tribune.EntityID { return slices.Sorted(maps.Keys(g.byID)) }

// Told reports whether a source has told of an entity.
func (g *GatheredPast) Told(id tribune.EntityID) bool { return g.byID[id] != nil }

// Claimed reports whether others are registered to hold something of an entity instead of this broker.
func (g *GatheredPast) Claimed(e *model.Entity) bool {
	lost, whole := g.blend.claimed(Inclusive, e)
	return whole || len(lost) > 0
}

// Put puts an entity together: what is here of it, nil = nothing, and what sources have told (clause 4.5.5). Its instances are those of the
// time asked for, in the order of the question, the sealed ones last; ok is false where none is left.
func (g *GatheredPast) Put(id tribune.EntityID, here *model.Entity) (p Piece, ok bool) {
	var versions []model.Entity
	var by []*Registration // nil = here
	if here != nil {
		if lost, whole := g.blend.claimed(Inclusive, here); !whole {
			e := *here
			e.Attrs = maps.Clone(here.Attrs)
			for _, n := range lost {
				delete(e.Attrs, n)
			}
			versions, by, p.Local = append(versions, e), append(by, nil), true
		}
	}
	if x := g.byID[id]; x != nil {
		versions, by = append(versions, x.of...), append(by, x.by...)
	}
	if len(versions) == 0 {
		return p, false
	}
	var head Merged
	for i := range versions {
		if by[i] == nil || by[i].Mode != Auxiliary || head.Empty() {
			head.describePast(&versions[i])
		}
		if r := by[i]; r != nil && !slices.Contains(p.Told, r.ID) {
			p.Told = append(p.Told, r.ID)
		}
	}
	p.Entity = head.Entity
	p.Entity.Attrs = map[tribune.Name][]model.Attr{}
	g.keepBack(&p.Entity, versions, by)
	series := map[seriesName]*series{}
	for i := range versions {
		for name, list := range versions[i].Attrs {
			addSeries(series, name, list, &g.when, by[i] != nil && by[i].Mode == Auxiliary)
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(series), seriesName.compare) {
		if list := series[of].in(&g.when, of.attr); len(list) > 0 {
			p.Entity.Attrs[of.attr] = append(p.Entity.Attrs[of.attr], list...)
		}
	}
	return p, len(p.Entity.Attrs) > 0
}

// describePast is describe for evolutions: one ends where it ends in all versions.
func (m *Merged) describePast(e *model.Entity) {
	ended := m.Entity.DeletedAt
	if m.Empty() {
		ended = e.DeletedAt
	} else if e.DeletedAt.IsZero() || ended.IsZero() || e.DeletedAt.After(ended) {
		if !ended.IsZero() {
			ended = e.DeletedAt
		}
	}
	m.describe(e)
	m.Entity.DeletedAt = ended
}

// keepBack takes out of what sources told what the guard keeps back: by what the entity is by all who know it, as a source says itself of
// which types its version is.
func (g *GatheredPast) keepBack(e *model.Entity, versions []model.Entity, by []*Registration) {
	if g.blend.withhold == nil || len(by) == 1 && by[0] == nil {
		return
	}
	types := union(e.Types, g.blend.known(e.ID))
	for i := range versions { // auxiliary ones do not say what it is, where others do
		types = union(types, versions[i].Types)
	}
	kept := 0
	for i := range versions {
		if by[i] == nil {
			continue
		}
		for n := range versions[i].Attrs {
			if n != model.ScopeName && g.blend.withhold(types, n) {
				delete(versions[i].Attrs, n) // it has been read for us alone
				kept++
			}
		}
	}
	if g.blend.withheld += kept; kept > 0 {
		g.Warnings = slices.DeleteFunc(g.Warnings, func(w string) bool { return w == personalWarning(g.blend.withheld-kept) })
		g.warn(personalWarning(g.blend.withheld))
	}
}

// seriesName names the instances of an attribute that follow each other.
type seriesName struct {
	attr    tribune.Name
	dataset string
}

func (a seriesName) compare(b seriesName) int {
	if c := strings.Compare(string(a.attr), string(b.attr)); c != 0 {
		return c
	}
	return strings.Compare(a.dataset, b.dataset)
}
