package twin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// Bounds of one batch of frozen entities, and of one that drops a tenant.
const (
	frozenBatch  = 4 << 20 // bytes
	droppedBatch = 10_000  // keys
)

// Copy puts entities into a tenant that holds none of them, as they are with all their times: a frozen copy of what was found.
// What is sealed stays behind, and so does when something expires.
func (t *Twin) Copy(ctx context.Context, to tribune.Tenant, entities []model.Entity) error {
	f := t.freezer(to)
	for i := range entities {
		if err := f.entity(ctx, &entities[i], true); err != nil {
			return fmt.Errorf("copying an entity: %w", err)
		}
	}
	return f.flush(ctx)
}

// Clone copies what one tenant holds, with its history, into another that holds nothing.
func (t *Twin) Clone(ctx context.Context, from, to tribune.Tenant) error {
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("cloning a tenant: %w", err)
	}
	f := t.freezer(to)
	err = f.tenant(ctx, snap, from)
	if err = errors.Join(err, snap.Close()); err != nil {
		return fmt.Errorf("cloning a tenant: %w", err)
	}
	return f.flush(ctx)
}

// Drop deletes everything of a tenant. It is for one that nobody names any more: what the cache holds of it stays there until it
// is pushed out.
func (t *Twin) Drop(ctx context.Context, tenant tribune.Tenant) error {
	for part := range max(1, t.cfg.Store.Partitions()) {
		r := store.Prefix(keysAt(tribune.Place{Tenant: tenant, Partition: part}).prefix)
		r.KeysOnly, r.Limit = true, droppedBatch
		for {
			var b store.Batch
			for p, err := range t.cfg.Store.Scan(ctx, r) {
				if err != nil {
					return fmt.Errorf("dropping a tenant: %w", err)
				}
				b.Delete(slices.Clone(p.Key))
			}
			if n := len(b.Ops); n > 0 {
				r.From = b.Ops[n-1].Key // what is deleted costs a scan that begins before it as much as what is there
			}
			if len(b.Ops) == 0 {
				break
			}
			if err := t.cfg.Store.Commit(ctx, &b); err != nil {
				return fmt.Errorf("dropping a tenant: %w", err)
			}
		}
	}
	return nil
}

// freezer writes frozen entities, in batches of one partition each.
type freezer struct {
	t       *Twin
	to      tribune.Tenant
	batches map[uint16]*store.Batch
	size    int
}

func (t *Twin) freezer(to tribune.Tenant) *freezer {
	return &freezer{t: t, to: to, batches: map[uint16]*store.Batch{}}
}

// place is where an entity goes, and the batch that brings it there.
func (f *freezer) place(id tribune.EntityID) (keys, *store.Batch) {
	at := f.t.place(entityKey{f.to, id})
	b := f.batches[at.Partition]
	if b == nil {
		b = &store.Batch{}
		f.batches[at.Partition] = b
	}
	return keysAt(at), b
}

func (f *freezer) put(ctx context.Context, b *store.Batch, key, value []byte) error {
	b.Put(key, value)
	if f.size += len(key) + len(value); f.size < frozenBatch {
		return nil
	}
	return f.flush(ctx)
}

func (f *freezer) flush(ctx context.Context) error {
	defer f.t.columns.forget(f.to)
	for part, b := range f.batches {
		if err := f.t.cfg.Store.Commit(ctx, b); err != nil {
			return fmt.Errorf("storing a frozen copy: %w", err)
		}
		delete(f.batches, part)
	}
	f.size = 0
	return nil
}

// entity writes a document with its index rows, and where it is asked for a history of what it is now.
func (f *freezer) entity(ctx context.Context, e *model.Entity, history bool) error {
	c := frozen(e)
	k, b := f.place(c.ID)
	for _, row := range k.allRows(&c) {
		b.Put(row, []byte{})
		f.size += len(row)
	}
	if history {
		var change [10]byte
		binary.BigEndian.PutUint64(change[:], 1)
		for name, all := range c.Attrs {
			for i := range all {
				b.Put(k.history(c.ID, name, &all[i], change[:]), appendAttr([]byte{docFormat}, &all[i]))
			}
		}
	}
	return f.put(ctx, b, k.of("e", string(c.ID)), encodeEntity(store.Uint(nil, 1), &c))
}

// frozen is an entity without what is sealed and without an end.
func frozen(e *model.Entity) model.Entity {
	c := *e
	c.ExpiresAt = time.Time{}
	c.Attrs = make(map[tribune.Name][]model.Attr, len(e.Attrs))
	for name, all := range e.Attrs {
		var open []model.Attr
		for _, a := range all {
			if a.Sealed != nil {
				continue
			}
			if a.Rare != nil {
				rare := *a.Rare
				rare.ExpiresAt = time.Time{}
				a.SetRare(rare)
			}
			open = append(open, a)
		}
		if len(open) > 0 {
			c.Attrs[name] = open
		}
	}
	return c
}

// tenant copies documents and history rows; the index is made anew. Sealed history stays behind.
func (f *freezer) tenant(ctx context.Context, r store.Reader, from tribune.Tenant) error {
	for part := range max(1, f.t.cfg.Store.Partitions()) {
		k := keysAt(tribune.Place{Tenant: from, Partition: part})
		for _, kind := range []string{"e", "h"} {
			head := k.of(kind)
			for p, err := range r.Scan(ctx, store.Prefix(head)) {
				if err != nil {
					return err
				}
				if err := f.row(ctx, kind, p.Key[len(k.prefix):], p.Key[len(head):], p.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// row copies one row; suffix is its key in its place, rest what comes after the kind.
func (f *freezer) row(ctx context.Context, kind string, suffix, rest, value []byte) error {
	id, _, ok := cut(rest)
	if !ok {
		return &tribune.IntegrityError{What: "a key of the twin", Err: errDamaged}
	}
	if kind == "e" {
		e, err := decodeDocument(tribune.EntityID(id), slices.Clone(value))
		if err != nil {
			return err
		}
		return f.entity(ctx, e.entity, false)
	}
	k, b := f.place(tribune.EntityID(id))
	return f.put(ctx, b, append(slices.Clone(k.prefix), suffix...), slices.Clone(value))
}
