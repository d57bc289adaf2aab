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
)

// PastMode is a change of a temporal evolution (clauses 5.6.11 to 5.6.16).
type PastMode int

const (
	PastUpsert         PastMode = iota // adds instances and types, creates the evolution where there is none (5.6.11)
	PastAppend                         // adds instances and types; ErrNotFound where there is no evolution (5.6.12)
	PastDeleteAttr                     // deletes instances of the attributes named; Dataset "*" = of all (5.6.13)
	PastReplace                        // replaces the instance with an instanceId by the one given (5.6.14)
	PastDeleteInstance                 // deletes the instance with an instanceId (5.6.15)
	PastDelete                         // deletes the whole evolution (5.6.16)
)

// Past is one change of the temporal evolution of one entity. The current state follows what is newer than all that is known
// (follow.go).
type Past struct {
	Tenant   tribune.Tenant
	Mode     PastMode
	Entity   model.Entity // unlike elsewhere an attribute may have many instances with one datasetId
	Instance string       // instanceId
	Source   string
}

// maxPast bounds the instances of one change.
const maxPast = 10_000

// Evolve changes the past. Results without error are durable. Changes that add or replace are all or nothing; a deletion of
// many instances takes several commits and can be repeated.
func (t *Twin) Evolve(ctx context.Context, p Past) Result {
	s := &step{mode: Upsert, source: p.Source, frag: fragment{id: p.Entity.ID, types: p.Entity.Types}}
	for _, name := range sortedNames(p.Entity.Attrs) {
		s.frag.attrs = append(s.frag.attrs, named{name, p.Entity.Attrs[name]})
	}
	s.peers = []*step{s}
	if s.res.Err = validatePast(p, s); s.res.Err != nil {
		return s.res
	}
	if p.Mode == PastUpsert || p.Mode == PastAppend || p.Mode == PastReplace {
		t.screen(ctx, []tribune.Tenant{p.Tenant}, []*step{s})
		if s.res.Err != nil {
			return s.res
		}
	}
	key := entityKey{p.Tenant, p.Entity.ID}
	w := &task{key: key, hash: t.cache.hash(key), at: t.place(key)}
	names, removed := make(map[subjectName]pseudonym), false
	for conflicts := 0; conflicts < maxAttempts; {
		e := &evolver{t: t, w: w, p: &p, s: s, k: keysAt(w.at), names: names, removed: removed}
		more, err := e.attempt(ctx)
		switch {
		case err == nil && len(e.unnamed) > 0:
			t.pseudonyms(ctx, e.unnamed, names)
			continue
		case err == nil && more:
			removed = true
			continue
		case errors.Is(err, tribune.ErrConflict) || errors.Is(err, errRaced):
			conflicts++
			continue
		}
		return Result{Created: e.created, Err: err}
	}
	return Result{Err: tribune.Hint(fmt.Errorf("another hub keeps changing the same entity: %w", tribune.ErrBusy), "try again")}
}

