package twin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// commit seals, writes one batch with everything that changed, and brings the cache up to date.
func (t *Twin) commit(ctx context.Context, at tribune.Place, all []draft, secrets []secret, now time.Time) error {
	drafts := make([]*draft, 0, len(all))
	for i := range all {
		if all[i].changed {
			drafts = append(drafts, &all[i])
		}
	}
	if len(drafts) == 0 {
		// Nothing to write, because of what was read. A read can be ahead of the sync; an acknowledgement must not be.
		return t.cfg.Store.Commit(ctx, &store.Batch{})
	}
	writes, committed, err := t.seal(ctx, at, secrets)
	if err != nil {
		return err
	}
	work, k := t.scratch(), keysAt(at)
	b := &work.batch
	k.mem = &work.mem
	b.Add(writes...)
	t.write(b, k, drafts, now)
	for _, d := range drafts {
		if d.with != nil { // later operations win
			b.Ops, b.Expects = append(b.Ops, d.with.Ops...), append(b.Expects, d.with.Expects...)
		}
	}
	seq := t.log.begin(len(drafts))
	defer t.log.end(seq)
	t.report(b, k, drafts, seq, now)
	if err := t.log.forget(ctx, t.cfg.Store, at, now, b, 2*len(drafts)); err != nil {
		return err
	}
	for _, d := range drafts {
		t.cache.begin(d.hash)
	}
	t.columns.begin(at, drafts)
	known := false
	defer func() {
		if !known {
			t.columns.fail()
		}
	}()
	if err := t.cfg.Store.Commit(ctx, b); err != nil {
		for _, d := range drafts { // what is in the store is not known
			t.cache.commit(d.key, d.hash, nil)
		}
		t.cache.tick()
		if errors.Is(err, tribune.ErrConflict) {
			return errRaced
		}
		return fmt.Errorf("storing %d entities: %w", len(drafts), err)
	}
	for _, done := range committed {
		done()
	}
	for _, d := range drafts {
		t.packer.wrote(d.key, len(d.past))
		d.kept = d.entry(now)
		t.cache.commit(d.key, d.hash, d.kept)
		if !d.soon.IsZero() {
			t.ends.note(at, d.soon)
		}
	}
	known = true
	t.columns.end(at, drafts, t.cache.now()+1)
	t.cache.tick()
	t.observe(drafts, secrets, seq, now)
	t.release(work) // after a failure nobody knows who still reads it
	return nil
}

// write puts everything that the drafts change, one kind of row after the other: the store is quicker with keys in order.
func (t *Twin) write(b *store.Batch, k keys, drafts []*draft, now time.Time) {
	for _, d := range drafts {
		d.putDocument(b, k, now)
	}
	for _, d := range drafts {
		d.putIndex(b, k)
	}
	for _, d := range drafts {
		d.putPast(b, k)
	}
	for _, d := range drafts {
		for _, id := range d.ids {
			b.Put(seenKey(k, generation(now), d.key.id, id), []byte{})
		}
	}
}

// report puts the change log.
func (t *Twin) report(b *store.Batch, k keys, drafts []*draft, seq uint64, now time.Time) {
	w := t.log.writer(b, k, seq, now)
	for _, d := range drafts {
		slices.Sort(d.touched)
		d.touched = slices.Compact(d.touched)
		c := Logged{Entity: d.key.id, Attrs: d.touched, Created: d.old == nil, Deleted: d.e == nil, Version: d.version, Source: d.source}
		if d.e != nil {
			c.Types = d.e.Types
		} else if d.old != nil {
			c.Types = d.old.entity.Types
		}
		w.add(c)
	}
	w.end()
}

