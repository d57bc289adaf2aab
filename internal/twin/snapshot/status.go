package snapshot

import (
	"encoding/json"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/temporal"
)

// The states of clause 5.2.41.
const (
	Preparing = "preparing"
	Success   = "success"
	Partial   = "partial"
	Failure   = "failure"
	Empty     = "empty"
)

const defaultPriority = 5

// Status is a Snapshot (clause 5.2.41).
type Status struct {
	ID              string            `json:"id"`
	Type            string            `json:"type"`
	Queries         []json.RawMessage `json:"snapshotQueries,omitempty"`
	TemporalQueries []json.RawMessage `json:"snapshotTemporalQueries,omitempty"`
	Lifetime        string            `json:"snapshotLifetime,omitempty"`
	Priority        int               `json:"snapshotPriority"`
	Endpoint        string            `json:"endpoint,omitempty"`
	ReceiverInfo    []notify.KeyValue `json:"receiverInfo,omitempty"`

	// The system makes what follows.
	State                  string    `json:"snapshotStatus"`
	QueriesDetails         []Details `json:"snapshotQueriesDetails,omitempty"`
	TemporalQueriesDetails []Details `json:"snapshotTemporalQueriesDetails,omitempty"`
	CreatedAt              time.Time `json:"createdAt"`
	ModifiedAt             time.Time `json:"modifiedAt"`
	ExpiresAt              time.Time `json:"expiresAt"`
	LastUsedAt             time.Time `json:"lastUsedAt"`
}

// Details is an ExecutionResultDetails (clause 5.2.42).
type Details struct {
	Result  string   `json:"resultStatus"`
	Problem *Problem `json:"problemDetails,omitempty"`
}

// Problem says why a query failed (RFC 9457), without any value.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

// made are the members that the system makes: whoever sends them is not heard (clause 5.2.41).
var made = map[string]bool{"snapshotStatus": true, "snapshotQueriesDetails": true, "snapshotTemporalQueriesDetails": true, "createdAt": true, "modifiedAt": true, "expiresAt": true, "lastUsedAt": true, "@context": true}

// Read reads a Snapshot into what is there already: a new one, or, with fragment set, one that changes.
func (in *Status) Read(raw json.RawMessage, fragment bool) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return fmt.Errorf("%w: a snapshot is a JSON object (clause 5.2.41)", tribune.ErrInvalid)
	}
	for name, val := range all {
		if made[name] {
			continue
		}
		if err := in.member(name, val, fragment); err != nil {
			return err
		}
	}
	if _, ok := all["type"]; !ok && !fragment {
		return bad("type", `it must be "Snapshot"`)
	}
	return in.check()
}

func bad(name, rule string) error {
	return fmt.Errorf("%w: attribute %q: %s (clause 5.2.41)", tribune.ErrInvalid, name, rule)
}

// member reads one member.
func (in *Status) member(name string, val json.RawMessage, fragment bool) error {
	var into any
	switch name {
	case "type":
		if string(val) != `"Snapshot"` {
			return bad(name, `it must be "Snapshot"`)
		}
		return nil
	case "id":
		var id string
		if json.Unmarshal(val, &id) != nil || id == "" || fragment && id != in.ID {
			return bad(name, "it is a URI that cannot be changed")
		}
		in.ID = id
		return nil
	case "snapshotQueries":
		into = &in.Queries
	case "snapshotTemporalQueries":
		into = &in.TemporalQueries
	case "snapshotLifetime":
		into = &in.Lifetime
	case "snapshotPriority":
		into = &in.Priority
	case "endpoint":
		into = &in.Endpoint
	case "receiverInfo":
		into = &in.ReceiverInfo
	default:
		return bad(name, "a snapshot has no such member")
	}
	if fragment && (name == "snapshotQueries" || name == "snapshotTemporalQueries") {
		return bad(name, "it cannot be changed")
	}
	if string(val) == "null" || json.Unmarshal(val, into) != nil {
		return bad(name, "it is not of the type it must be")
	}
	if name == "snapshotPriority" && (in.Priority < 1 || in.Priority > 10) {
		return bad(name, "it is a whole number from 1 to 10")
	}
	return nil
}

func (in *Status) check() error {
	if len(in.Queries)+len(in.TemporalQueries) > maxQueries {
		return fmt.Errorf("%w: a snapshot of more than %d queries", tribune.ErrTooLarge, maxQueries)
	}
	for name, all := range map[string][]json.RawMessage{"snapshotQueries": in.Queries, "snapshotTemporalQueries": in.TemporalQueries} {
		for _, q := range all {
			var members map[string]json.RawMessage
			if json.Unmarshal(q, &members) != nil {
				return bad(name, "it is a list of queries")
			}
			if _, past := members["temporalQ"]; past != (name == "snapshotTemporalQueries") {
				return bad(name, "queries with temporalQ, and these alone, are snapshotTemporalQueries")
			}
		}
	}
	if in.Lifetime != "" {
		if d, err := temporal.ParseDuration(in.Lifetime); err != nil || d.Zero() {
			return bad("snapshotLifetime", "it is a duration of ISO 8601, like PT1H")
		}
	}
	if in.Endpoint != "" {
		if _, err := in.endpoint(); err != nil {
			return err
		}
	}
	return nil
}

// endpoint is where its status is told.
func (in *Status) endpoint() (notify.Endpoint, error) {
	raw, err := json.Marshal(map[string]any{"uri": in.Endpoint, "accept": "application/json", "receiverInfo": in.ReceiverInfo})
	if err != nil {
		return notify.Endpoint{}, bad("endpoint", "it is a URI")
	}
	return notify.ParseEndpoint(raw)
}
