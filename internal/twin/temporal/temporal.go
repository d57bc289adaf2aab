// Package temporal is the temporal query of NGSI-LD (ETSI GS CIM 009, clauses 4.11 and 4.5.19): which instances of an
// attribute's history are asked for, and what they come to by periods. The twin applies it to stored rows; the edge applies
// it again to sealed instances once they are opened, since their observedAt is not known before.
//
//	before   time < at
//	after    time >= at
//	between  at <= time < end
//	lastN    of what is left, the N latest, latest first
//
// time is observedAt, createdAt, modifiedAt or deletedAt of the instance; an instance without it does not match. Without
// lastN instances come in the order of that time. The package keeps no state and does no I/O.
package temporal

import (
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// The properties and relations of the standard.
const (
	ObservedAt = "observedAt"
	CreatedAt  = "createdAt"
	ModifiedAt = "modifiedAt"
	DeletedAt  = "deletedAt"

	Before  = "before"
	After   = "after"
	Between = "between"
)

// Query selects instances.
type Query struct {
	Property string // ObservedAt where empty
	Rel      string // Before, After, Between or "" = all
	At, End  time.Time
	LastN    int // 0 = all

	// Any: no time is asked about, so no instance is without it. Time is then observedAt, or modifiedAt where there is none.
	Any bool
}

// Check fills the default in and refuses what makes no sense.
func (q *Query) Check() error {
	if q.Property == "" {
		q.Property = ObservedAt
	}
	switch {
	case !slices.Contains([]string{ObservedAt, CreatedAt, ModifiedAt, DeletedAt}, q.Property):
		return bad("timeproperty is observedAt, createdAt, modifiedAt or deletedAt", "time property %q", q.Property)
	case q.Rel != "" && q.Rel != Before && q.Rel != After && q.Rel != Between:
		return bad("timerel is before, after or between", "time relation %q", q.Rel)
	case q.Rel != "" && q.At.IsZero():
		return bad("add timeAt=2026-11-22T10:00:00Z", "%s without timeAt", q.Rel)
	case q.Rel == Between && q.End.IsZero():
		return bad("add endTimeAt=2026-11-22T11:00:00Z", "between without endTimeAt")
	case q.Rel == Between && q.End.Before(q.At):
		return bad("let endTimeAt be after timeAt", "between ends before it begins")
	case q.LastN < 0:
		return bad("lastN is a positive number", "lastN %d", q.LastN)
	}
	return nil
}

func bad(hint, format string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: temporal query: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...)), "%s", hint)
}

// Time is the time of an instance that the query looks at; zero where it has none. An instance that records a deletion
// was modified when it was deleted.
func (q Query) Time(a *model.Attr) time.Time {
	switch {
	case q.Any && a.ObservedAt.IsZero(), q.Property == ModifiedAt && !q.Any:
		return a.ModifiedAt
	case q.Any:
	case q.Property == CreatedAt:
		return a.CreatedAt
	case q.Property == DeletedAt:
		return Deleted(a)
	}
	return a.ObservedAt
}

// Deleted is when the instance records a deletion (clause 4.5.7), zero where it records a value.
func Deleted(a *model.Attr) time.Time {
	if a.Sealed == nil && a.Null() {
		return a.ModifiedAt
	}
	return time.Time{}
}

// Holds reports whether a time lies where the query asks.
func (q Query) Holds(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	switch q.Rel {
	case Before:
		return t.Before(q.At)
	case After:
		return !t.Before(q.At)
	case Between:
		return !t.Before(q.At) && t.Before(q.End)
	}
	return true
}

// Keep is what the query leaves of the instances of one attribute and datasetId, in the query's order. The argument is
// not changed.
func (q Query) Keep(all []model.Attr) []model.Attr {
	var out []model.Attr
	for i := range all {
		if q.Holds(q.Time(&all[i])) {
			out = append(out, all[i])
		}
	}
	slices.SortStableFunc(out, func(a, b model.Attr) int { return q.Time(&a).Compare(q.Time(&b)) })
	if q.LastN > 0 {
		slices.Reverse(out)
		out = out[:min(len(out), q.LastN)]
	}
	return out
}
