package twin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// What is written into the past becomes the current state where nothing newer is known, in the same commit: the newest
// instance of each attribute and datasetId that a request brings, and of no more than one request one change
// (docs/decisions/0019). Predictions wait: what is observed later than now is not the present. Sealed instances stay in the
// past: when they were observed is sealed with them, so nobody can say which is the newest.
//
//	d|id = version u64: the current state as of that version is nothing but what the past says. Whoever writes it otherwise
//	       makes another version of it.

// newest is the last instance of a series that a request brings.
type newest struct {
	seriesKey
	a  *model.Attr
	at time.Time
}

// since is when an instance began to hold: when it was observed, else when it was said.
func since(a *model.Attr) time.Time {
	if a.ObservedAt.IsZero() {
		return a.ModifiedAt
	}
	return a.ObservedAt
}

// newest are the candidates for the present, one of each series.
func (e *evolver) newest(rows []named) []newest {
	var out []newest
	at := make(map[string]int)
	for _, f := range rows {
		clear(at)
		for i := range f.list {
			a := &f.list[i]
			t, end := since(a), a.Ends()
			if a.Sealed != nil || t.After(e.now) || !end.IsZero() && !e.now.Before(end) {
				continue
			}
			n := newest{seriesKey{f.name, a.Dataset}, a, t}
			if j, ok := at[a.Dataset]; !ok {
				at[a.Dataset], out = len(out), append(out, n)
			} else if !t.Before(out[j].at) {
				out[j] = n
			}
		}
	}
	return out
}

// follow makes the current state follow what is written: rows are stamped and sealed. fresh: there is no evolution yet. was
// is the instance that the one given corrects, nil = none.
func (e *evolver) follow(ctx context.Context, rows []named, fresh bool, was *model.Attr) error {
	all := e.newest(rows)
	if was == nil && !slices.ContainsFunc(all, e.mayLead) {
		return nil
	}
	d, x, err := e.edit(ctx)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := e.advance(ctx, x, n, fresh, was); err != nil {
			return err
		}
	}
	if len(x.touched) == 0 {
		return nil
	}
	if e.old == nil || e.derived {
		for _, typ := range e.types() {
			if !slices.Contains(x.e.Types, typ) {
				x.e.Types, x.retyped = append(slices.Clip(x.e.Types), typ), true
			}
		}
	}
	if weight(x.e) > maxDocument {
		return tribune.Hint(fmt.Errorf("the current state of entity %s of more than %d bytes: %w", x.e.ID, maxDocument, tribune.ErrTooLarge), "split it into several entities")
	}
	x.e.ModifiedAt = e.now
	e.accept(d, x)
	return nil
}

// mayLead reports whether an instance can be newer than what is known: a look at the current state settles it for most of what is brought
// in late.
func (e *evolver) mayLead(n newest) bool {
	if e.cur == nil || n.name == model.ScopeName {
		return true
	}
	have := e.cur.Instance(n.name, n.dataset)
	return have == nil || have.Sealed == nil && since(have).Before(n.at)
}

// edit begins a change of the current state.
func (e *evolver) edit(ctx context.Context) (*draft, *edit, error) {
	d := &draft{task: e.w, old: e.old, source: e.p.Source, version: uint64(e.now.UnixMicro())}
	x := &edit{e: &model.Entity{ID: e.p.Entity.ID, CreatedAt: e.now, Attrs: make(map[tribune.Name][]model.Attr)}}
	if d.old == nil {
		return d, x, nil
	}
	d.e, d.version = d.old.entity, d.old.version+1
	if !d.old.expires.IsZero() {
		d.lapse(e.now)
	}
	if d.e != nil {
		c := *d.e
		c.Attrs = maps.Clone(d.e.Attrs)
		if c.Attrs == nil {
			c.Attrs = make(map[tribune.Name][]model.Attr)
		}
		x.e = &c
	}
	mark, err := e.t.cfg.Store.Get(ctx, e.k.of("d", string(x.e.ID)))
	if err != nil && !isAbsent(err) {
		return nil, nil, err
	}
	e.derived = err == nil && slices.Equal(mark, store.Uint(nil, d.old.version))
	return d, x, nil
}

// accept has the edit committed with the past.
func (e *evolver) accept(d *draft, x *edit) {
	d.touched = append(slices.Clip(d.touched), x.touched...)
	d.e, d.retyped, d.changed, d.with = x.e, d.retyped || x.retyped, true, &e.batch
	if e.old == nil || e.derived {
		e.batch.Put(e.k.of("d", string(x.e.ID)), store.Uint(nil, d.version))
	}
	e.draft = d
}

