package federation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/twin/model"
)

// MaxSources bounds the sources of one question.
const MaxSources = 100

// Gathered is what several sources know together.
type Gathered struct {
	Entities []Piece  // in order of their ids
	Warnings []string // values of NGSILD-Warning headers: what is missing, and why
	More     bool     // some source has more than was read: the entities are not all
}

// Piece is one entity.
type Piece struct {
	Entity model.Entity
	Here   bool // it is one of the given ones, unchanged

	Local bool     // this broker holds something of it
	Told  []string // ids of the registrations whose sources hold something of it
}

// Gather asks all sources at once and puts their entities together with those found here (clauses 5.7.1 and 5.7.2). What sources tell
// beyond their registrations, and what the guard keeps back, is left out with a warning. Sources that fail cost a warning and nothing else.
func (s *Sources) Gather(ctx context.Context, matches []Match, q *Question, here []model.Entity, guard Guard) Gathered {
	var out Gathered
	matches, answers := s.askAll(ctx, matches, q, &out)
	b := &blend{matches: matches, byID: map[tribune.EntityID]*blended{}, withhold: guard.Withhold, known: func(id tribune.EntityID) []tribune.Name { return guard.known(ctx, id) }}
	for i := range here {
		b.local(&here[i], s)
	}
	for i, m := range matches {
		if m.Mode != Auxiliary {
			b.answer(m.Registration, answers[i].Entities, s)
		}
	}
	for i, m := range matches { // what they add depends on all others
		if m.Mode == Auxiliary {
			b.answer(m.Registration, answers[i].Entities, s)
		}
	}
	out.Entities = b.pieces()
	if b.withheld > 0 {
		out.warn(personalWarning(b.withheld))
	}
	return out
}

// askAll asks all sources at once. What went wrong with them stands in out.
func (s *Sources) askAll(ctx context.Context, matches []Match, q *Question, out *Gathered) ([]Match, []Answer) {
	if len(matches) > MaxSources {
		out.warn(fmt.Sprintf(`199 tribune "%d registrations match, %d are asked"`, len(matches), MaxSources))
		matches = matches[:MaxSources]
	}
	answers := make([]Answer, len(matches))
	failures := make([]error, len(matches))
	left := s.newAllowance()
	defer left.end()
	var all sync.WaitGroup
	for i, m := range matches {
		if q.canAsk(m.Registration) {
			all.Go(func() { answers[i], failures[i] = s.Ask(ctx, m, q, left) })
		}
	}
	all.Wait()
	for i, m := range matches {
		out.More = out.More || answers[i].More
		if failures[i] != nil {
			out.warn(Warning(failures[i]))
		}
		if answers[i].Stale {
			out.warn(StaleWarning(m.Registration))
		}
		for _, text := range answers[i].warned.of(m.Registration) {
			out.warn(text)
		}
		if answers[i].excess.any() {
			out.warn(excessWarning(m.Registration, answers[i].excess))
		}
	}
	return matches, answers
}

func (g *Gathered) warn(text string) {
	if !slices.Contains(g.Warnings, text) {
		g.Warnings = append(g.Warnings, text)
	}
}

// blend puts versions of entities together, under the modes of their sources.
type blend struct {
	matches  []Match
	byID     map[tribune.EntityID]*blended
	withhold func(types []tribune.Name, attr tribune.Name) bool // see Guard
	known    func(tribune.EntityID) []tribune.Name
	withheld int
}

type blended struct {
	Merged
	here  *model.Entity         // the only version so far, and unchanged
	local *model.Entity         // the version of this broker
	told  map[tribune.Name]bool // attributes that a source has told
	kinds []tribune.Name        // types by what is here, looked up with the first answer
	by    []string              // ids of the registrations of these sources
}

func (b *blend) of(id tribune.EntityID) *blended {
	x := b.byID[id]
	if x == nil {
		x = &blended{}
		b.byID[id] = x
	}
	return x
}

// local adds an entity found here, less what others are registered to hold instead of this broker (clause 4.3.6.3).
func (b *blend) local(e *model.Entity, s *Sources) {
	lost, whole := b.claimed(Inclusive, e)
	if whole {
		return
	}
	x := b.of(e.ID)
	if x.local = e; len(lost) == 0 {
		x.here = e // most stay as they are
		return
	}
	rest := *e
	rest.Attrs = maps.Clone(e.Attrs)
	for _, n := range lost {
		delete(rest.Attrs, n)
	}
	x.local = &rest
	x.Add(&rest, s.cfg.Now())
}

func (b *blend) answer(r *Registration, entities []model.Entity, s *Sources) {
	for i := range entities {
		e := &entities[i]
		lost, whole := b.claimed(r.Mode, e)
		if whole {
			continue
		}
		for _, n := range lost {
			delete(e.Attrs, n) // it has been read for us alone
		}
		x := b.of(e.ID)
		if x.told == nil {
			x.kinds = b.known(e.ID)
		}
		types := union(e.Types, x.kinds)
		for n := range e.Attrs {
			if b.withhold != nil && b.withhold(types, n) {
				delete(e.Attrs, n)
				b.withheld++
			}
		}
		if x.here != nil {
			x.Add(x.here, s.cfg.Now())
			x.here = nil
		}
		x.tells(e)
		if !slices.Contains(x.by, r.ID) {
			x.by = append(x.by, r.ID)
		}
		if r.Mode == Auxiliary {
			x.Supplement(e, s.cfg.Now())
		} else {
			x.Add(e, s.cfg.Now())
		}
	}
}

func (x *blended) tells(e *model.Entity) {
	if x.told == nil {
		x.told = make(map[tribune.Name]bool, len(e.Attrs))
	}
	for n := range e.Attrs {
		x.told[n] = true
	}
}

// untell takes out what sources told that is personal for what the entity is by all who know it: a source says itself of which
// types its version is, and could name one for which the law has nothing to hide.
func (b *blend) untell(x *blended) {
	if b.withhold == nil {
		return
	}
	types := union(x.Entity.Types, x.kinds)
	for n := range x.told {
		if _, there := x.Entity.Attrs[n]; !there || !b.withhold(types, n) {
			continue
		}
		b.withheld++
		if x.Drop(n); x.local != nil && x.local.Attrs[n] != nil {
			x.attrs()[n] = x.local.Attrs[n]
		}
	}
}

// claimed are the attributes of an entity that stricter registrations than mode keep for their sources; whole: all of them.
func (b *blend) claimed(mode Mode, e *model.Entity) (names []tribune.Name, whole bool) {
	for i := range b.matches {
		m := &b.matches[i]
		if !m.Mode.Proxied() || m.Mode >= mode {
			break // they are ordered by mode
		}
		if m.Entities != nil && !slices.ContainsFunc(m.Entities, func(i EntityInfo) bool { return i.Covers(e.ID, e.Types) }) {
			continue
		}
		if !m.Info.named() {
			return nil, true
		}
		for n := range e.Attrs {
			if m.Info.names(n) && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names, false
}

func (b *blend) pieces() []Piece {
	var out []Piece
	for _, x := range b.byID {
		switch {
		case x.here != nil:
			out = append(out, Piece{Entity: *x.here, Here: true, Local: true})
		case !x.Empty():
			b.untell(x)
			out = append(out, Piece{Entity: x.Entity, Local: x.local != nil, Told: x.by})
		}
	}
	slices.SortFunc(out, func(a, b Piece) int { return strings.Compare(string(a.Entity.ID), string(b.Entity.ID)) })
	return out
}
