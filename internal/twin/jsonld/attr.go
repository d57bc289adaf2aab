package jsonld

import (
	"strings"

	"tribune"
	"tribune/internal/twin/model"
)

// holders are the members that hold an attribute's value, and which attribute type each belongs to.
var holders = [...]struct {
	member string
	kind   model.Kind
	clause string
}{
	{"value", model.Property, "4.5.2"},
	{"object", model.Relationship, "4.5.3"},
	{"languageMap", model.LanguageProperty, "4.5.18"},
	{"vocab", model.VocabProperty, "4.5.20"},
	{"json", model.JSONProperty, "4.5.24"},
	{"valueList", model.ListProperty, "4.5.21"},
	{"objectList", model.ListRelationship, "4.5.22"},
}

// holderOf is the member that holds the value of a kind.
func holderOf(kind model.Kind) (member, clause string) {
	if kind == model.GeoProperty {
		return "value", "4.5.2"
	}
	for _, h := range holders {
		if h.kind == kind {
			return h.member, h.clause
		}
	}
	return "", ""
}

// instance is one attribute object before it is understood: JSON has no order, so its type may come last.
type instance struct {
	typ, observedAt, unitCode, datasetID, objectType, expiresAt, valueType []byte
	held                                                                   [len(holders)][]byte
	sub                                                                    map[tribune.Name][]model.Attr
	known                                                                  bool // it has a member that only attributes have
}

// attr reads what stands behind an attribute's name: one instance, an array of instances, or a bare value (concise
// and simplified representations, clauses 4.5.4 and 4.5.23).
func (p *parser) attr(path string, val []byte) ([]model.Attr, error) {
	if isNull(val) {
		return nil, fault(path, `it is null; to delete it send "urn:ngsi-ld:null" in an update (clause 4.5.0)`)
	}
	if p.form.Simplified {
		return p.simplified(path, val)
	}
	if val[0] != '[' {
		a, err := p.one(path, val)
		return []model.Attr{a}, err
	}
	if !instances(val) {
		a, err := p.bare(path, val)
		return []model.Attr{a}, err
	}
	var all []model.Attr
	var err error
	elements(val, func(v []byte) bool {
		var a model.Attr
		if a, err = p.one(path, v); err != nil {
			return false
		}
		for _, other := range all {
			if other.Dataset == a.Dataset {
				err = fault(path, "two of its instances have the same datasetId, or none (clause 4.5.5)")
				return false
			}
		}
		all = append(all, a)
		return true
	})
	return all, err
}

// one reads a single instance.
func (p *parser) one(path string, val []byte) (model.Attr, error) {
	if isNull(val) {
		return model.Attr{}, fault(path, `it is null; to delete it send "urn:ngsi-ld:null" in an update (clause 4.5.0)`)
	}
	if val[0] != '{' {
		return p.bare(path, val)
	}
	if typ := geometryOf(val); typ != "" {
		return p.bare(path, val)
	}
	if p.count++; p.count > maxAttrs {
		return model.Attr{}, fault(path, "an entity may have at most %d attribute instances here", maxAttrs)
	}
	whole := p.body
	in, err := p.instance(path, val)
	if err != nil {
		return model.Attr{}, err
	}
	kind, err := p.kind(path, &in)
	if err != nil {
		return model.Attr{}, err
	}
	if kind == "" && !in.known && !(p.form.Fragment && (whole || hasInstance(val))) { // concise: an object that is a value
		p.count--
		return p.bare(path, val)
	}
	return p.build(path, &in, kind)
}

// bare reads a value without its attribute around it.
func (p *parser) bare(path string, val []byte) (model.Attr, error) {
	if p.count++; p.count > maxAttrs {
		return model.Attr{}, fault(path, "an entity may have at most %d attribute instances here", maxAttrs)
	}
	kind := model.Property
	if val[0] == '{' && geometryOf(val) != "" {
		kind = model.GeoProperty
	}
	value, err := p.value(path, kind, val)
	if p.form.Fragment { // the attribute that is there says what kind the value is
		kind = ""
	}
	return model.Attr{Kind: kind, Value: value}, err
}

