package twin

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// draft is one entity in one attempt: what it was, what the steps make of it, and what they leave behind.
type draft struct {
	*task
	old     *entry         // nil = it was not there
	e       *model.Entity  // nil = it is not there
	results []Result       // by step
	touched []tribune.Name // once or more
	retyped bool
	changed bool
	plain   bool      // e can stay in the cache as it is
	lapsed  bool      // something of e had expired and is not there any more
	soon    time.Time // when something of e expires first, zero = never
	source  string
	ids     []string // change IDs to remember
	past    []past
	doc     []byte
	version uint64
	with    *store.Batch // what is committed besides; nil = nothing
	kept    *entry       // once committed; nil = deleted

	series    []series // those of old until ownSeries
	ownSeries bool

	onePast [1]past
}

// past is a history row to be written. The instance's Sealed may still be a placeholder.
type past struct {
	name   tribune.Name
	attr   *model.Attr
	change [16]byte
	short  bool // change is 10 bytes
}

// attempt reads the entities, applies the steps and commits, all under the entities' locks. It returns the subjects it
// needs pseudonyms for, with nothing done; or errRaced; or nil with the results in the steps.
func (t *Twin) attempt(ctx context.Context, at tribune.Place, tasks []*task, names map[subjectName]pseudonym, fresh bool) ([]subjectName, error) {
	t.locks.lock(tasks)
	defer t.locks.unlock(tasks)
	now, k := t.moment(), keysAt(at)
	var (
		drafts  = make([]draft, len(tasks))
		secrets []secret
		unnamed []subjectName
		steps   int
	)
	for _, w := range tasks {
		steps += len(w.steps)
	}
	results := make([]Result, steps)
	for i, w := range tasks {
		d := &drafts[i]
		d.task, d.results, results = w, results[:len(w.steps):len(w.steps)], results[len(w.steps):]
		s, u, err := t.draft(ctx, k, d, names, now, fresh)
		if err != nil {
			return nil, err
		}
		secrets, unnamed = append(secrets, s...), append(unnamed, u...)
	}
	if len(unnamed) > 0 {
		return unnamed, nil
	}
	if err := t.commit(ctx, at, drafts, secrets, now); err != nil {
		return nil, err
	}
	for i := range drafts {
		for j, s := range drafts[i].steps {
			s.res = drafts[i].results[j]
		}
	}
	return nil, nil
}

// draft reads an entity and applies the steps one after the other. A step that fails leaves no trace.
func (t *Twin) draft(ctx context.Context, k keys, d *draft, names map[subjectName]pseudonym, now time.Time, fresh bool) (secrets []secret, unnamed []subjectName, err error) {
	w := d.task
	if !fresh {
		d.old = t.cachedAt(w.key, w.hash)
	}
	if d.old == nil {
		if d.old, err = read(ctx, t.cfg.Store, t.key(w.key), w.key.id); err != nil && !isAbsent(err) {
			return nil, nil, err
		}
	}
	d.past, d.plain = d.onePast[:0], true
	d.version = uint64(now.UnixMicro()) // so that an entity deleted and created again has another version
	if d.old != nil {
		d.e, d.version, d.series = d.old.entity, d.old.version+1, d.old.series
		if !d.old.expires.IsZero() {
			d.lapse(now)
		}
	}
	for i, s := range w.steps {
		res := &d.results[i]
		again, err := t.repeated(ctx, k, d, s, now)
		if err != nil {
			return nil, nil, err
		}
		if s.mode == Expire {
			d.changed, d.source = d.changed || d.lapsed, s.source
		}
		if s.mode == forget {
			d.forget(s.forget)
		}
		if s.mode == erase {
			d.erase(s.erase)
		}
		if again || s.mode == Expire || s.mode == forget || s.mode == erase {
			continue
		}
		x, err := apply(d.e, s.mode, &s.frag, now)
		if s.lax && isAbsent(err) {
			continue
		}
		var sec []secret
		var un []subjectName
		if err == nil && x.e != nil {
			if weight(x.e) > maxDocument {
				err = tribune.Hint(fmt.Errorf("entity %s of more than %d bytes: %w", w.key.id, maxDocument, tribune.ErrTooLarge), "split it into several entities")
			} else {
				peers := s.peers
				if peers == nil {
					peers = w.steps
				}
				sec, un, err = t.classify(s, peers, x, names)
			}
		}
		if err != nil {
			res.Err = err
			continue
		}
		res.Created, res.Updated, res.Ignored = x.created, x.touched, x.ignored
		secrets, unnamed = append(secrets, sec...), append(unnamed, un...)
		d.take(s, i, x, now)
	}
	return secrets, unnamed, nil
}

// take accepts an edit.
func (d *draft) take(s *step, index int, x *edit, now time.Time) {
	if !x.changes(d.e) {
		return
	}
	d.changed, d.source = true, s.source
	d.retyped = d.retyped || x.retyped
	d.plain = d.plain && x.plain
	if d.touched == nil && len(x.touched) == 1 {
		d.touched = x.touched
	} else {
		d.touched = append(slices.Clip(d.touched), x.touched...) // the result's is the caller's
	}
	p := past{short: s.id == ""}
	if p.short {
		binary.BigEndian.PutUint64(p.change[:], d.version)
		binary.BigEndian.PutUint16(p.change[8:], uint16(index))
	} else {
		p.change = hashed(s.id)
	}
	for _, w := range x.written {
		p.name, p.attr = w.name, x.e.Instance(w.name, w.dataset)
		d.past = append(d.past, p)
	}
	d.bury(p, d.e, x.e, x.touched, now)
	d.rescope(p, d.e, x.e, now)
	d.remember(s, x)
	d.e = x.e
}
