package twin

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// draft is one entity in one attempt: what it was, what the steps make of it, and what they leave behind.
type draft struct {
	*task
	old     *entry        // nil = it was not there
	e       *model.Entity // nil = it is not there
	results []Result      // by step
	touched map[tribune.Name]bool
	retyped bool
	changed bool
	source  string
	ids     []string // change IDs to remember
	past    []past
	doc     []byte
	version uint64
}

// past is a history row to be written. The instance's Sealed may still be a placeholder.
type past struct {
	name   tribune.Name
	attr   model.Attr
	change []byte
}

// attempt reads the entities, applies the steps and commits, all under the entities' locks. It returns the subjects it
// needs pseudonyms for, with nothing done; or errRaced; or nil with the results in the steps.
func (t *Twin) attempt(ctx context.Context, at tribune.Place, tasks []*task, names map[subjectName]pseudonym, fresh bool) ([]subjectName, error) {
	defer t.lock(tasks)()
	now, k := t.cfg.Now().UTC(), keysAt(at)
	var (
		drafts  = make([]*draft, len(tasks))
		secrets []secret
		unnamed []subjectName
	)
	for i, w := range tasks {
		d, s, u, err := t.draft(ctx, k, w, names, now, fresh)
		if err != nil {
			return nil, err
		}
		drafts[i], secrets, unnamed = d, append(secrets, s...), append(unnamed, u...)
	}
	if len(unnamed) > 0 {
		return unnamed, nil
	}
	if err := t.commit(ctx, at, drafts, secrets, now); err != nil {
		return nil, err
	}
	for _, d := range drafts {
		for i, s := range d.steps {
			s.res = d.results[i]
		}
	}
	return nil, nil
}

// draft reads an entity and applies the steps one after the other. A step that fails leaves no trace.
func (t *Twin) draft(ctx context.Context, k keys, w *task, names map[subjectName]pseudonym, now time.Time, fresh bool) (d *draft, secrets []secret, unnamed []subjectName, err error) {
	d = &draft{task: w, results: make([]Result, len(w.steps)), touched: make(map[tribune.Name]bool)}
	if !fresh {
		d.old = t.cached(w.key)
	}
	if d.old == nil {
		if d.old, err = read(ctx, t.cfg.Store, t.key(w.key), w.key.id); err != nil && !isAbsent(err) {
			return nil, nil, nil, err
		}
	}
	d.version = uint64(now.UnixMicro()) // so that an entity deleted and created again has another version
	if d.old != nil {
		d.e, d.version = d.old.entity, d.old.version+1
	}
	for i, s := range w.steps {
		res := &d.results[i]
		if s.id != "" {
			again := slices.Contains(d.ids, s.id)
			if !again {
				if again, err = seen(ctx, t.cfg.Store, k, now, w.key.id, s.id); err != nil {
					return nil, nil, nil, err
				}
			}
			if again {
				continue
			}
		}
		x, err := apply(d.e, s.mode, s.frag, now)
		if s.lax && isAbsent(err) {
			continue
		}
		var sec []secret
		var un []subjectName
		if err == nil && x.e != nil {
			if weight(x.e) > maxDocument {
				err = tribune.Hint(fmt.Errorf("entity %s of more than %d bytes: %w", w.key.id, maxDocument, tribune.ErrTooLarge), "split it into several entities")
			} else {
				sec, un, err = t.classify(s, x, names)
			}
		}
		if err != nil {
			res.Err = err
			continue
		}
		res.Created, res.Updated, res.Ignored = x.created, x.touched, x.ignored
		secrets, unnamed = append(secrets, sec...), append(unnamed, un...)
		d.take(s, i, x)
	}
	return d, secrets, unnamed, nil
}

// take accepts an edit.
func (d *draft) take(s *step, index int, x *edit) {
	if !x.changes(d.e) {
		return
	}
	d.changed, d.source = true, s.source
	d.retyped = d.retyped || x.retyped
	for _, n := range x.touched {
		d.touched[n] = true
	}
	change := binary.BigEndian.AppendUint16(store.Uint(nil, d.version), uint16(index))
	if s.id != "" {
		d.ids = append(d.ids, s.id)
		h := sha256.Sum256([]byte(s.id))
		change = h[:16]
	}
	for _, w := range x.written {
		d.past = append(d.past, past{w.name, *x.e.Instance(w.name, w.dataset), change})
	}
	d.e = x.e
}

