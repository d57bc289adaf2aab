package jsonld

import "encoding/json"

// What a copy leaves out, or says otherwise, for a broker that knows an earlier version of the standard (tables 4.3.6.8-1 to 3). It works on
// the text: what a body deletes, and members that no version knows, stay as they are.

// older reports whether the other broker does not know what came with a version.
func (c *Copy) older(came version) bool { return c.Amend != nil && c.Amend.version.before(came) }

// kinds are the attributes that an earlier version knows as others: since when they are there, which member holds the value, and where it
// goes.
var kinds = []struct {
	kind, member string
	came         version
	as, to       string
}{
	{"LanguageProperty", "languageMap", version{1, 4}, "Property", "value"},
	{"JsonProperty", "json", version{1, 8}, "Property", "value"},
	{"VocabProperty", "vocab", version{1, 8}, "Property", "value"},
	{"ListProperty", "valueList", version{1, 8}, "Property", "value"},
	{"ListRelationship", "objectList", version{1, 8}, "Relationship", "object"},
}

// ofEntity reports whether a member of an entity that is no attribute goes into the copy, and what of it.
func (c *Copy) ofEntity(key string, val []byte) ([]byte, bool) {
	switch key {
	case "expiresAt":
		return val, !c.older(version{1, 9})
	case "scope":
		return val, !c.older(version{1, 4})
	case "type", "@type":
		if list, ok := stringOrList(val); ok && len(list) > 1 && val[0] == '[' && c.older(version{1, 3}) {
			return c.quote(nil, list[0]), true
		}
	}
	return val, true
}

// ofAttr reports whether a member of an attribute goes into the copy, and as what.
func (c *Copy) ofAttr(key string, val []byte) (string, []byte, bool) {
	if c.Amend == nil {
		return key, val, true
	}
	switch key {
	case "datasetId", "observedAt", "unitCode":
		return key, val, !c.older(version{1, 3})
	case "objectType":
		return key, val, !c.older(version{1, 8})
	case "valueType", "expiresAt":
		return key, val, !c.older(version{1, 9})
	case "type", "@type":
		var text string
		if json.Unmarshal(val, &text) != nil {
			return key, val, true
		}
		for _, k := range kinds {
			if k.kind == text && c.older(k.came) {
				return key, c.quote(nil, k.as), true
			}
		}
		return key, val, true
	}
	for _, k := range kinds {
		if k.member == key && c.older(k.came) {
			switch key {
			case "vocab":
				val = c.names(nil, val)
			case "objectList":
				val = c.objects(val)
			}
			return k.to, val, true
		}
	}
	return key, val, true
}

// objects are the URIs of an objectList, whose elements may be objects with a member object.
func (c *Copy) objects(val []byte) []byte {
	b := []byte{'['}
	if len(val) == 0 || val[0] != '[' {
		return val
	}
	elements(val, func(v []byte) bool {
		if len(b) > 1 {
			b = append(b, ',')
		}
		var one struct {
			Object json.RawMessage `json:"object"`
		}
		if v[0] == '{' && json.Unmarshal(v, &one) == nil && len(one.Object) > 0 {
			v = one.Object
		}
		b = append(b, v...)
		return true
	})
	return append(b, ']')
}

// instancesOf are the instances of an attribute that go into the copy: for brokers that know no datasetId those without one, and where all have
// one the first.
func (c *Copy) instancesOf(val []byte) (out [][]byte) {
	var all [][]byte
	elements(val, func(v []byte) bool {
		all = append(all, v)
		return true
	})
	if len(all) < 2 || !c.older(version{1, 3}) {
		return all
	}
	for _, v := range all {
		if !hasMember(v, "datasetId") {
			out = append(out, v)
		}
	}
	if out == nil {
		out = all[:1]
	}
	return out
}

func hasMember(val []byte, key string) bool {
	found := false
	if len(val) > 0 && val[0] == '{' {
		members(val, func(k string, _ []byte) error {
			found = found || k == key
			return nil
		})
	}
	return found
}

// verbatim reports whether attributes go into the copy as they are.
func (c *Copy) verbatim() bool { return c.Form.Simplified || c.From == c.To && c.Amend == nil }
