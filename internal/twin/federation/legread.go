package federation

import (
	"encoding/json"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
)

const nullURI = `"` + model.NullURI + `"`

// holders are the members that hold the value of an attribute, by type (clause 4.5).
var holders = map[string]string{
	"Property": "value", "GeoProperty": "value", "Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json",
	"ListProperty": "valueList", "ListRelationship": "objectList",
}

// arrival reads an entity of a notification (clause 5.8.6): what is there now, what was deleted, and previous values where they are told.
func arrival(c *jsonld.Context, element jsonld.Document, at time.Time) (a notify.Arrival, err error) {
	in := map[string]json.RawMessage{}
	if err := json.Unmarshal(element.Raw(), &in); err != nil {
		return a, err
	}
	a.At, a.Size = at, len(element.Raw())
	raw, deleted := in["deletedAt"]
	if s, ok := text(raw); ok {
		if t, ok := jsonld.Time(s); ok {
			a.At = t
		}
	}
	is, was := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	gone := map[tribune.Name][]model.Attr{}
	for term, raw := range in {
		switch term {
		case "id", "@id", "type", "@type", "scope", "createdAt", "modifiedAt", "expiresAt":
			is[term], was[term] = raw, raw
			continue
		case "@context", "deletedAt":
			continue
		}
		name, err := c.Attr(term)
		if err != nil {
			return a, err
		}
		now, before, ended := instances(raw)
		if len(now) > 0 {
			a.Updated = append(a.Updated, name)
			is[term] = asOne(now)
		} else if len(ended) > 0 {
			a.Deleted = append(a.Deleted, name)
		}
		if len(before) > 0 {
			was[term] = asOne(before)
		}
		if len(ended) > 0 {
			gone[name] = ended
		}
	}
	before, err := readMembers(c, was)
	if err != nil {
		return a, err
	}
	for name, list := range gone {
		for _, one := range list {
			if before.Instance(name, one.Dataset) == nil {
				before.Attrs[name] = append(before.Attrs[name], one)
			}
		}
	}
	if len(before.Attrs) > 0 || deleted {
		a.Before = &before
	}
	if deleted {
		for name := range before.Attrs {
			if len(gone[name]) == 0 {
				a.Deleted = append(a.Deleted, name)
			}
		}
		return a, nil
	}
	after, err := readMembers(c, is)
	a.After = &after
	return a, err
}

func readMembers(c *jsonld.Context, members map[string]json.RawMessage) (e model.Entity, err error) {
	raw, err := json.Marshal(members)
	if err != nil {
		return e, err
	}
	doc, err := jsonld.Read(raw)
	if err != nil {
		return e, err
	}
	return c.Answer(doc)
}

func asOne(all []json.RawMessage) json.RawMessage {
	if len(all) == 1 {
		return all[0]
	}
	out, _ := json.Marshal(all) // JSON that has been read
	return out
}

// instances takes an attribute apart: its instances of now, as they were before where that is told, and those that are gone.
func instances(raw json.RawMessage) (now, before []json.RawMessage, gone []model.Attr) {
	var list []map[string]json.RawMessage
	var one map[string]json.RawMessage
	switch {
	case string(raw) == nullURI:
		return nil, nil, []model.Attr{{Kind: model.Property, Value: []byte("true")}}
	case json.Unmarshal(raw, &one) == nil && one != nil:
		list = []map[string]json.RawMessage{one}
	case json.Unmarshal(raw, &list) != nil:
		return []json.RawMessage{raw}, nil, nil // concise: a value by itself
	}
	for _, i := range list {
		kind, _ := text(i["type"])
		holder := holders[kind]
		if holder == "" {
			kind, holder = "Property", "value"
		}
		previous := "previous" + strings.ToUpper(holder[:1]) + holder[1:]
		old, told := i[previous]
		delete(i, previous)
		if told {
			was := map[string]json.RawMessage{}
			for name, raw := range i {
				was[name] = raw
			}
			was[holder] = old
			if b, err := json.Marshal(was); err == nil {
				before = append(before, b)
			}
		}
		if isGone(i[holder]) {
			dataset, _ := text(i["datasetId"])
			gone = append(gone, model.Attr{Kind: model.Kind(kind), Dataset: dataset, Value: []byte("true")})
			continue
		}
		if b, err := json.Marshal(i); err == nil {
			now = append(now, b)
		}
	}
	return now, before, gone
}

// isGone reports whether a value is the NGSI-LD null (clauses 4.5 and 5.8.6).
func isGone(raw json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(raw)), "") {
	case nullURI, "[" + nullURI + "]", `{"@none":` + nullURI + `}`:
		return true
	}
	return false
}
