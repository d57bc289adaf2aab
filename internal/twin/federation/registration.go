package federation

import (
	"encoding/json"
	"regexp"
	"time"

	"tribune"
	"tribune/internal/twin/query"
)

// Mode is how a registered source stands beside what this broker holds itself (clause 4.3.6).
type Mode uint8

// The modes, in the order in which Match returns them: what is held elsewhere only, then what is held here as well, then what
// is only a supplement.
const (
	Exclusive Mode = iota // these attributes of one entity are there and nowhere else
	Redirect              // what matches is held there, never here
	Inclusive             // the source and this broker are equals; the default
	Auxiliary             // only what nobody else has is taken from it, and it is only read
)

var modeNames = [...]string{Exclusive: "exclusive", Redirect: "redirect", Inclusive: "inclusive", Auxiliary: "auxiliary"}

func (m Mode) String() string { return modeNames[m] }

// Proxied reports whether this broker may hold nothing of what the registration covers (clause 4.3.6.3).
func (m Mode) Proxied() bool { return m <= Redirect }

// Registration is one context source registration (clause 5.2.9). It is immutable: an update makes another one. Names are
// expanded.
type Registration struct {
	ID                string
	Tenant            tribune.Tenant // in which it is registered
	Endpoint          string         // base of the source's NGSI-LD interface, to which /ngsi-ld/v1/... is added
	RemoteTenant      string         // to name in every request to it; "" = its default tenant
	Alias             string         // contextSourceAlias: what its Via headers call it
	Mode              Mode
	Information       []Information
	ContextSourceInfo []KeyValue // headers, and the keys of clause 4.3.6.6; "urn:ngsi-ld:request" = as the request has it
	Management        Management
	Expires           time.Time // zero = never
	Scope             []string
	Datasets          []string

	// Location, ObservationSpace and OperationSpace are where the source has something; nil = it does not say.
	Location, ObservationSpace, OperationSpace *query.Geometry

	// Observation and Managed are what the source knows of the past. A registration with either serves temporal queries only,
	// one without either none of them (clause 5.9.1).
	Observation, Managed *Interval

	operations operations
	doc        document // as it was sent, names expanded
	status     *status  // shared by all versions of it
}

// Information is what a source may know something about (clause 5.2.10). No entities = any; no names = every attribute.
type Information struct {
	Entities      []EntityInfo
	Properties    []tribune.Name
	Relationships []tribune.Name
}

// named reports whether the element names attributes.
func (i *Information) named() bool { return len(i.Properties)+len(i.Relationships) > 0 }

// EntityInfo are entities of a source (clause 5.2.8): one by ID, many by pattern, or all with the types.
type EntityInfo struct {
	Types     []tribune.Name
	ID        tribune.EntityID // "" = not by id; takes precedence over the pattern
	IDPattern *regexp.Regexp   // nil = not by pattern
}

// KeyValue is clause 5.2.22.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// FromRequest as the value of contextSourceInfo means: as the request that causes the forwarding has it (clause 4.3.6.5).
const FromRequest = "urn:ngsi-ld:request"

// Info is the value of a key of contextSourceInfo, keys compared without regard to case; "" where it has none.
func (r *Registration) Info(key string) string {
	for _, kv := range r.ContextSourceInfo {
		if equalFold(kv.Key, key) {
			return kv.Value
		}
	}
	return ""
}

// Management are wishes of clause 5.2.34; zero = none.
type Management struct {
	LocalOnly     bool
	CacheDuration time.Duration
	Timeout       time.Duration
	Cooldown      time.Duration
}

// Interval is clause 5.2.11; a zero To is open.
type Interval struct{ From, To time.Time }

// Temporal reports whether the source serves temporal queries, and no others.
func (r *Registration) Temporal() bool { return r.Observation != nil || r.Managed != nil }

// Offers reports whether the source accepts the operation (a name of clause 4.20).
func (r *Registration) Offers(op string) bool { return r.operations.has(op) }

// JSON is the registration as it was sent, with names expanded and without status.
func (r *Registration) JSON() (json.RawMessage, error) { return r.doc.json(nil) }