func validatePast(p Past, s *step) error {
	all := 0
	for _, a := range s.frag.attrs {
		all += len(a.list)
	}
	if all > maxPast {
		return tribune.Hint(fmt.Errorf("%d attribute instances, want at most %d: %w", all, maxPast, tribune.ErrTooLarge), "send them in several requests")
	}
	if p.Mode == PastReplace && all != 1 {
		return invalid("send the instance alone", "%d instances to replace one", all)
	}
	attrs := s.frag.attrs
	s.frag.attrs = nil
	err := validate(p.Tenant, s) // names and bounds of the rest
	s.frag.attrs = attrs
	if err != nil {
		return err
	}
	mode := Upsert
	if p.Mode == PastDeleteAttr || p.Mode == PastDeleteInstance {
		mode = DeleteAttr
	}
	for _, a := range attrs {
		if !isName(string(a.name)) {
			return invalid("give an IRI of at most 512 bytes", "an attribute name is empty, too long or not text")
		}
		for i := range a.list {
			if err := checkAttr(a.name, &a.list[i], mode, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// evolver is one attempt at a change.
type evolver struct {
	t       *Twin
	w       *task
	p       *Past
	s       *step
	k       keys
	names   map[subjectName]pseudonym
	unnamed []subjectName
	created bool

	now   time.Time
	old   *entry        // current state; nil = none
	cur   *model.Entity // what it holds
	head  *pastHead     // nil = none
	batch store.Batch

	draft   *draft // what becomes of the current state; nil = it stays
	derived bool   // the current state is nothing but what the past says; known once it is edited

	committed []func()
	removed   bool // a part of a deletion is done
}

// attempt makes the change under the entity's lock; more is true where a part of a deletion is left to do.
func (e *evolver) attempt(ctx context.Context) (more bool, err error) {
	tasks := []*task{e.w}
	e.t.locks.lock(tasks)
	defer e.t.locks.unlock(tasks)
	e.now = e.t.moment()
	id := e.p.Entity.ID
	if cur, err := read(ctx, e.t.cfg.Store, e.t.key(e.w.key), id); err == nil {
		e.old, e.cur = cur, cur.entity
	} else if !isAbsent(err) {
		return false, err
	}
	if e.head, err = readHead(ctx, e.t.cfg.Store, e.k, id); err != nil {
		return false, err
	}
	known, err := e.known(ctx)
	if err != nil {
		return false, err
	}
	if !known && e.p.Mode != PastUpsert && !e.removed {
		return false, tribune.Hint(fmt.Errorf("temporal evolution of %s: %w", id, tribune.ErrNotFound), "check the id and the tenant; create it first")
	}
	switch e.p.Mode {
	case PastUpsert, PastAppend:
		err = e.add(ctx, known)
	case PastReplace, PastDeleteInstance:
		err = e.one(ctx)
	default:
		more, err = e.remove(ctx)
	}
	if err != nil || len(e.unnamed) > 0 {
		return false, err
	}
	if err := e.store(ctx); err != nil {
		return false, err
	}
	for _, done := range e.committed {
		done()
	}
	e.t.packer.wrote(e.w.key, len(e.batch.Ops))
	return more, nil
}

// known reports whether there is an evolution: a head or any instance.
func (e *evolver) known(ctx context.Context) (bool, error) {
	if e.head != nil {
		return true, nil
	}
	for _, kind := range [...]string{"h", "H"} {
		r := store.Prefix(e.k.of(kind, string(e.p.Entity.ID)))
		r.Limit, r.KeysOnly = 1, true
		for _, err := range e.t.cfg.Store.Scan(ctx, r) {
			return err == nil, err
		}
	}
	return false, nil
}

// expectHead makes the batch conditional on the head that was read.
func (e *evolver) expectHead(ctx context.Context) error {
	key := e.k.of("h", string(e.p.Entity.ID), "")
	if e.head == nil {
		e.batch.ExpectAbsent(key)
		return nil
	}
	b, err := e.t.cfg.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	e.batch.ExpectPrefix(key, b)
	return nil
}

// add writes instances and what the evolution says of itself.
func (e *evolver) add(ctx context.Context, known bool) error {
	id, types := e.p.Entity.ID, e.p.Entity.Types
	h, change := &pastHead{created: e.now}, !known && e.cur == nil
	if e.head != nil {
		c := *e.head
		h = &c
	}
	if e.cur == nil && len(h.types) == 0 && len(types) == 0 {
		return tribune.Hint(fmt.Errorf("%w: the temporal evolution of %s does not exist yet and no type is given", tribune.ErrInvalid, id), `give its "type"`)
	}
	for _, typ := range types {
		if !slices.Contains(h.types, typ) && (e.cur == nil || !slices.Contains(e.cur.Types, typ)) {
			h.types, change = append(slices.Clip(h.types), typ), true
		}
	}
	if change || e.cur == nil {
		if err := e.expectHead(ctx); err != nil {
			return err
		}
		h.modified = e.now
		e.k.putHead(&e.batch, id, h)
	}
	e.created = !known
	return e.put(ctx, known)
}

// put writes the instances, sealed where a class says so.
func (e *evolver) put(ctx context.Context, known bool) error {
	var secrets []secret
	var rows []named
	for _, f := range e.s.frag.attrs {
		list := slices.Clone(f.list) // the caller's is read again where pseudonyms must be asked for first
		for i := range list {
			a := &list[i]
			if a.Sealed != nil {
				return fmt.Errorf("%w: attribute %s arrives sealed", tribune.ErrInvalid, f.name)
			}
			a.CreatedAt, a.ModifiedAt = e.now, e.now.Add(time.Duration(len(secrets)+1)) // no two sealed ones under one time
			a.Sub = stampSubs(a.Sub, nil, e.now)
			switch sec, err := e.classify(f.name, a); {
			case err != nil:
				return err
			case sec != nil:
				secrets = append(secrets, *sec)
			default:
				a.ModifiedAt = e.now
			}
		}
		rows = append(rows, named{f.name, list})
	}
	if len(e.unnamed) > 0 {
		return nil
	}
	if err := e.seal(ctx, secrets); err != nil {
		return err
	}
	n := uint32(0)
	for _, f := range rows {
		for i := range f.list {
			n++
			e.batch.Put(e.k.history(e.p.Entity.ID, f.name, &f.list[i], pastChange(e.now, n)), appendAttr([]byte{docFormat}, &f.list[i]))
		}
	}
	return e.follow(ctx, rows, !known, nil)
}
