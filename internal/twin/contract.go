package twin

import (
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// Mode is one of the update semantics of the standard (clause 5.6).
type Mode int

const (
	Create        Mode = iota // fails with ErrConflict where the entity exists (5.6.1)
	Append                    // adds attributes, overwriting those present (5.6.3)
	AppendNew                 // adds attributes, leaving those present alone: noOverwrite (5.6.3)
	Update                    // overwrites attributes and appends others; a scope only where there is one (5.6.2)
	Partial                   // one attribute, member by member; ErrNotFound where it is absent (5.6.4)
	Merge                     // JSON merge patch of the entity (5.6.17)
	Replace                   // the whole entity (5.6.18)
	Upsert                    // create or update: batch upsert?options=update (5.6.8)
	UpsertReplace             // create or replace: batch upsert (5.6.8)
	DeleteAttr                // the attribute instances named in Entity.Attrs, or the scope; Dataset "*" = all (5.6.5)
	Delete                    // the entity (5.6.6)
	ReplaceAttr               // whole attribute instances; ErrNotFound where one is absent (5.6.19)
	Expire                    // takes away what is past its expiresAt, if anything is (4.22)
	forget                    // takes away tokens that find what is past its keeping time
	erase                     // takes away the sealed values of a subject
)

// Mutation is one change of one entity, all or nothing.
type Mutation struct {
	ID     string // stable across redelivery, "" = none: a mutation already applied succeeds and changes nothing
	Tenant tribune.Tenant
	Mode   Mode
	Entity model.Entity
	Source string // device, feed or caller

	Only   query.TypeExpr // the entity must be of these types, else ErrNotFound; the zero value matches all (4.17)
	Common Common         // of Merge
}

// Common is what a merge says once for all its attributes (clause 5.6.17).
type Common struct {
	ObservedAt time.Time // of attributes that have had one and are not given another
	Lang       string    // language of texts that are merged into language maps
	KeepTypes  bool      // attributes are sent simplified: another type is refused (6.5.3.4), else it replaces the attribute
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