// entry is what the cache keeps of a draft that is committed.
func (d *draft) entry(now time.Time) *entry {
	if d.e == nil {
		return nil
	}
	e := &entry{version: d.version, entity: d.e, size: sizeOf(d.e, len(d.doc)), expires: d.soon}
	if !d.plain {
		var err error
		if e, err = decodeDocument(d.key.id, slices.Clone(d.doc)); err != nil {
			panic("twin: " + err.Error()) // it was encoded a moment ago
		}
	}
	e.read = now
	if len(d.series) <= maxAttrs {
		e.series = d.series
		e.size += int64(len(e.series)) * 64
	}
	return e
}

// putDocument writes the document, or takes it away and leaves a word of it in the history.
func (d *draft) putDocument(b *store.Batch, k keys, now time.Time) {
	key := k.row("e", string(d.key.id))
	var before *model.Entity
	if d.old != nil {
		before = d.old.entity
		b.ExpectPrefix(key, k.mem.end(store.Uint(k.mem.begin(versionSize), d.old.version)))
	} else {
		b.ExpectAbsent(key)
	}
	if d.e != nil {
		d.doc = k.mem.end(encodeEntity(store.Uint(k.mem.begin(1024), d.version), d.e))
		b.Put(key, d.doc)
		return
	}
	b.Delete(key)
	gone := before
	if gone == nil {
		gone = &model.Entity{ID: d.key.id}
	}
	head := appendTime(appendTime(appendNames([]byte{docFormat}, gone.Types), gone.CreatedAt), now)
	b.Put(k.of("h", string(d.key.id), ""), head)
	for _, typ := range append(slices.Clone(gone.Types), "") { // its past is found as before
		b.Put(k.of("p", string(typ), string(d.key.id)), []byte{})
	}
}

// putIndex writes the difference of the index rows.
func (d *draft) putIndex(b *store.Batch, k keys) {
	var before *model.Entity
	if d.old != nil {
		before = d.old.entity
	}
	var few [8][]byte
	was := d.rowsOf(k, before, few[:0:4])
	is := d.rowsOf(k, d.e, few[4:4:8])
	d.soon = k.soonest(is)
	for _, row := range was {
		if _, found := slices.BinarySearchFunc(is, row, bytes.Compare); !found {
			b.Delete(row)
		}
	}
	for _, row := range is {
		if _, found := slices.BinarySearchFunc(was, row, bytes.Compare); !found {
			b.Put(row, []byte{})
		}
	}
}

// putPast writes the history.
func (d *draft) putPast(b *store.Batch, k keys) {
	for i := range d.past {
		p := &d.past[i]
		change := p.change[:]
		if p.short {
			change = change[:10]
		}
		key := k.history(d.key.id, p.name, p.attr, change)
		b.Put(key, k.mem.end(appendAttr(append(k.mem.begin(256), docFormat), remembering(p.attr))))
	}
}

// rowsOf are the index rows, in order, that the draft may have changed: those of the attributes touched; of all where
// the types changed or the entity comes or goes.
func (d *draft) rowsOf(k keys, e *model.Entity, rows [][]byte) [][]byte {
	if e == nil {
		return nil
	}
	if whole := d.retyped || d.old == nil || d.e == nil; whole {
		return k.allRows(e)
	}
	rows = k.subjectRows(e, rows)
	for _, name := range d.touched { // some twice
		rows = k.rows(e, name, rows)
	}
	return inOrder(rows)
}

// allRows are all index rows of an entity, in order.
func (k keys) allRows(e *model.Entity) (rows [][]byte) {
	for _, typ := range e.Types {
		rows = append(rows, k.typeRow(e, typ))
	}
	rows = k.subjectRows(e, rows)
	for name := range e.Attrs {
		rows = k.rows(e, name, rows)
	}
	return inOrder(rows)
}

func inOrder(rows [][]byte) [][]byte {
	if len(rows) < 2 {
		return rows
	}
	slices.SortFunc(rows, bytes.Compare)
	return slices.CompactFunc(rows, bytes.Equal)
}

func isAbsent(err error) bool { return errors.Is(err, tribune.ErrNotFound) }
