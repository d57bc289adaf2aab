package twin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// one replaces or deletes a single instance.
func (e *evolver) one(ctx context.Context) error {
	name := e.s.frag.attrs[0].name
	s, row, value, err := e.find(ctx, name)
	if err != nil {
		return err
	}
	old, err := decodeRow(e.p.Entity.ID, name, slices.Clone(value))
	if err != nil {
		return err
	}
	e.note()
	if e.p.Mode == PastDeleteInstance {
		e.batch.Delete(e.k.pointer(e.p.Entity.ID, s, row.name()))
		return e.reader(s).take(ctx, &e.batch, row)
	}
	a := e.s.frag.attrs[0].list[0]
	if a.Dataset != "" && a.Dataset != s.dataset {
		return invalid("leave datasetId out, or delete the instance and add another", "attribute %s: the instance has another datasetId", name)
	}
	a.Dataset, a.CreatedAt, a.ModifiedAt = s.dataset, old.CreatedAt, e.now
	a.Sub = stampSubs(a.Sub, old.Sub, e.now)
	sec, err := e.classify(name, &a)
	if err != nil || len(e.unnamed) > 0 {
		return err
	}
	if sec != nil {
		if err := e.seal(ctx, []secret{*sec}); err != nil {
			return err
		}
	}
	if err := e.replace(ctx, s, row, &a); err != nil {
		return err
	}
	return e.follow(ctx, []named{{name, []model.Attr{a}}}, false, &old)
}

// note remembers that an instance of the present may be missing in the past from now on.
func (e *evolver) note() {
	if e.cur != nil {
		e.batch.Put(e.k.of("w", string(e.p.Entity.ID)), appendTime(nil, e.now))
	}
}

// find is the row of the instance with the instanceId asked for.
func (e *evolver) find(ctx context.Context, name tribune.Name) (s seriesKey, row rowPlace, value []byte, err error) {
	st, id := e.t.cfg.Store, e.p.Entity.ID
	all, err := seriesOf(ctx, st, e.k, id, []tribune.Name{name})
	if err != nil {
		return s, row, nil, err
	}
	if len(all) == 0 {
		return s, row, nil, absent(name, "")
	}
	missing := tribune.Hint(fmt.Errorf("instance of attribute %s: %w", name, tribune.ErrNotFound), "retrieve the temporal evolution to see its instanceIds")
	hash, row, ok := parseInstanceID(e.p.Instance)
	at := slices.IndexFunc(all, func(s seriesKey) bool { return seriesHash(id, s) == hash })
	if !ok || at < 0 {
		return s, row, nil, missing
	}
	s = all[at]
	pointer, err := st.Get(ctx, e.k.pointer(id, s, row.name()))
	switch {
	case err == nil && len(pointer) == placeSize:
		to, _ := cutPlace(append(slices.Clone(pointer), row.suffix...))
		row = row.moved(to.order, to.at)
	case err != nil && !isAbsent(err):
		return s, row, nil, err
	}
	value, _, err = e.reader(s).value(ctx, row)
	if isAbsent(err) {
		err = missing
	}
	return s, row, value, err
}

// reader reads a series of the entity.
func (e *evolver) reader(s seriesKey) *pastReader {
	return &pastReader{r: e.t.cfg.Store, k: e.k, packs: e.t.packs, id: e.p.Entity.ID, s: s}
}

// replace puts an instance where another stands, or where its own time belongs. The instanceId stays.
func (e *evolver) replace(ctx context.Context, s seriesKey, row rowPlace, a *model.Attr) error {
	id := e.p.Entity.ID
	order, at := byModified, ordinal(a.ModifiedAt)
	if a.Sealed == nil && !a.ObservedAt.IsZero() {
		order, at = byObserved, ordinal(a.ObservedAt)
	} else if row.order == byModified {
		at = row.at // a correction does not change when the value came
	}
	to := row.moved(byte(order), at)
	if err := e.reader(s).take(ctx, &e.batch, row); err != nil {
		return err
	}
	e.batch.Put(to.append(e.k.of("h", string(id), string(s.name), s.dataset)), appendAttr([]byte{docFormat}, a))
	pointer := e.k.pointer(id, s, row.name())
	if first := to.name(); to.order == first[0] && len(to.suffix) == len(first)-placeSize {
		e.batch.Delete(pointer)
	} else {
		e.batch.Put(pointer, store.Uint([]byte{to.order}, to.at))
	}
	return nil
}

// pointer is the key under which a moved row is found by its name.
func (k keys) pointer(id tribune.EntityID, s seriesKey, name []byte) []byte {
	return append(k.of("i", string(id), string(s.name), s.dataset), name...)
}

// removeAtOnce bounds the rows that one commit of a deletion takes away.
const removeAtOnce = 10_000

// remove deletes attributes or the whole evolution, removeAtOnce rows at a time. The head goes last; a block goes with both of its rows, so that
// a crash between two commits leaves none that can be seen and not read, nor one that is left and not seen.
func (e *evolver) remove(ctx context.Context) (more bool, err error) {
	id := string(e.p.Entity.ID)
	parts := []string{id}
	if e.p.Mode != PastDelete {
		if parts = append(parts, string(e.s.frag.attrs[0].name)); e.dataset() != "*" {
			parts = append(parts, e.dataset())
		}
	}
	left := removeAtOnce
	for _, kind := range [...]string{"i", "h", "H", "B"} {
		head := e.k.of(kind, parts...)
		r := store.Prefix(head)
		if e.p.Mode == PastDelete {
			r.From = store.After(append(slices.Clone(head), 0, 1)) // past the head of the evolution
		}
		r.Limit, r.KeysOnly = left+1, true
		for p, err := range e.t.cfg.Store.Scan(ctx, r) {
			if err != nil {
				return false, err
			}
			if left <= 0 {
				e.note()
				return true, nil
			}
			e.batch.Delete(slices.Clone(p.Key))
			if left--; kind == "H" {
				e.batch.Delete(append(e.k.of("B", id), p.Key[len(e.k.of("H", id)):]...))
				left--
			}
		}
	}
	switch {
	case e.p.Mode == PastDeleteAttr && left == removeAtOnce && !e.removed:
		return false, absent(e.s.frag.attrs[0].name, e.dataset())
	case e.p.Mode == PastDelete && e.head != nil:
		for _, typ := range append(slices.Clone(e.head.types), "") {
			e.batch.Delete(e.k.of("p", string(typ), id))
		}
		e.batch.Delete(e.k.of("h", id, ""))
	}
	e.note()
	// another hub may pack rows between the look and the commit: whoever is not alone looks again until nothing is left
	return e.t.cfg.MaxStale > 0 && left < removeAtOnce, e.forgo(ctx)
}

// dataset is the one whose instances are deleted; "*" = all.
func (e *evolver) dataset() string { return e.s.frag.attrs[0].list[0].Dataset }

// stampOf reads what note wrote.
func stampOf(b []byte) time.Time { return (&decoder{b: b}).time() }