// commit seals, writes one batch with everything that changed, and brings the cache up to date.
func (t *Twin) commit(ctx context.Context, at tribune.Place, drafts []*draft, secrets []secret, now time.Time) error {
	drafts = slices.DeleteFunc(slices.Clone(drafts), func(d *draft) bool { return !d.changed })
	if len(drafts) == 0 {
		// Nothing to write, because of what was read. A read can be ahead of the sync; an acknowledgement must not be.
		return t.cfg.Store.Commit(ctx, &store.Batch{})
	}
	b := &store.Batch{}
	writes, committed, err := t.seal(ctx, at, secrets)
	if err != nil {
		return err
	}
	b.Add(writes...)
	k := keysAt(at)
	seq := t.log.begin(len(drafts))
	defer t.log.end(seq)
	for i, d := range drafts {
		d.put(b, k, now)
		c := Logged{Seq: seq + uint64(i), Entity: d.key.id, Attrs: slices.Sorted(maps.Keys(d.touched)), Created: d.old == nil,
			Deleted: d.e == nil, Version: d.version, At: now, Source: d.source}
		if d.e != nil {
			c.Types = d.e.Types
		} else if d.old != nil {
			c.Types = d.old.entity.Types
		}
		t.log.row(b, k, &c)
	}
	if err := t.log.forget(ctx, t.cfg.Store, at, now, b, 2*len(drafts)); err != nil {
		return err
	}
	for _, d := range drafts {
		t.cache.begin(d.key)
	}
	if err := t.cfg.Store.Commit(ctx, b); err != nil {
		for _, d := range drafts { // what is in the store is not known
			t.cache.commit(d.key, nil)
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
		var e *entry
		if d.e != nil {
			if e, err = decodeDocument(d.key.id, d.doc); err != nil {
				panic("twin: " + err.Error()) // it was encoded a moment ago
			}
			e.read = now
		}
		t.cache.commit(d.key, e)
	}
	t.cache.tick()
	return nil
}

// put writes the document, the difference of the index rows, and the history into a batch.
func (d *draft) put(b *store.Batch, k keys, now time.Time) {
	key := k.of("e", string(d.key.id))
	var before *model.Entity
	if d.old != nil {
		before = d.old.entity
		b.ExpectPrefix(key, store.Uint(nil, d.old.version))
	} else {
		b.ExpectAbsent(key)
	}
	if d.e != nil {
		d.doc = encodeEntity(store.Uint(make([]byte, 0, 1024), d.version), d.e)
		b.Put(key, d.doc)
	} else {
		b.Delete(key)
		gone := before
		if gone == nil {
			gone = &model.Entity{ID: d.key.id}
		}
		head := appendTime(appendTime(appendNames([]byte{docFormat}, gone.Types), gone.CreatedAt), now)
		b.Put(k.of("h", string(d.key.id), ""), head)
	}
	was, is := d.rowsOf(k, before), d.rowsOf(k, d.e)
	for _, row := range was {
		if _, found := slices.BinarySearch(is, row); !found {
			b.Delete([]byte(row))
		}
	}
	for _, row := range is {
		if _, found := slices.BinarySearch(was, row); !found {
			b.Put([]byte(row), []byte{})
		}
	}
	for i := range d.past {
		p := &d.past[i]
		b.Put(k.history(d.key.id, p.name, &p.attr, p.change), appendAttr([]byte{docFormat}, &p.attr))
	}
	for _, id := range d.ids {
		b.Put(seenKey(k, generation(now), d.key.id, id), []byte{})
	}
}

// rowsOf are the index rows, in order, that the draft may have changed: those of the attributes touched; of all where
// the types changed or the entity comes or goes.
func (d *draft) rowsOf(k keys, e *model.Entity) (rows []string) {
	if e == nil {
		return nil
	}
	if whole := d.retyped || d.old == nil || d.e == nil; whole {
		return k.allRows(e)
	}
	rows = k.subjectRows(e, rows)
	for name := range d.touched {
		rows = k.rows(e, name, rows)
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// allRows are all index rows of an entity, in order.
func (k keys) allRows(e *model.Entity) (rows []string) {
	for _, typ := range e.Types {
		rows = append(rows, k.typeRow(e, typ))
	}
	rows = k.subjectRows(e, rows)
	for name := range e.Attrs {
		rows = k.rows(e, name, rows)
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

func isAbsent(err error) bool { return errors.Is(err, tribune.ErrNotFound) }
