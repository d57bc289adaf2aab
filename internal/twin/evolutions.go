package twin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// EvolutionQuery asks for temporal evolutions (clauses 5.7.3 and 5.7.4). The embedded Query says of which entities, by what
// held of them in the time asked for; of those that match, instances of its Attrs are read.
type EvolutionQuery struct {
	Query
	Time      temporal.Query
	Datasets  []string     // instances with these datasetIds are read; "" = the default ones; empty = all
	Page      int          // instances of one answer; 0 = MaxHistory
	Sealed    bool         // read sealed instances too; no entity matches by them
	Backward  bool         // entities come in descending order of their ids
	Aggregate *Aggregation // nil = instances
}

// Evolution is the temporal evolution of one entity: its instances in the order of the query, or what they come to.
type Evolution struct {
	model.Entity
	Aggregates map[tribune.Name][]temporal.Aggregated
}

// Evolutions is an answer. Where Cut is set there is more than one page holds: the instances from First to Last are all
// there are in that time, and of attributes without any the lists are empty.
type Evolutions struct {
	List        []Evolution
	Count       int // of all entities that match; -1 where it was not asked for
	Cut         bool
	Emptied     map[tribune.Name]model.Kind // what attributes are that have instances on other pages only
	First, Last time.Time                   // least and most recent time of an instance
}

// Evolutions answers a temporal query from one moment.
func (t *Twin) Evolutions(ctx context.Context, q EvolutionQuery) (Evolutions, error) {
	if err := errors.Join(q.Query.check(), q.Time.Check()); err != nil {
		return Evolutions{}, err
	}
	if q.Page <= 0 || q.Page > MaxHistory {
		q.Page = MaxHistory
	}
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return Evolutions{}, fmt.Errorf("querying the past: %w", err)
	}
	f := &pastFinder{t: t, q: &q, r: snap, until: time.Now().Add(maxFinding)}
	out, err := f.find(ctx)
	if err = errors.Join(err, snap.Close()); err != nil {
		return Evolutions{}, fmt.Errorf("querying the past: %w", err)
	}
	return out, nil
}

// pastFinder is one temporal query under way.
type pastFinder struct {
	t      *Twin
	q      *EvolutionQuery
	r      store.Reader
	looked int       // rows, by the whole query
	until  time.Time // see spent

	periods, distinct int // of aggregates
}

// find selects the entities of every partition, puts the page together and reads it.
func (f *pastFinder) find(ctx context.Context) (Evolutions, error) {
	want, count := f.q.Offset+f.q.Limit, 0
	var found []*selected
	parts := max(1, f.t.cfg.Store.Partitions())
	for part := range parts {
		list, n, err := f.partition(ctx, tribune.Place{Tenant: f.q.Tenant, Partition: part}, want)
		if err != nil {
			return Evolutions{}, err
		}
		found, count = append(found, list...), count+n
	}
	slices.SortFunc(found, func(a, b *selected) int { return compareIDs(a.e.ID, b.e.ID) })
	if f.q.Backward {
		slices.Reverse(found)
	}
	found = found[min(len(found), f.q.Offset):min(len(found), want)]
	out := Evolutions{Count: -1}
	if f.q.Count {
		out.Count = count
	}
	looked := f.looked
	for _, s := range found {
		cut := Evolutions{}
		e, err := f.read(ctx, s, &cut)
		if err != nil {
			if f.looked-looked > packAfter { // it may be too much only because it is not packed
				f.t.packer.want(entityKey{f.q.Tenant, s.e.ID})
			}
			return Evolutions{}, err
		}
		if e != nil {
			out.List = append(out.List, *e)
		}
		out.join(cut)
		out.trim(f.q, 4*f.q.Page)
		if f.looked-looked > packAfter {
			f.t.packer.want(entityKey{f.q.Tenant, s.e.ID})
		}
		looked = f.looked
	}
	out.trim(f.q, f.q.Page)
	out.span(f.q)
	return out, nil
}