// instance sorts an attribute object's members; what is none of the standard's is a sub-attribute.
func (p *parser) instance(path string, val []byte) (instance, error) {
	var in instance
	whole := p.body
	p.body = false
	err := members(val, func(key string, v []byte) error {
		switch key {
		case "type", "@type":
			in.typ = v
			return nil
		case "observedAt":
			in.observedAt, in.known = v, true
			return nil
		case "unitCode":
			in.unitCode, in.known = v, true
			return nil
		case "datasetId":
			in.datasetID, in.known = v, true
			return nil
		case "objectType":
			in.objectType, in.known = v, true
			return nil
		case "expiresAt":
			in.expiresAt, in.known = v, true
			return nil
		case "valueType":
			in.valueType, in.known = v, true
			return nil
		case "createdAt", "modifiedAt", "deletedAt", "instanceId", "lang", "entity", "entityList",
			"previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson", "previousValueList", "previousObjectList":
			in.known = true // made by the system; ignored (clause 4.8)
			return nil
		case "@context":
			if whole {
				return nil
			}
		}
		for i, h := range holders {
			if h.member == key {
				in.held[i], in.known = v, true
				return nil
			}
		}
		if in.sub == nil {
			in.sub = map[tribune.Name][]model.Attr{}
		}
		if key == "entityIdSealed" || key == "entityTypeSealed" {
			return p.proof(path, key, v, in.sub)
		}
		return p.subAttr(path+"."+key, key, v, in.sub)
	})
	if err == nil || in.known || in.typ != nil {
		return in, err
	}
	// What could not be read as sub-attributes may still be a concise value; attributes have a type or a member of
	// their own.
	plain := true
	members(val, func(key string, v []byte) error {
		for _, h := range holders {
			plain = plain && key != h.member
		}
		plain = plain && key != "type" && key != "@type"
		return nil
	})
	if plain {
		return instance{}, nil
	}
	return in, err
}

func (p *parser) subAttr(path, key string, val []byte, into map[tribune.Name][]model.Attr) error {
	if reserved(key) {
		return fault(path, "this member of the standard is no attribute (clause 4.5.1)")
	}
	name, err := p.ctx.attrName(key)
	if err != nil || name[0] == '@' {
		return fault(path, "its name is not one (clause 4.6.2): empty, too long, or with a space or special character in it")
	}
	attrs, err := p.attr(path, val)
	if err != nil {
		return err
	}
	if _, twice := into[name]; twice {
		return fault(path, "two members mean the same attribute")
	}
	into[name] = attrs
	return nil
}

// kindOf is the attribute type that a type member says, "" for none. White space around it is forgiven: real data have
// it ("Property "), and it can mean nothing else.
func kindOf(s string) model.Kind {
	switch k := model.Kind(strings.TrimPrefix(strings.TrimSpace(s), "https://uri.etsi.org/ngsi-ld/")); k {
	case model.Property, model.GeoProperty, model.LanguageProperty, model.VocabProperty, model.JSONProperty,
		model.ListProperty, model.Relationship, model.ListRelationship:
		return k
	}
	return ""
}

// kind decides what an instance is. "" without an error: nothing says so.
func (p *parser) kind(path string, in *instance) (model.Kind, error) {
	var holder string
	var inferred model.Kind
	for i, h := range holders {
		if in.held[i] == nil {
			continue
		}
		if holder != "" {
			return "", fault(path, "it has both %q and %q; an attribute holds one of them (clause %s)", holder, h.member, h.clause)
		}
		holder, inferred = h.member, h.kind
	}
	if holder == "value" && in.held[0][0] == '{' && geometryOf(in.held[0]) != "" {
		inferred = model.GeoProperty
	}
	if in.typ == nil {
		return inferred, nil
	}
	said, ok := text(in.typ)
	kind := kindOf(said)
	if !ok || kind == "" {
		return "", fault(path, "its type %q is none of Property, GeoProperty, LanguageProperty, VocabProperty, JsonProperty, ListProperty, Relationship, ListRelationship (clause 4.5.1)", short(said))
	}
	need, clause := holderOf(kind)
	switch {
	case holder == need:
		return kind, nil
	case holder != "":
		return "", fault(path, "a %s holds %q, not %q (clause %s)", kind, need, holder, clause)
	case !p.form.Fragment:
		return "", fault(path, "a %s must have %q (clause %s)", kind, need, clause)
	}
	return kind, nil
}
