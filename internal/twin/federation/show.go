package federation

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Shown is how a registration is shown.
type Shown struct {
	Names    Names           // of the reader's context
	Context  json.RawMessage // to carry as @context; nil = none
	Only     []int           // elements of its information; nil = all
	Lists    bool            // types of entities as arrays, also where there is one: receivers of notifications read them so
	Discreet bool            // without contextSourceInfo, which may hold what opens the source
}

// Show is the registration as JSON, with its status (clause 5.2.9).
func (r *Registration) Show(s Shown) (json.RawMessage, error) {
	out := make(document, 0, len(r.doc)+6)
	for _, m := range r.doc {
		switch {
		case m.name == "contextSourceInfo" && s.Discreet:
			continue
		case m.name == "information":
			raw, err := shownInformation(m.raw, s)
			if err != nil {
				return nil, err
			}
			m.raw = raw
		case !isMember(m.name):
			m.name = s.Names.Compact(tribune.Name(m.name))
		}
		out = append(out, m)
	}
	more := r.Status().members()
	if s.Context != nil {
		more = append(more, member{"@context", s.Context})
	}
	return out.json(more)
}

// members are what clause 5.2.9, table 2, shows once something was forwarded.
func (s Status) members() (d document) {
	if s.Sent == 0 {
		return nil
	}
	state := `"failed"`
	if s.ok() {
		state = `"ok"`
	}
	d = document{{"status", []byte(state)}, {"timesSent", strconv.AppendUint(nil, s.Sent, 10)}, {"timesFailed", strconv.AppendUint(nil, s.Failed, 10)}}
	if !s.LastSuccess.IsZero() {
		d = append(d, member{"lastSuccess", quotedTime(s.LastSuccess)})
	}
	if !s.LastFailure.IsZero() {
		d = append(d, member{"lastFailure", quotedTime(s.LastFailure)})
	}
	return d
}

func quotedTime(t time.Time) json.RawMessage {
	return []byte(`"` + t.UTC().Format("2006-01-02T15:04:05.000Z") + `"`)
}

// shownInformation is the member information in the reader's names.
func shownInformation(raw json.RawMessage, s Shown) (json.RawMessage, error) {
	raw, err := renamed(raw, func(name string) (string, error) { return s.Names.Compact(tribune.Name(name)), nil })
	if err == nil && s.Lists {
		raw, err = typeLists(raw)
	}
	if err != nil || s.Only == nil {
		return raw, err
	}
	var all, some []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("writing information: %w", err)
	}
	for _, i := range s.Only {
		some = append(some, all[i])
	}
	return json.Marshal(some)
}

// Properties is the registration as a context source query sees it (clause 4.9): its members are properties. What may hold
// secrets is none.
func (r *Registration) Properties() *model.Entity {
	e := &model.Entity{ID: tribune.EntityID(r.ID), Attrs: map[tribune.Name][]model.Attr{}}
	for _, m := range r.doc {
		if m.name == "contextSourceInfo" {
			continue
		}
		value := m.raw
		var reified struct{ Value json.RawMessage }
		if !isMember(m.name) && json.Unmarshal(m.raw, &reified) == nil && reified.Value != nil {
			value = reified.Value
		}
		e.Attrs[tribune.Name(m.name)] = []model.Attr{{Kind: model.Property, Value: value}}
	}
	return e
}

// Property is the name of a property of context sources, in a query or subscription of names in a context.
func Property(names Names) func(term string) (tribune.Name, error) {
	return func(term string) (tribune.Name, error) {
		if name := short(term); isMember(name) {
			return tribune.Name(name), nil
		}
		return names.Expand(term)
	}
}

// typeLists is information in which every type is an array (clause 5.2.8 has both forms).
func typeLists(raw json.RawMessage) (json.RawMessage, error) {
	type entity struct {
		ID        string   `json:"id,omitempty"`
		IDPattern string   `json:"idPattern,omitempty"`
		Type      []string `json:"type"`
	}
	var in []wireInformation
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("writing information: %w", err)
	}
	out := make([]struct {
		Entities          []entity `json:"entities,omitempty"`
		PropertyNames     []string `json:"propertyNames,omitempty"`
		RelationshipNames []string `json:"relationshipNames,omitempty"`
	}, len(in))
	for i, info := range in {
		out[i].PropertyNames, out[i].RelationshipNames = info.PropertyNames, info.RelationshipNames
		for _, e := range info.Entities {
			out[i].Entities = append(out[i].Entities, entity{e.ID, e.IDPattern, e.Type})
		}
	}
	return json.Marshal(out)
}
