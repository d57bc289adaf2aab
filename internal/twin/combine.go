package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tribune"
	"tribune/internal/twin/model"
)

// combine lays a fragment over an instance. A sealed instance cannot be looked into: only a whole new one replaces it.
func combine(name tribune.Name, was *model.Attr, a model.Attr, deep bool) (model.Attr, error) {
	if was.Sealed != nil {
		if len(a.Value) == 0 || a.Kind == "" {
			return a, tribune.Hint(fmt.Errorf("%w: attribute %s is sealed and cannot be changed in part", tribune.ErrInvalid, name), "send the attribute whole, with type and value")
		}
		return a, nil
	}
	if a.Kind != "" && a.Kind != was.Kind {
		if deep && len(a.Value) > 0 {
			return a, nil
		}
		return a, tribune.Hint(fmt.Errorf("%w: attribute %s is a %s, not a %s", tribune.ErrInvalid, name, was.Kind, a.Kind), "delete the attribute to change its type")
	}
	out := *was
	if len(a.Value) > 0 {
		out.Value = a.Value
		if deep {
			out.Value = mergePatch(was.Value, a.Value, 0)
		}
	}
	if len(a.ObjectType) > 0 {
		out.ObjectType = a.ObjectType
	}
	if a.UnitCode != "" {
		out.UnitCode = a.UnitCode
	}
	if a.UnitCode == nullURI {
		out.UnitCode = ""
	}
	if !a.ObservedAt.IsZero() {
		out.ObservedAt = a.ObservedAt
	}
	out.Sub = maps.Clone(was.Sub)
	for sub, list := range a.Sub {
		for _, s := range list {
			rest := slices.DeleteFunc(slices.Clone(out.Sub[sub]), func(b model.Attr) bool { return b.Dataset == s.Dataset })
			if !s.Null() {
				rest = append(rest, s)
			}
			if out.Sub == nil {
				out.Sub = make(map[tribune.Name][]model.Attr, len(a.Sub))
			}
			if out.Sub[sub] = rest; len(rest) == 0 {
				delete(out.Sub, sub)
			}
		}
	}
	return out, nil
}

// nullURI stands for "delete this member" in JSON-LD, which drops JSON nulls (clause 4.5.0).
const nullURI = "urn:ngsi-ld:null"

// mergePatch is RFC 7396 with the NGSI-LD null beside null.
func mergePatch(target, patch json.RawMessage, depth int) json.RawMessage {
	var over, under map[string]json.RawMessage
	if depth > maxMergeDepth || json.Unmarshal(patch, &over) != nil || over == nil {
		return patch
	}
	if json.Unmarshal(target, &under) != nil || under == nil {
		under = make(map[string]json.RawMessage, len(over))
	}
	for k, v := range over {
		if v = bytes.TrimSpace(v); string(v) == "null" || string(v) == `"`+nullURI+`"` {
			delete(under, k)
		} else {
			under[k] = mergePatch(under[k], v, depth+1)
		}
	}
	out, err := json.Marshal(under)
	if err != nil {
		return patch
	}
	return out
}

const maxMergeDepth = 32
