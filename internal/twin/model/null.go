package model

import (
	"bytes"
	"encoding/json"
)

// null is the NGSI-LD null as a JSON string.
const null = `"` + NullURI + `"`

// Null reports whether the instance asks for its own deletion (clause 4.5.0): its value is the NGSI-LD null, a list holds
// nothing but it, or a language map has it as its default.
func (a *Attr) Null() bool {
	switch {
	case len(a.Value) < len(null) || !bytes.Contains(a.Value, []byte(NullURI)):
		return false
	case string(bytes.TrimSpace(a.Value)) == null:
		return true
	}
	switch a.Kind {
	case LanguageProperty:
		var tags map[string]json.RawMessage
		return json.Unmarshal(a.Value, &tags) == nil && len(tags) == 1 && string(tags["@none"]) == null
	case ListProperty, ListRelationship, Relationship, VocabProperty, "":
		var list []json.RawMessage
		return json.Unmarshal(a.Value, &list) == nil && len(list) == 1 && string(list[0]) == null
	}
	return false
}
