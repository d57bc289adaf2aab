package jsonld

import "tribune/internal/twin/model"

// simplified reads an attribute in the simplified representation (clause 4.5.4): its bare value, or {"dataset": {...}} with the
// values by datasetId.
func (p *parser) simplified(path string, val []byte) ([]model.Attr, error) {
	inner := only(val, "dataset")
	if inner == nil || inner[0] != '{' || !datasets(inner) {
		a, err := p.simple(path, val)
		return []model.Attr{a}, err
	}
	var all []model.Attr
	err := members(inner, func(id string, v []byte) error {
		if isNull(v) {
			return fault(path, "one of its values is null (clause 4.5.0)")
		}
		a, err := p.simple(path, v)
		if id != "@none" {
			a.Dataset = id
		}
		all = append(all, a)
		return err
	})
	return all, err
}

// datasets reports whether all members of an object are named by datasetIds.
func datasets(obj []byte) bool {
	n, all := 0, true
	members(obj, func(key string, _ []byte) error {
		n++
		all = all && (key == "@none" || isURI(key))
		return nil
	})
	return all && n > 0
}

// simple reads one value. Three kinds say what they are, in an object of one member.
func (p *parser) simple(path string, val []byte) (model.Attr, error) {
	for _, h := range holders {
		switch h.kind {
		case model.LanguageProperty, model.VocabProperty, model.JSONProperty:
			if inner := only(val, h.member); inner != nil {
				if p.count++; p.count > maxAttrs {
					return model.Attr{}, fault(path, "an entity may have at most %d attribute instances here", maxAttrs)
				}
				value, err := p.value(path, h.kind, inner)
				return model.Attr{Kind: h.kind, Value: value}, err
			}
		}
	}
	return p.bare(path, val)
}

// only is the value of the one member that an object has, if that is its name.
func only(obj []byte, name string) (val []byte) {
	if obj[0] != '{' {
		return nil
	}
	n := 0
	members(obj, func(key string, v []byte) error {
		if n++; key == name {
			val = v
		}
		return nil
	})
	if n != 1 {
		return nil
	}
	return val
}
