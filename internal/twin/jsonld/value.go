package jsonld

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"tribune/internal/twin/model"
)

// value checks what an attribute of a kind holds and copies it: the body is not kept alive by one number of it.
func (p *parser) value(path string, kind model.Kind, val []byte) (json.RawMessage, error) {
	if kind != model.JSONProperty && isNull(val) {
		return nil, fault(path, "its value is null, which JSON-LD drops (clause 4.5.0)")
	}
	if bytes.Equal(val, nullText) {
		if p.form.Part || p.form.Fragment {
			return nullText, nil
		}
		return nil, fault(path, "its value is urn:ngsi-ld:null, which stands for deletion in updates only (clause 4.5.0)")
	}
	switch kind {
	case model.GeoProperty:
		if err := geometry(val); err != "" {
			return nil, fault(path, "%s", err)
		}
	case model.Relationship:
		list, ok := stringOrList(val)
		for _, s := range list {
			ok = ok && isURI(s)
		}
		if !ok {
			return nil, fault(path, "the object of a Relationship must be a URI, or an array of URIs (clause 4.5.3)")
		}
	case model.LanguageProperty:
		if !languages(val) {
			return nil, fault(path, "a languageMap must map language tags to texts (clause 4.5.18)")
		}
	case model.VocabProperty:
		return p.vocab(path, val)
	case model.ListProperty:
		if val[0] != '[' {
			return nil, fault(path, "a valueList must be an array (clause 4.5.21)")
		}
	case model.ListRelationship:
		return objectList(path, val)
	}
	return compact(val), nil
}

func languages(val []byte) bool {
	if val[0] != '{' {
		return false
	}
	ok := true
	members(val, func(tag string, v []byte) error {
		_, isList := stringOrList(v)
		ok = ok && isList && tag != "" && len(tag) <= 64
		return nil
	})
	return ok
}

// vocab values are names: they are kept expanded, so that equal things are equal whatever context they came in.
func (p *parser) vocab(path string, val []byte) (json.RawMessage, error) {
	list, ok := stringOrList(val)
	if !ok {
		return nil, fault(path, "a vocab must be a name or an array of names (clause 4.5.20)")
	}
	for i, s := range list {
		name, err := p.ctx.Expand(s)
		if err != nil {
			return nil, fault(path, "a vocab must be a name or an array of names (clause 4.5.20)")
		}
		list[i] = string(name)
	}
	if val[0] != '[' {
		return jsontext.AppendQuote(nil, list[0])
	}
	return json.Marshal(list)
}

// objectList is kept as an array of URIs; {"object": URI} and URI are two ways to write an element.
func objectList(path string, val []byte) (json.RawMessage, error) {
	bad := fault(path, `an objectList must be an array of {"object": URI} (clause 4.5.22)`)
	if val[0] != '[' {
		return nil, bad
	}
	uris, ok := []string{}, true
	elements(val, func(v []byte) bool {
		s, isText := text(v)
		if v[0] == '{' {
			isText = false
			members(v, func(key string, inner []byte) error {
				if key == "object" {
					s, isText = text(inner)
				}
				return nil
			})
		}
		ok = ok && isText && isURI(s)
		uris = append(uris, s)
		return ok
	})
	if !ok {
		return nil, bad
	}
	return json.Marshal(uris)
}
