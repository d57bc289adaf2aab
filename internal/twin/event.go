package twin

import (
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Observer is told of every entity that this hub has changed, after it is durable and before whoever changed it is answered. What a
// crash keeps from it stands in Changes.
type Observer interface {
	// Watches reports whether anybody wants events: while nobody does none is made.
	Watches() bool

	// Tells reports whether events say what has just been sealed, too: while somebody is told of it under a standing act.
	Tells() bool

	// Observe must not block, nor call the twin: it is for a queue of its own.
	Observe(Event)
}

// Event is one entity changed, and durable. Before and After are shared with the cache: do not change them. Sealed
// attributes are in them as everywhere in the twin: sealed.
type Event struct {
	Seq     uint64 // its number in the change log
	Tenant  tribune.Tenant
	Entity  tribune.EntityID
	Before  *model.Entity  // nil = it was not there
	After   *model.Entity  // nil = it is not there any more
	Touched []tribune.Name // attributes written or deleted, sorted, each once
	At      time.Time
	Source  string
	Arrived []Arrived // what was sealed of it just now, in the clear, where the Observer tells; whoever has handled it forgets it
}

// Arrived is an attribute instance on its way into the vault.
type Arrived struct {
	Attr   tribune.Name
	Value  model.Attr      // in the clear
	Sealed *tribune.Sealed // as it rests
}

// arrived are the instances of a draft that this commit has sealed.
func (d *draft) arrived(secrets map[*tribune.Sealed][]byte) (out []Arrived) {
	if d.e == nil {
		return nil
	}
	for _, name := range sortedNames(d.e.Attrs) {
		for i := range d.e.Attrs[name] {
			a := &d.e.Attrs[name][i]
			clear, ok := secrets[a.Sealed]
			if a.Sealed == nil || !ok {
				continue
			}
			value, err := OpenAttr(clear)
			if err != nil {
				continue // it was written a moment ago
			}
			value.Dataset, value.CreatedAt, value.ModifiedAt = a.Dataset, a.CreatedAt, a.ModifiedAt
			out = append(out, Arrived{name, value, a.Sealed})
		}
	}
	return out
}

// told are the secrets of a commit where somebody is told of them.
func (t *Twin) told(secrets []secret) map[*tribune.Sealed][]byte {
	if len(secrets) == 0 || !t.cfg.Observer.Tells() {
		return nil
	}
	out := make(map[*tribune.Sealed][]byte, len(secrets))
	for i := range secrets {
		out[secrets[i].sealed] = secrets[i].item.Clear
	}
	return out
}

// Position is the change log's number up to which every change has been observed: who has handled all events before the call
// goes on from it with Changes.
func (t *Twin) Position() uint64 { return t.log.done() }

// observe tells the observer of a commit, under the locks of its entities: events of one entity come in order.
func (t *Twin) observe(drafts []*draft, secrets []secret, seq uint64, now time.Time) {
	if t.cfg.Observer == nil || !t.cfg.Observer.Watches() {
		return
	}
	told := t.told(secrets)
	for i, d := range drafts {
		e := Event{Seq: seq + uint64(i), Tenant: d.key.tenant, Entity: d.key.id, At: now, Source: d.source}
		e.Touched = slices.Clone(d.touched) // the draft's may be the caller's
		if d.old != nil {
			e.Before = d.old.entity
		}
		if d.kept != nil {
			e.After = d.kept.entity
		}
		if told != nil {
			e.Arrived = d.arrived(told)
		}
		t.cfg.Observer.Observe(e)
	}
}
