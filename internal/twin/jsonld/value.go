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
	if bytes.Contains(val, []byte(model.NullURI)) {
		if whole, err := p.nulls(path, kind, val); whole || err != nil {
			return nullText, err
		}
	}
	switch kind {
	case model.GeoProperty:
		if s, ok := text(val); ok { // a geometry may be sent as a text that holds it (clause 4.7.2)
			d, err := Read([]byte(s))
			if err != nil {
				return nil, fault(path, "the value of a GeoProperty must be a GeoJSON geometry (clause 4.7)")
			}
			val = d.raw
		}
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
	case model.JSONProperty:
		if val[0] != '{' && val[0] != '[' {
			return nil, fault(path, "json must be an object or an array (clause 4.5.24)")
		}
	case model.ListProperty:
		if val[0] != '[' {
			return nil, fault(path, "a valueList must be an array (clause 4.5.21)")
		}
	case model.ListRelationship:
		return objectList(path, val)
	}
	return compact(val), nil
}

// nulls decides about a value that holds the NGSI-LD null somewhere (clause 5.5.4): as a whole it stands for deletion where the form
// has that, within a value only in a merge. It says whether the whole value is it.
func (p *parser) nulls(path string, kind model.Kind, val []byte) (whole bool, err error) {
	a := model.Attr{Kind: kind, Value: val}
	switch {
	case a.Null(), kind == model.ListRelationship && holdsNull(val):
		if !p.form.Nulls {
			return true, fault(path, "its value is urn:ngsi-ld:null, which stands for deletion in updates only (clause 4.5.0)")
		}
		return true, nil
	case kind != model.JSONProperty && !p.form.Merge && holdsNull(val):
		return false, fault(path, "its value holds urn:ngsi-ld:null, which stands for deletion in a merge only (clause 5.5.4)")
	}
	return false, nil
}

// holdsNull reports whether a member anywhere within a value is the NGSI-LD null.
func holdsNull(val []byte) (found bool) {
	switch val[0] {
	case '{':
		members(val, func(_ string, v []byte) error {
			found = found || bytes.Equal(v, nullText) || holdsNull(v)
			return nil
		})
	case '[':
		elements(val, func(v []byte) bool {
			found = holdsNull(v)
			return !found
		})
	}
	return found
}

func languages(val []byte) bool {
	if val[0] != '{' {
		return false
	}
	ok := true
	members(val, func(tag string, v []byte) error {
		_, isList := stringOrList(v)
		ok = ok && isList && (tag == "@none" || isLanguage(tag))
		return nil
	})
	return ok
}

// Language reports whether tag is a language tag, or "@none".
func Language(tag string) bool { return tag == "@none" || isLanguage(tag) }

// isLanguage holds a language tag against the characters and lengths of RFC 5646.
func isLanguage(tag string) bool {
	part := 0
	for i := range len(tag) {
		switch c := tag[i]; {
		case c == '-' && part > 0:
			part = 0
			continue
		case !letter(c) && (c < '0' || c > '9'):
			return false
		}
		if part++; part > 8 {
			return false
		}
	}
	return part > 0 && len(tag) <= 64
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
