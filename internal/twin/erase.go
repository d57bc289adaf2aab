package twin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// eraseBatch is how many rows of the history one commit deletes.
const eraseBatch = 1000

// HeldOf lists the classes of which anything of a subject is held now.
func (t *Twin) HeldOf(ctx context.Context, p tribune.Pseudonym) (classes []tribune.ClassID, err error) {
	err = eachPlace(ctx, t.cfg.Store, func(at tribune.Place) error {
		return t.eachSubjectClass(ctx, at, func(class tribune.ClassID) error {
			ids, err := t.subjectEntities(ctx, at, class, p, 1)
			if len(ids) > 0 && !slices.Contains(classes, class) {
				classes = append(classes, class)
			}
			return err
		})
	})
	slices.Sort(classes)
	if err != nil {
		return nil, fmt.Errorf("listing what is held of a subject: %w", err)
	}
	return classes, nil
}

// Erase takes every sealed value of a subject away, in every tenant and class: from the entities, with the rows by which they are found,
// and from the history, also of entities that are gone. An entity that has nothing else goes as a whole. It returns how many values that
// were, and reads the whole history once. It may be repeated, and is to be where values can still have arrived meanwhile.
func (t *Twin) Erase(ctx context.Context, p tribune.Pseudonym) (values int, err error) {
	err = eachPlace(ctx, t.cfg.Store, func(at tribune.Place) error {
		err := t.eachSubjectClass(ctx, at, func(class tribune.ClassID) error {
			n, err := t.eraseClass(ctx, at, class, p)
			values += n
			return err
		})
		if err != nil {
			return err
		}
		n, err := t.erasePast(ctx, at, p)
		values += n
		return err
	})
	if err != nil {
		return values, fmt.Errorf("erasing a subject's values: %w", err)
	}
	return values, nil
}

// eachSubjectClass visits the classes of which a place holds sealed attributes, by seeking from one to the next.
func (t *Twin) eachSubjectClass(ctx context.Context, at tribune.Place, visit func(tribune.ClassID) error) error {
	k := keysAt(at)
	head := k.of("x")
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = 1, true
	for {
		class, found := "", false
		for pair, err := range t.cfg.Store.Scan(ctx, r) {
			if err != nil {
				return err
			}
			if class, _, found = cut(pair.Key[len(head):]); !found {
				return &tribune.IntegrityError{What: "a key of a sealed attribute", Err: errDamaged}
			}
		}
		if !found {
			return nil
		}
		if err := visit(tribune.ClassID(class)); err != nil {
			return err
		}
		r.From = store.After(k.of("x", class))
	}
}

// subjectEntities are up to limit entities that hold something of a subject.
func (t *Twin) subjectEntities(ctx context.Context, at tribune.Place, class tribune.ClassID, p tribune.Pseudonym, limit int) (ids []tribune.EntityID, err error) {
	head := keysAt(at).of("x", string(class), string(p[:]))
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = limit, true
	for pair, err := range t.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return nil, err
		}
		id, _, ok := cut(pair.Key[len(head):])
		if !ok {
			return nil, &tribune.IntegrityError{What: "a key of a sealed attribute", Err: errDamaged}
		}
		ids = append(ids, tribune.EntityID(id))
	}
	return ids, nil
}

// eraseClass takes a subject's values out of the entities, some at a time, until none is found.
func (t *Twin) eraseClass(ctx context.Context, at tribune.Place, class tribune.ClassID, p tribune.Pseudonym) (n int, err error) {
	var before tribune.EntityID
	for {
		ids, err := t.subjectEntities(ctx, at, class, p, sweepBatch)
		if err != nil || len(ids) == 0 {
			return n, errors.Join(err, ctx.Err())
		}
		if ids[0] == before {
			return n, fmt.Errorf("%w: another hub's change is not seen yet", tribune.ErrBusy)
		}
		before = ids[0]
		steps, tenants := make([]*step, len(ids)), make([]tribune.Tenant, len(ids))
		for i, id := range ids {
			steps[i], tenants[i] = &step{mode: erase, frag: fragment{id: id}, source: "erasure", erase: p}, at.Tenant
			steps[i].peers = []*step{steps[i]}
		}
		t.run(ctx, tenants, steps)
		var errs []error
		for _, s := range steps {
			errs = append(errs, s.res.Err)
		}
		if err := errors.Join(errs...); err != nil {
			return n, err
		}
		n += len(steps)
	}
}

// erase takes a subject's values from the entity of a draft.
func (d *draft) erase(p tribune.Pseudonym) {
	if d.e == nil {
		return
	}
	of := func(a model.Attr) bool { return a.Sealed != nil && a.Sealed.Pseudonym == p }
	e := *d.e
	e.Attrs = maps.Clone(d.e.Attrs)
	var gone []tribune.Name
	for name, list := range e.Attrs {
		if !slices.ContainsFunc(list, of) {
			continue
		}
		gone = append(gone, name)
		if kept := slices.DeleteFunc(slices.Clone(list), of); len(kept) > 0 {
			e.Attrs[name] = kept
		} else {
			delete(e.Attrs, name)
		}
	}
	if len(gone) == 0 {
		return
	}
	d.touched = append(slices.Clip(d.touched), gone...)
	d.e, d.changed, d.source = &e, true, "erasure"
	if len(e.Attrs) == 0 {
		d.e = nil
	}
}

// erasePast deletes a subject's rows of the history in one place. Sealed rows are never packed: each is a row of its own.
func (t *Twin) erasePast(ctx context.Context, at tribune.Place, p tribune.Pseudonym) (n int, err error) {
	k := keysAt(at)
	head := k.of("h")
	var b store.Batch
	flush := func() error {
		if len(b.Ops) == 0 {
			return nil
		}
		err := t.cfg.Store.Commit(ctx, &b)
		b = store.Batch{}
		return err
	}
	for pair, err := range t.cfg.Store.Scan(ctx, store.Prefix(head)) {
		if err != nil {
			return n, err
		}
		if !sealedRow(pair.Value) || !bytes.Contains(pair.Value, p[:]) {
			continue
		}
		id, rest, ok := cut(pair.Key[len(head):])
		name, rest, ok2 := cut(rest)
		dataset, rest, ok3 := cut(rest)
		place, ok4 := cutPlace(rest)
		if name == "" {
			continue // the evolution's head
		}
		if !ok || !ok2 || !ok3 || !ok4 {
			return n, &tribune.IntegrityError{What: "a key of the history", Err: errDamaged}
		}
		a, err := decodeRow(tribune.EntityID(id), tribune.Name(name), slices.Clone(pair.Value))
		if err != nil {
			return n, err
		}
		if a.Sealed == nil || a.Sealed.Pseudonym != p {
			continue
		}
		b.Delete(slices.Clone(pair.Key))
		b.Delete(k.pointer(tribune.EntityID(id), seriesKey{tribune.Name(name), dataset}, place.name()))
		if n++; len(b.Ops) >= eraseBatch {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}
