package twin

import (
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Mode is one of the update semantics of the standard (clause 5.6).
type Mode int

const (
	Create        Mode = iota // fails with ErrConflict where the entity exists (5.6.1)
	Append                    // adds attributes, overwriting those present (5.6.3)
	AppendNew                 // adds attributes, leaving those present alone: noOverwrite (5.6.3)
	Update                    // overwrites attributes that are present, ignores others (5.6.2)
	Partial                   // one attribute, member by member; ErrNotFound where it is absent (5.6.4)
	Merge                     // JSON merge patch of the entity (5.6.17)
	Replace                   // the whole entity (5.6.18)
	Upsert                    // create or append: batch upsert?options=update (5.6.8)
	UpsertReplace             // create or replace: batch upsert (5.6.8)
	DeleteAttr                // the attribute instances named in Entity.Attrs; Dataset "*" = all (5.6.5)
	Delete                    // the entity (5.6.6)
)

// Mutation is one change of one entity, all or nothing.
type Mutation struct {
	ID     string // stable across redelivery, "" = none: a mutation already applied succeeds and changes nothing
	Tenant tribune.Tenant
	Mode   Mode
	Entity model.Entity
	Source string // device, feed or caller
}

// Result is what became of one mutation.
type Result struct {
	Created bool           // the entity did not exist before
	Updated []tribune.Name // attributes written
	Ignored []tribune.Name // attributes left alone, by the rule of the mode
	Err     error          // ErrConflict, ErrNotFound, ErrInvalid, ErrBusy...; nil = durable
}

// View is an entity as found: the model with its sealed attributes still sealed.
type View struct {
	model.Entity
	Version uint64
}

// Near is the only geo relation so far: entities whose Property lies within MinDistance..MaxDistance metres of the point.
type Near struct {
	Property                 tribune.Name
	Lon, Lat                 float64
	MinDistance, MaxDistance float64 // metres; Max 0 = unbounded is refused at the edge
}

// TemporalQuery asks one entity's history (clause 5.7.3).
type TemporalQuery struct {
	Tenant   tribune.Tenant
	ID       tribune.EntityID
	Attrs    []tribune.Name // empty = all
	Property string         // observedAt, createdAt or modifiedAt
	Rel      string         // before, after, between or "" = all
	At, End  time.Time
	LastN    int
}
