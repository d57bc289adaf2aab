package api

import (
	"context"
	"encoding/json"
	"slices"

	"tribune"
)

// Who reads their own data is not told whom else they name (GDPR, articles 15(4) and 20(4)): a class says which of its attributes may.

// Withheld stands in the place of a value that may name another person.
const Withheld = "withheld: it may name another person"

// Own says whose own data a caller reads, where they do: what they are called besides, as far as somebody vouches for it. nil, false = the
// caller is an office.
type Own func(ctx context.Context, caller tribune.Caller) (names []string, own bool)

// minimise takes what may name others out of opened values.
func (a *api) minimise(ctx context.Context, caller tribune.Caller, spots []spot, values [][]byte) {
	if a.Own == nil {
		return
	}
	names, own := a.Own(ctx, caller)
	if !own || len(values) != len(spots) {
		return
	}
	for i, s := range spots {
		class, known := a.Class(s.sealed.Class)
		if !known { // nobody has said what it may name
			values[i] = without(values[i], s.attr, []tribune.Name{s.attr}, nil)
			continue
		}
		if len(class.Others) > 0 {
			values[i] = without(values[i], s.attr, class.Others, names)
		}
	}
}

// withheld keeps of an instance when it was, where it says so: histories are ordered by that.
func withheld(in map[string]json.RawMessage) []byte {
	out := map[string]any{"type": "Property", "value": Withheld}
	for _, member := range []string{"observedAt", "datasetId"} {
		if raw, there := in[member]; there {
			out[member] = raw
		}
	}
	text, _ := json.Marshal(out) // what was JSON is
	return text
}

// without is an attribute instance without what may name others, itself or below it.
func without(instance []byte, attr tribune.Name, others []tribune.Name, names []string) []byte {
	var in map[string]json.RawMessage
	if json.Unmarshal(instance, &in) != nil || in == nil {
		return withheld(nil)
	}
	if slices.Contains(others, attr) {
		var value string
		if json.Unmarshal(in["value"], &value) != nil || !slices.Contains(names, value) {
			return withheld(in)
		}
	}
	changed := false
	for member, raw := range in {
		if !isName(member) {
			continue // a member of the standard's own, and no sub-attribute
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			list = []json.RawMessage{raw}
		}
		fresh := make([]json.RawMessage, 0, len(list))
		for _, one := range list {
			fresh = append(fresh, without(one, tribune.Name(member), others, names))
		}
		if slices.EqualFunc(fresh, list, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			continue
		}
		changed = true
		if len(fresh) == 1 && raw[0] != '[' {
			in[member] = fresh[0]
		} else {
			in[member], _ = json.Marshal(fresh) // what was JSON is
		}
	}
	if !changed {
		return instance
	}
	out, err := json.Marshal(in)
	if err != nil {
		return withheld(in)
	}
	return out
}

// isName tells a sub-attribute, whose name is an IRI, from members of the standard.
func isName(member string) bool {
	for i := range len(member) {
		if member[i] == ':' {
			return true
		}
	}
	return false
}
