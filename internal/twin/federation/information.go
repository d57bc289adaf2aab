package federation

import (
	"encoding/json"
	"fmt"
	"regexp"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// wireInformation is clause 5.2.10 as JSON.
type wireInformation struct {
	Entities          []wireEntity `json:"entities,omitempty"`
	PropertyNames     []string     `json:"propertyNames,omitempty"`
	RelationshipNames []string     `json:"relationshipNames,omitempty"`
}

// wireEntity is clause 5.2.8 as JSON.
type wireEntity struct {
	ID        string   `json:"id,omitempty"`
	IDPattern string   `json:"idPattern,omitempty"`
	Type      oneOrAll `json:"type"`
}

// oneOrAll is a text, or an array of texts where there are more.
type oneOrAll []string

func (o *oneOrAll) UnmarshalJSON(raw []byte) error {
	if s, ok := text(raw); ok {
		*o = oneOrAll{s}
		return nil
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	*o = list
	return err
}

func (o oneOrAll) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// renamed is the member information with every name in it given another one.
func renamed(raw json.RawMessage, name func(string) (string, error)) (json.RawMessage, error) {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, bad("information", "it must be an array of objects that is not empty (clause 5.2.9)")
	}
	var in []wireInformation
	if json.Unmarshal(raw, &in) != nil {
		return nil, bad("information", "entities are objects, propertyNames and relationshipNames arrays of names (clause 5.2.10)")
	}
	n := 0
	for i := range in {
		if err := present(list[i]); err != nil {
			return nil, err
		}
		for _, names := range [][]string{in[i].PropertyNames, in[i].RelationshipNames} {
			if n += len(names); n > maxNames {
				return nil, tooMany("information", maxNames)
			}
			if err := rename(names, name); err != nil {
				return nil, err
			}
		}
		for j := range in[i].Entities {
			if n += len(in[i].Entities[j].Type); n > maxNames {
				return nil, tooMany("information", maxNames)
			}
			if err := rename(in[i].Entities[j].Type, name); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(in)
}

// present holds the members of one element against the cardinalities of clause 5.2.10.
func present(element map[string]json.RawMessage) error {
	some := false
	for _, name := range []string{"entities", "propertyNames", "relationshipNames"} {
		raw, ok := element[name]
		if !ok {
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			return bad(name, "it must be an array that is not empty (clause 5.2.10)")
		}
		some = true
	}
	if !some {
		return bad("information", "an element has entities, propertyNames or relationshipNames (clause 5.2.10)")
	}
	return nil
}

func rename(names []string, name func(string) (string, error)) (err error) {
	for i := range names {
		if names[i], err = name(names[i]); err != nil {
			return fmt.Errorf("attribute \"information\": %w", err)
		}
	}
	return nil
}

// expandInformation is the member information with expanded names.
func expandInformation(raw json.RawMessage, names Names) (json.RawMessage, error) {
	return renamed(raw, func(s string) (string, error) {
		n, err := names.Expand(s)
		return string(n), err
	})
}

// readInformation reads the member information, names expanded.
func readInformation(raw json.RawMessage) ([]Information, error) {
	var in []wireInformation
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, bad("information", "it must be an array of objects (clause 5.2.10)")
	}
	out := make([]Information, len(in))
	n := 0
	for i := range in {
		out[i].Properties, out[i].Relationships = expanded(in[i].PropertyNames), expanded(in[i].RelationshipNames)
		for _, w := range in[i].Entities {
			if n++; n > maxEntities {
				return nil, tooMany("entities", maxEntities)
			}
			e, err := w.read()
			if err != nil {
				return nil, err
			}
			out[i].Entities = append(out[i].Entities, e)
		}
	}
	return out, nil
}

func expanded(list []string) (out []tribune.Name) {
	for _, s := range list {
		out = append(out, tribune.Name(s))
	}
	return out
}

func (w *wireEntity) read() (e EntityInfo, err error) {
	if len(w.Type) == 0 {
		return e, bad("type", "an element of entities has one or more types (clause 5.2.8)")
	}
	e.Types = expanded(w.Type)
	if w.ID != "" {
		if e.ID, err = jsonld.ID(w.ID); err != nil {
			return e, err
		}
	}
	if w.IDPattern != "" {
		var p *regexp.Regexp
		if p, err = pattern(w.IDPattern); err != nil {
			return e, err
		}
		e.IDPattern = p
	}
	return e, nil
}