// selected is an entity that matches.
type selected struct {
	e     model.Entity
	h     *historian
	valid []validity // when the scopes asked for were valid; nil = they were not asked for
}

func (f *pastFinder) partition(ctx context.Context, at tribune.Place, want int) (found []*selected, count int, err error) {
	k := keysAt(at)
	for id, err := range f.candidates(ctx, k) {
		if err != nil {
			return nil, 0, err
		}
		if err := spent(f.until); err != nil {
			return nil, 0, err
		}
		s, err := f.choose(ctx, k, id)
		if err != nil {
			return nil, 0, err
		}
		if s == nil {
			continue
		}
		count++
		if len(found) < want {
			found = append(found, s)
		}
		if !f.q.Count && len(found) >= want {
			break
		}
	}
	return found, count, ctx.Err()
}

// choose reports whether an entity matches, and what its evolution says of itself; nil = it does not match.
func (f *pastFinder) choose(ctx context.Context, k keys, id tribune.EntityID) (*selected, error) {
	q := f.q
	if q.IDPattern != nil && !q.IDPattern.MatchString(string(id)) {
		return nil, nil
	}
	h := &historian{r: f.r, keys: k, id: id, q: q.Time, sealed: q.Sealed, looked: &f.looked, packs: f.t.packs}
	e, err := h.entity(ctx, k.of("e", string(id)))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil || !q.Types.Match(e.Types) || !q.selects(&e) {
		return nil, err
	}
	s := &selected{e: e, h: h}
	some, err := f.any(ctx, h)
	if err != nil || !some {
		return nil, err
	}
	ok, err := f.conditions(ctx, s)
	if err != nil || !ok {
		return nil, err
	}
	return s, nil
}

// any reports whether one of the attributes has an instance in the time asked for, with one of the datasetIds.
func (f *pastFinder) any(ctx context.Context, h *historian) (bool, error) {
	series, err := seriesOf(ctx, f.r, h.keys, h.id, f.q.Attrs)
	if err != nil {
		return false, err
	}
	only := *h
	only.sealed = f.q.Sealed && len(f.q.IDs) == 1 // whoever names the entity is told what is withheld
	for _, s := range series {
		if !f.wants(s) {
			continue
		}
		list, err := only.read(ctx, s, 1)
		if err != nil || len(list) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

func (f *pastFinder) wants(s seriesKey) bool {
	return len(f.q.Datasets) == 0 || slices.Contains(f.q.Datasets, s.dataset)
}

// read reads the instances of an entity, or what they come to; nil where none is left. What of many is certainly not on the page is left
// out at once, and all is told so.
func (f *pastFinder) read(ctx context.Context, s *selected, all *Evolutions) (*Evolution, error) {
	series, err := seriesOf(ctx, f.r, s.h.keys, s.h.id, f.q.Attrs)
	if err != nil {
		return nil, err
	}
	series = slices.DeleteFunc(series, func(k seriesKey) bool { return !f.wants(k) })
	out := &Evolution{Entity: s.e}
	out.Scope = nil // it is among the attributes
	if f.q.Aggregate != nil {
		err := f.aggregate(ctx, s, series, out)
		if err != nil || len(out.Aggregates) == 0 {
			return nil, err
		}
		return out, nil
	}
	most, held := f.q.Page+1, 0
	if n := f.q.Time.LastN; n > 0 {
		most = min(most, n)
	}
	for _, k := range series {
		list, err := s.h.read(ctx, k, most)
		if err != nil {
			return nil, err
		}
		if list, err = f.scoped(ctx, s, k, list); err != nil {
			return nil, err
		}
		if len(list) > 0 {
			out.Attrs[k.name] = append(out.Attrs[k.name], list...)
		}
		if held += len(list); held > 4*f.q.Page { // an entity may have many series, each of a page
			all.List = []Evolution{*out}
			held = all.trim(f.q, 4*f.q.Page)
			all.List = nil
		}
	}
	if len(out.Attrs) == 0 {
		return nil, nil
	}
	return out, nil
}
