package twin

import (
	"encoding/binary"
	"fmt"
	"maps"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// What is past its expiresAt is not there any more (clause 4.22): reads pass over it, and a change starts from what is left. The
// sweep (sweep.go) then takes it from the store.

// sooner is the earlier of two times of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due reports whether something of an entry has expired.
func (t *Twin) due(e *entry) bool {
	return !e.expires.IsZero() && !t.cfg.Now().Before(e.expires)
}

// lapsed is what is left of an entry, for this moment only; ErrNotFound where nothing is.
func (t *Twin) lapsed(e *entry) (*entry, error) {
	left, _ := lapse(e.entity, t.cfg.Now())
	if left == nil {
		return nil, tribune.Hint(fmt.Errorf("entity %s has expired: %w", e.entity.ID, tribune.ErrNotFound), "create it again")
	}
	return &entry{version: e.version, entity: left, read: e.read}, nil
}

// lapse is what is left of an entity: nil where it has expired itself, a copy without the instances that have, or the entity.
func lapse(e *model.Entity, now time.Time) (left *model.Entity, gone []tribune.Name) {
	past := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if past(e.ExpiresAt) {
		return nil, sortedNames(e.Attrs)
	}
	for name, list := range e.Attrs {
		kept := alive(list, past)
		if kept == nil {
			continue
		}
		if left == nil {
			c := *e
			c.Attrs, left = maps.Clone(e.Attrs), &c
		}
		if left.Attrs[name] = kept; len(kept) == 0 {
			delete(left.Attrs, name)
		}
		gone = append(gone, name)
	}
	if left == nil {
		return e, nil
	}
	left.ModifiedAt = now
	return left, gone
}

// alive are the instances that have not expired, without what has expired of them; nil where nothing has.
func alive(list []model.Attr, past func(time.Time) bool) []model.Attr {
	kept := make([]model.Attr, 0, len(list))
	all := true
	for i := range list {
		a := list[i]
		if past(a.Expires()) {
			all = false
			continue
		}
		if subs := aliveSubs(a.Sub, past); subs != nil {
			a.Sub, all = subs, false
			setSubEnds(&a, firstEnd(subs))
		}
		kept = append(kept, a)
	}
	if all {
		return nil
	}
	return kept
}

// aliveSubs are sub-attributes without what has expired; nil where nothing has.
func aliveSubs(subs map[tribune.Name][]model.Attr, past func(time.Time) bool) (left map[tribune.Name][]model.Attr) {
	for name, list := range subs {
		kept := alive(list, past)
		if kept == nil {
			continue
		}
		if left == nil {
			left = maps.Clone(subs)
		}
		if left[name] = kept; len(kept) == 0 {
			delete(left, name)
		}
	}
	return left
}

// firstEnd is when the first of sub-attributes expires, or of theirs; zero = never.
func firstEnd(subs map[tribune.Name][]model.Attr) (end time.Time) {
	for _, list := range subs {
		for i := range list {
			end = sooner(end, list[i].Expires())
			end = sooner(end, firstEnd(list[i].Sub))
		}
	}
	return end
}

// setSubEnds notes when the first of an instance's sub-attributes expires.
func setSubEnds(a *model.Attr, end time.Time) {
	if a.Rare == nil && end.IsZero() {
		return
	}
	var r model.Rare
	if a.Rare != nil {
		r = *a.Rare
	}
	r.SubEnds = end
	a.SetRare(r)
}

// lapse starts the draft from what is left of the entity. That alone is no change: it is one for the sweep.
func (d *draft) lapse(now time.Time) {
	left, gone := lapse(d.e, now)
	if left == d.e {
		return
	}
	p := past{short: true}
	binary.BigEndian.PutUint64(p.change[:], d.version)
	binary.BigEndian.PutUint16(p.change[8:], lapsedIndex)
	d.bury(p, d.e, left, gone, now)
	d.rescope(p, d.e, left, now)
	d.e, d.touched, d.lapsed = left, gone, true
	d.retyped = left == nil // whatever comes in its place has all its rows written
}
