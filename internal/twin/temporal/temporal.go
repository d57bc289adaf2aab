// Package temporal is the temporal query of NGSI-LD (ETSI GS CIM 009, clause 4.11): which instances of an attribute's
// history are asked for. The twin applies it to stored rows; the edge applies it again to sealed instances once they
// are opened, since their observedAt is not known before.
//
//	before   time < at
//	after    time > at
//	between  at <= time < end
//	lastN    of what is left, the N latest, latest first
//
// time is observedAt, createdAt or modifiedAt of the instance; an instance without it does not match. Without lastN
// instances come in the order of that time. The package keeps no state and does no I/O.
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
}

// Check fills the default in and refuses what makes no sense.
func (q *Query) Check() error {
	if q.Property == "" {
		q.Property = ObservedAt
	}
	switch {
	case q.Property != ObservedAt && q.Property != CreatedAt && q.Property != ModifiedAt:
		return bad("timeproperty is observedAt, createdAt or modifiedAt", "time property %q", q.Property)
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

// Time is the time of an instance that the query looks at; zero where it has none.
func (q Query) Time(a *model.Attr) time.Time {
	switch q.Property {
	case CreatedAt:
		return a.CreatedAt
	case ModifiedAt:
		return a.ModifiedAt
	}
	return a.ObservedAt
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
		return t.After(q.At)
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