// advance takes an instance into the current state if it is newer than what is known of its series.
func (e *evolver) advance(ctx context.Context, x *edit, n newest, fresh bool, was *model.Attr) error {
	have := x.e.Instance(n.name, n.dataset)
	switch {
	case n.name == model.ScopeName: // it has no instance in the current state
	case have != nil && have.Sealed != nil:
		return nil
	case have != nil:
		corrected := was != nil && e.derived && since(have).Equal(since(was)) && slices.Equal(have.Value, was.Value)
		if !corrected && !since(have).Before(n.at) {
			return nil
		}
		return x.follow(n, have, e.now)
	}
	if !fresh {
		last, err := e.latest(ctx, n.seriesKey)
		switch {
		case err != nil:
			return err
		case last != nil && last.Sealed != nil:
			return nil
		case last != nil && !since(last).Before(n.at): // it was deleted, or written before there was a current state
			n.a = last
		case last == nil && e.old != nil && n.name == model.ScopeName && len(x.e.Scope) > 0 && !x.e.CreatedAt.Before(n.at):
			return nil // it was set before scopes had a history
		}
		if e.old == nil && e.head != nil && !e.head.deleted.IsZero() && !e.head.deleted.Before(since(n.a)) {
			return nil
		}
	}
	return x.follow(n, have, e.now)
}

// follow puts the instance into the current state, or takes away what it says is gone.
func (x *edit) follow(n newest, have *model.Attr, now time.Time) error {
	switch {
	case n.name == model.ScopeName:
		if scope := scopeOf(n.a.Value); !slices.Equal(scope, x.e.Scope) {
			x.e.Scope, x.touched = scope, append(x.touched, n.name)
		}
		return nil
	case n.a.Null():
		x.drop(n.name, n.dataset)
		return nil
	}
	if err := x.put(n.name, *n.a, have, now); err != nil {
		return err
	}
	x.e.Instance(n.name, n.dataset).ModifiedAt = n.a.ModifiedAt // as its row says
	return nil
}

// latest is the last instance of a series that is in the past already and not a prediction; nil = none.
func (e *evolver) latest(ctx context.Context, s seriesKey) (*model.Attr, error) {
	var last *model.Attr
	for _, order := range [...]byte{byObserved, byModified} {
		for row, err := range e.reader(s).rows(ctx, timeSpan{order: order, to: ordinal(e.now) + 1}, true) {
			if err != nil {
				return nil, err
			}
			a, err := attrOf(e.p.Entity.ID, s, row)
			if err != nil {
				return nil, err
			}
			if last == nil || a.Sealed != nil || since(last).Before(since(&a)) {
				last = &a
			}
			break
		}
	}
	return last, nil
}

// forgo takes from a current state that is nothing but what the past says what is deleted there.
func (e *evolver) forgo(ctx context.Context) error {
	if e.old == nil {
		return nil
	}
	d, x, err := e.edit(ctx)
	if err != nil || !e.derived || d.e == nil {
		return err
	}
	if e.p.Mode == PastDeleteAttr {
		name := e.s.frag.attrs[0].name
		if name == model.ScopeName && len(x.e.Scope) > 0 {
			x.e.Scope, x.touched = nil, append(x.touched, name)
		}
		if x.drop(name, e.dataset()); len(x.touched) > 0 {
			x.e.ModifiedAt = e.now
			e.accept(d, x)
		}
		return nil
	}
	d.e, d.touched, d.past, d.changed, d.with = nil, sortedNames(x.e.Attrs), nil, true, &e.batch
	for _, kind := range [...]string{"d", "w"} {
		e.batch.Delete(e.k.of(kind, string(x.e.ID)))
	}
	e.batch.Delete(e.k.of("h", string(x.e.ID), "")) // after the word that the draft leaves of it
	e.draft = d
	return nil
}

// store commits the change, with what it makes of the current state.
func (e *evolver) store(ctx context.Context) error {
	if e.draft != nil {
		return e.t.commit(ctx, e.w.at, []draft{*e.draft}, nil, e.now)
	}
	if err := e.t.cfg.Store.Commit(ctx, &e.batch); err != nil {
		return fmt.Errorf("storing the evolution of %s: %w", e.p.Entity.ID, err)
	}
	return nil
}
