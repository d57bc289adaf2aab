package jsonld

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
)

// Copy says what becomes of a body that is passed on to another broker.
type Copy struct {
	From, To *Context                // names are written in From, and will be in To
	Keep     func(tribune.Name) bool // which attributes of an entity; nil = all
	Context  json.RawMessage         // the @context to put into the copy; nil = none
	Form     Form                    // of the body: what in it is an attribute and what a value depends on it
	Amend    *Amendment              // for an earlier version of the standard (clause 4.3.6.8); nil = as it is
}

// Entity appends a copy of an entity or entity fragment that Context.Entity has accepted. What it says is not changed: neither its
// representation nor what it deletes.
func (c *Copy) Entity(b []byte, d Document) []byte {
	b = append(b, '{')
	members(d.raw, func(key string, val []byte) error {
		val, goes := c.ofEntity(key, val)
		if !goes {
			return nil
		}
		switch key {
		case "@context":
			return nil
		case "id", "@id", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt":
			b = append(c.key(b, key), val...)
			return nil
		case "type", "@type":
			b = c.names(c.key(b, key), val)
			return nil
		}
		name, err := c.From.attrName(key)
		switch {
		case err != nil:
		case name == "@type":
			b = c.names(c.key(b, "type"), val)
		case name == "@id":
			b = append(c.key(b, "id"), val...)
		case c.Keep == nil || c.Keep(name):
			b = c.attr(c.key(b, c.term(key, name)), val)
		}
		return nil
	})
	return c.end(b)
}

// Attribute appends a copy of the body of one attribute, or of a fragment of it.
func (c *Copy) Attribute(b []byte, d Document) []byte {
	if !d.IsObject() {
		return c.attr(b, d.raw)
	}
	b = append(b, '{')
	members(d.raw, func(key string, val []byte) error {
		if key != "@context" {
			b = c.member(b, key, val)
		}
		return nil
	})
	return c.end(b)
}

// Instance appends a fragment of a temporal evolution with one instance of one attribute, which d is a body of.
func (c *Copy) Instance(b []byte, term string, d Document) []byte {
	alone := *c
	alone.Context = nil
	b = append(c.key(append(b, '{'), term), '[')
	return c.end(append(alone.Attribute(b, d), ']'))
}

func (c *Copy) end(b []byte) []byte {
	if c.Context != nil {
		b = append(c.key(b, "@context"), c.Context...)
	}
	return append(b, '}')
}

func (c *Copy) key(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(c.quote(b, key), ':')
}

func (c *Copy) quote(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // it comes from a document that is valid UTF-8
	return b
}

// term is how To writes a name that From writes as key.
func (c *Copy) term(key string, name tribune.Name) string {
	if c.From == c.To {
		return key
	}
	return c.To.Compact(name)
}

// attr copies what stands behind an attribute's name.
func (c *Copy) attr(b, val []byte) []byte {
	if c.verbatim() {
		return append(b, val...)
	}
	switch val[0] {
	case '[':
		if !instances(val) {
			return append(b, val...)
		}
		b = append(b, '[')
		for i, v := range c.instancesOf(val) {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.attr(b, v)
		}
		return append(b, ']')
	case '{':
		if c.value(val) {
			return append(b, val...)
		}
		b = append(b, '{')
		members(val, func(key string, v []byte) error {
			b = c.member(b, key, v)
			return nil
		})
		return append(b, '}')
	}
	return append(b, val...)
}

// value reports whether an object is read as a value that stands for its attribute, in which nothing is a name.
func (c *Copy) value(val []byte) bool {
	p := &parser{ctx: c.From, form: c.Form.whole()}
	a, err := p.one("", val)
	return err != nil || bytes.Equal(a.Value, compact(val))
}

// member copies a member of an attribute: the standard's own as they are, but for values that are names; all others are
// sub-attributes.
func (c *Copy) member(b []byte, key string, val []byte) []byte {
	was := key
	key, val, goes := c.ofAttr(key, val)
	if !goes {
		return b
	}
	if was != key {
		return append(c.key(b, key), val...)
	}
	switch key {
	case "vocab", "objectType", "valueType":
		return c.names(c.key(b, key), val)
	}
	if own(key) {
		return append(c.key(b, key), val...)
	}
	name, err := c.From.attrName(key)
	if err != nil {
		return append(c.key(b, key), val...)
	}
	return c.attr(c.key(b, c.term(key, name)), val)
}

// own reports whether a member of an attribute is the standard's, not a sub-attribute.
func own(key string) bool {
	switch key {
	case "type", "@type", "datasetId", "observedAt", "unitCode", "createdAt", "modifiedAt", "deletedAt", "expiresAt", "instanceId", "lang", "entity", "entityList",
		"previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson", "previousValueList", "previousObjectList":
		return true
	}
	for _, h := range holders {
		if h.member == key {
			return true
		}
	}
	return false
}

// names copies a name or an array of names.
func (c *Copy) names(b, val []byte) []byte {
	list, ok := stringOrList(val)
	if c.From == c.To || !ok {
		return append(b, val...)
	}
	for i, s := range list {
		if name, err := c.From.Expand(s); err == nil {
			list[i] = c.To.Compact(name)
		}
	}
	if val[0] != '[' {
		return c.quote(b, list[0])
	}
	for i, s := range list {
		b = c.quote(append(b, separator(i)...), s)
	}
	return append(b, ']')
}
