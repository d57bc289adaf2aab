package twin

import (
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

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
	Arrived []Arrived // what was sealed of it just now, in the clear, where Config.Tells; whoever has handled it forgets it
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
	if len(secrets) == 0 || t.cfg.Tells == nil || !t.cfg.Tells() {
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
	if t.cfg.Observe == nil {
		return
	}
	told := t.told(secrets)
	for i, d := range drafts {
		e := Event{Seq: seq + uint64(i), Tenant: d.key.tenant, Entity: d.key.id, At: now, Source: d.source}
		e.Touched = slices.Clone(d.touched)
		slices.Sort(e.Touched)
		e.Touched = slices.Compact(e.Touched)
		if d.old != nil {
			e.Before = d.old.entity
		}
		if d.e != nil {
			e.After = d.e
			if c := t.cache.get(d.key, d.hash); c != nil && c.version == d.version {
				e.After = c.entity
			} else if !d.plain { // its memory is the caller's
				e.After = d.entry(now).entity
			}
		}
		if told != nil {
			e.Arrived = d.arrived(told)
		}
		t.cfg.Observe(e)
	}
}
