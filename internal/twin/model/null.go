package model

import (
	"bytes"
	"encoding/json"
)

// null is the URI that stands for "delete this member" (clause 4.5.0): JSON-LD drops JSON nulls.
const null = `"urn:ngsi-ld:null"`

// Null reports whether the instance asks for its own deletion: its value is the NGSI-LD null, or its language map
// holds nothing but it.
func (a *Attr) Null() bool {
	if a.Kind == LanguageProperty {
		var tags map[string]json.RawMessage
		if json.Unmarshal(a.Value, &tags) != nil || len(tags) != 1 {
			return false
		}
		return string(tags["@none"]) == null
	}
	return string(bytes.TrimSpace(a.Value)) == null
}
