package twin

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// mergePatch is RFC 7396 with the NGSI-LD null beside null.
func mergePatch(target, patch json.RawMessage, depth int) json.RawMessage {
	if len(patch) == 0 || patch[0] != '{' || len(target) == 0 && !mayHoldNull(patch) {
		return patch
	}
	var over, under map[string]json.RawMessage
	if depth > maxMergeDepth || json.Unmarshal(patch, &over) != nil || over == nil {
		return patch
	}
	if json.Unmarshal(target, &under) != nil || under == nil {
		under = make(map[string]json.RawMessage, len(over))
	}
	for k, v := range over {
		if v = bytes.TrimSpace(v); string(v) == "null" || string(v) == `"`+model.NullURI+`"` {
			delete(under, k)
		} else {
			under[k] = mergePatch(under[k], v, depth+1)
		}
	}
	return appendJSON(nil, under)
}

const maxMergeDepth = 32

func mayHoldNull(v []byte) bool { return bytes.Contains(v, []byte("null")) }

// bareKind is the attribute type of a bare value.
func bareKind(v json.RawMessage) model.Kind {
	if len(v) > 0 && v[0] == '{' {
		if _, err := query.ParseGeometry(v); err == nil {
			return model.GeoProperty
		}
	}
	return model.Property
}

// fit makes a bare value one of the type that the instance has already (clause 5.6.17: a simplified attribute never changes
// the type). A text is the value of one language where the merge says which.
func fit(name tribune.Name, was *model.Attr, v json.RawMessage, lang string) (json.RawMessage, error) {
	bad := func(want string) error {
		return tribune.Hint(fmt.Errorf("%w: attribute %s is a %s; its value must be %s", tribune.ErrInvalid, name, was.Kind, want), "delete the attribute to change its type")
	}
	switch was.Kind {
	case model.GeoProperty:
		if bareKind(v) != model.GeoProperty {
			return nil, bad("a GeoJSON geometry")
		}
	case model.Relationship:
		if !texts(v) {
			return nil, bad("a URI or an array of URIs")
		}
	case model.LanguageProperty:
		if !texts(v) {
			return nil, bad("a text in the language that the parameter lang says, or {\"languageMap\": {...}}")
		}
		if lang == "" {
			return nil, tribune.Hint(bad("a languageMap"), "say with the parameter lang which language the text is in")
		}
		return appendJSON(nil, map[string]json.RawMessage{lang: v}), nil
	case model.VocabProperty:
		return nil, tribune.Hint(bad("a vocab"), `write {"vocab": NAME}`)
	case model.ListProperty:
		if v[0] != '[' {
			return nil, bad("an array")
		}
	case model.ListRelationship:
		if v[0] != '[' || !texts(v) {
			return nil, bad("an array of URIs")
		}
	case model.JSONProperty:
		if v[0] != '[' && v[0] != '{' {
			return nil, bad("a JSON object or array")
		}
	}
	return v, nil
}

// texts reports whether a value is a text or an array of texts.
func texts(v json.RawMessage) bool {
	var one string
	var list []string
	return json.Unmarshal(v, &one) == nil || json.Unmarshal(v, &list) == nil && list != nil
}
