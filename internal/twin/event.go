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
}

// Position is the change log's number up to which every change has been observed: who has handled all events before the call
// goes on from it with Changes.
func (t *Twin) Position() uint64 { return t.log.done() }

// observe tells the observer of a commit, under the locks of its entities: events of one entity come in order.
func (t *Twin) observe(drafts []*draft, seq uint64, now time.Time) {
	if t.cfg.Observe == nil {
		return
	}
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
		t.cfg.Observe(e)
	}
}
