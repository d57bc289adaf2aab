package notify

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// trigger is a set of kinds of change (notificationTrigger of table 5.2.12-1).
type trigger uint8

const (
	entityCreated trigger = 1 << iota
	entityDeleted
	attributeCreated
	attributeUpdated
	attributeDeleted
)

const attributeChanges = attributeCreated | attributeUpdated | attributeDeleted

// triggers are the names of the standard; entityUpdated is a short hand.
func triggers(name string) (trigger, bool) {
	switch name {
	case "entityCreated":
		return entityCreated, true
	case "entityUpdated":
		return attributeChanges, true
	case "entityDeleted":
		return entityDeleted, true
	case "attributeCreated":
		return attributeCreated, true
	case "attributeUpdated":
		return attributeUpdated, true
	case "attributeDeleted":
		return attributeDeleted, true
	}
	return 0, false
}

// Statuses of a subscription (table 5.2.12-2).
const (
	statusActive  = "active"
	statusPaused  = "paused"
	statusExpired = "expired"
)

// subscription is one, ready to be matched. It is immutable but for state, which an update takes over.
//
// Sealed attributes are absent from all it matches and sends, also where it is a standing act: what such a one is told besides goes
// another way (standing.go).
type subscription struct {
	tenant            tribune.Tenant
	id                string
	created, modified time.Time
	doc               document
	writtenIn, sentIn json.RawMessage // contexts: of q, and of notifications
	csfIn             json.RawMessage // context of csf
	ctx               *jsonld.Context // sentIn
	since             uint64          // the change log's position when it was made or last updated: changes before it are not its own

	selectors  []selector     // one of them; none = every entity
	watched    []tribune.Name // sorted; none = every attribute
	on         trigger
	conditions conditions
	throttling time.Duration
	interval   time.Duration // 0 = on changes
	expires    time.Time     // zero = never
	active     bool
	standing   *tribune.Standing // nil = no personal data
	by         tribune.ActorID   // who has written the endpoint; "" = nobody knows
	via        []string          // brokers that it has passed on its way here

	endpoint    Endpoint
	contentType string
	link        string // for the Link header; "" = the body carries the context
	view        jsonld.View
	changes     bool // showChanges

	line string // of the sender
	bare bool   // shown without what is only a default: one to registrations (clause 5.11.2.4)
	*state
}

// selector is clause 5.2.33.
type selector struct {
	types   query.TypeExpr
	ids     []tribune.EntityID
	pattern *regexp.Regexp // nil where there are ids: they take precedence
}

func (s *selector) matches(e *model.Entity) bool {
	if len(s.ids) > 0 && !slices.Contains(s.ids, e.ID) {
		return false
	}
	return s.types.Match(e.Types) && (s.pattern == nil || s.pattern.MatchString(string(e.ID)))
}

// selects reports whether the entity is subscribed to.
func (s *subscription) selects(e *model.Entity) bool {
	for i := range s.selectors {
		if s.selectors[i].matches(e) {
			return true
		}
	}
	return len(s.selectors) == 0
}

// watches reports whether a change of the attribute triggers.
func (s *subscription) watches(attr tribune.Name) bool {
	if len(s.watched) == 0 {
		return true
	}
	_, found := slices.BinarySearch(s.watched, attr)
	return found
}

// status is clause 5.8.1.4: time alone makes it expired.
func (s *subscription) status(now time.Time) string {
	switch {
	case !s.expires.IsZero() && !now.Before(s.expires), s.standing != nil && s.standing.Ended(now):
		return statusExpired
	case !s.active:
		return statusPaused
	}
	return statusActive
}

// lineOf names a subscription's line: tenants have ids of their own.
func lineOf(tenant tribune.Tenant, id string) string {
	return "subscription\x00" + string(tenant) + "\x00" + id
}
