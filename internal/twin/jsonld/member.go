package jsonld

import (
	"bytes"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// reserved are members of the standard that are no attributes, and so no names of any (clause 4.5.1).
func reserved(term string) bool {
	switch term {
	case "value", "object", "languageMap", "vocab", "json", "valueList", "objectList", "entity", "entityList",
		"datasetId", "instanceId", "observedAt", "expiresAt", "unitCode", "objectType", "valueType", "scope",
		"createdAt", "modifiedAt", "deletedAt", "entityIdSealed", "entityTypeSealed",
		"previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson", "previousValueList", "previousObjectList":
		return true
	}
	return false
}

// memberName is the IRI of an attribute that a body or a path of a change names.
func (c *Context) memberName(term string) (tribune.Name, error) {
	if reserved(strings.TrimPrefix(term, ngsi)) {
		return "", fault(term, "this member of the standard is no attribute (clause 4.5.1)")
	}
	return c.attrName(term)
}

const ngsi = "https://uri.etsi.org/ngsi-ld/"

// Target is the IRI of the attribute that the path of a change names.
func (c *Context) Target(term string) (tribune.Name, error) {
	name, err := c.memberName(term)
	if err == nil && name[0] == '@' {
		err = fault(term, "this is no attribute")
	}
	return name, err
}

// expires reads when the entity goes by itself.
func (p *parser) expires(e *model.Entity, val []byte) error {
	if p.form.Nulls && bytes.Equal(val, nullText) {
		e.Unset |= model.ExpiresAt
		return nil
	}
	var err error
	e.ExpiresAt, err = moment("expiresAt", val)
	return err
}

// moment reads a date and time.
func moment(path string, val []byte) (time.Time, error) {
	s, ok := text(val)
	t, valid := written(s)
	if !ok || !valid {
		return t, fault(path, "it must be a date and time in UTC, like 2026-01-02T03:04:05Z (clause 4.6.3)")
	}
	return t, nil
}

// proof reads a sub-attribute that is a bare text: what an ngsildproof says was sealed (clause 4.5.2).
func (p *parser) proof(path, key string, val []byte, into map[tribune.Name][]model.Attr) error {
	if !strings.HasSuffix(path, "ngsildproof") {
		return fault(path+"."+key, "only an ngsildproof has it (clause 4.5.2)")
	}
	if s, ok := text(val); !ok || s == "" {
		return fault(path+"."+key, "it must be a text (clause 4.5.2)")
	}
	a := model.Attr{Kind: model.Property, Value: compact(val), Rare: &model.Rare{Plain: true}}
	if key == "entityTypeSealed" { // a name: kept expanded
		var err error
		a.Kind = model.VocabProperty
		if a.Value, err = p.vocab(path+"."+key, val); err != nil {
			return err
		}
	}
	name, err := p.ctx.Expand(key)
	if err != nil {
		return fault(path+"."+key, "its name is not one (clause 4.6.2)")
	}
	into[name] = []model.Attr{a}
	return nil
}
