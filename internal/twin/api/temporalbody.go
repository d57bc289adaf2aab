package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// pastBodyParams are the members of a Query (clause 5.2.23) about the past as the parameters that GET has for them, beside
// those that stand in the URL; and its entity selectors.
func pastBodyParams(doc jsonld.Document, inURL params) (params, []selectorBody, error) {
	p := params{}
	var selectors []selectorBody
	maps.Copy(p, inURL)
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(doc.Raw(), &raw); err != nil {
		return nil, nil, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
	}
	for name, val := range raw {
		var err error
		switch name {
		case "@context":
		case "type":
			if string(val) != `"Query"` {
				err = fmt.Errorf(`%w: attribute "type": it must be "Query" (clause 5.2.23)`, tribune.ErrInvalid)
			}
		case "entities":
			selectors, err = pastSelectors(val)
		case "geoQ":
			err = p.members(val, "geometry", "georel", "geoproperty", "coordinates")
		case "temporalQ":
			err = p.members(val, "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration")
		case "aggrParams":
			err = p.members(val, "aggrMethods", "aggrPeriodDuration")
		case "ordering":
			err = p.members(val, "orderBy", "collation")
		case "q", "attrs", "pick", "omit", "lang", "scopeQ", "csf", "datasetId", "expandValues", "jsonKeys", "splitEntities", "entityMap", "entityMapLifetime":
			err = p.member(name, val)
		default:
			err = fmt.Errorf("%w: a member of the query is not known (clause 5.2.23)", tribune.ErrInvalid)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if _, ok := raw["type"]; !ok {
		return nil, nil, fmt.Errorf(`%w: attribute "type": it must be "Query" (clause 5.2.23)`, tribune.ErrInvalid)
	}
	if _, ok := p["aggrMethods"]; ok && p["format"] == "" && p["options"] == "" {
		p["format"] = "aggregatedValues" // there is no other reason to say it
	}
	return p, selectors, nil
}

// members reads an object's members, each of them known.
func (p params) members(val json.RawMessage, known ...string) error {
	var raw map[string]json.RawMessage
	if json.Unmarshal(val, &raw) != nil || raw == nil {
		return fmt.Errorf("%w: a part of the query must be an object with the members %s (clause 5.2.23)", tribune.ErrInvalid, strings.Join(known, ", "))
	}
	for name, val := range raw {
		if name == "type" || name == "@type" {
			continue
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: a member of the query is not known (clause 5.2.23)", tribune.ErrInvalid)
		}
		if err := p.member(name, val); err != nil {
			return err
		}
	}
	return nil
}

// member reads a text, an array of texts as a list, or any other JSON as it stands.
func (p params) member(name string, val json.RawMessage) error {
	var text string
	var list []string
	switch {
	case json.Unmarshal(val, &text) == nil && val[0] == '"':
	case name != "coordinates" && json.Unmarshal(val, &list) == nil && val[0] == '[':
		if len(list) == 0 || len(list) > maxNames {
			return fmt.Errorf("%w: attribute %q: a list of 1 to %d (clause 5.2.23)", tribune.ErrInvalid, name, maxNames)
		}
		text = strings.Join(list, ",")
	case val[0] == '{' || val[0] == 'n':
		return fmt.Errorf("%w: attribute %q: it is not as clause 5.2.23 wants it", tribune.ErrInvalid, name)
	default:
		text = string(val)
	}
	p[name] = text
	return nil
}

// pastSelectors reads entity selectors (clause 5.2.33).
func pastSelectors(val json.RawMessage) (all []selectorBody, err error) {
	if json.Unmarshal(val, &all) != nil || len(all) == 0 || len(all) > maxSelectors {
		return nil, fmt.Errorf(`%w: attribute "entities": an array of 1 to %d entity selectors (clause 5.2.33)`, tribune.ErrInvalid, maxSelectors)
	}
	for i := range all {
		if all[i].Type == "" {
			return nil, fmt.Errorf(`%w: attribute "entities": each must name a type (clause 5.2.33)`, tribune.ErrInvalid)
		}
	}
	return all, nil
}
