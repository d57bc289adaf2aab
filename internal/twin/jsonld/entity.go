package jsonld

import (
	"fmt"

	"tribune"
	"tribune/internal/twin/model"
)

// Form says what a body may be.
type Form struct {
	// Part: a change of an entity that something else names. Id and type may be missing.
	Part bool

	// Nulls: the NGSI-LD null (urn:ngsi-ld:null) may stand for what is to be deleted (clause 5.5.4).
	Nulls bool

	// Fragment: a part with nulls whose attributes, too, may be parts: without their value.
	Fragment bool

	// Merge: a fragment that goes into values: nulls may stand within them (clause 5.5.12).
	Merge bool

	// Simplified: every attribute is its bare value (options=keyValues, format=simplified).
	Simplified bool
}

// maxAttrs bounds the attributes of one entity, instances included.
const maxAttrs = 1000

// Entity reads one entity: normalized, concise, or simplified where the form says so. Members the system makes itself
// (createdAt, modifiedAt...) are ignored, as the standard asks.
func (c *Context) Entity(d Document, form Form) (model.Entity, error) {
	var e model.Entity
	form = form.whole()
	if !d.IsObject() {
		return e, fmt.Errorf("%w: an entity is a JSON object", tribune.ErrInvalid)
	}
	p := &parser{ctx: c, form: form}
	e.Attrs = map[tribune.Name][]model.Attr{}
	err := members(d.raw, func(key string, val []byte) error {
		switch key {
		case "@context", "createdAt", "modifiedAt", "deletedAt":
			return nil
		case "id", "@id":
			return p.id(&e, val)
		case "type", "@type":
			return p.types(&e, key, val)
		case "scope":
			return p.scope(&e, val)
		case "expiresAt":
			return p.expires(&e, val)
		}
		name, err := c.memberName(key)
		if err != nil {
			return err
		}
		switch name {
		case "@id":
			return p.id(&e, val)
		case "@type":
			return p.types(&e, key, val)
		}
		attrs, err := p.attr(key, val)
		if err != nil {
			return err
		}
		if _, twice := e.Attrs[name]; twice {
			return fault(key, "two members of the entity mean the same attribute")
		}
		if place(name) && !allGeo(attrs) {
			return fault(key, "it is a GeoProperty (clause 4.7.1)")
		}
		e.Attrs[name] = attrs
		return nil
	})
	if err != nil {
		return e, err
	}
	if form.Part {
		return e, nil
	}
	if e.ID == "" {
		return e, fault("id", "an entity must have an id (clause 4.5.1)")
	}
	if len(e.Types) == 0 {
		return e, fault("type", "an entity must have a type (clause 4.5.1)")
	}
	return e, nil
}

// Attribute reads one attribute by itself, as PATCH .../attrs/{attr} sends it.
func (c *Context) Attribute(term string, d Document, form Form) (tribune.Name, []model.Attr, error) {
	name, err := c.memberName(term)
	if err != nil {
		return "", nil, err
	}
	p := &parser{ctx: c, form: form.whole(), body: true}
	attrs, err := p.attr(term, d.raw)
	return name, attrs, err
}

// attrName expands the name of an attribute. The standard's own members are none, whatever they are written as.
func (c *Context) attrName(term string) (tribune.Name, error) {
	if term != "" && term[0] == '@' {
		return "", fault(term, "a member of an entity may not be this JSON-LD keyword")
	}
	name, err := c.Expand(term)
	if err != nil {
		return "", fault(term, "its name is not one (clause 4.6.2): empty, too long, or with a space or special character in it")
	}
	if name != "@id" && name != "@type" && name[0] == '@' {
		return "", fault(term, "a member of an entity may not be this JSON-LD keyword")
	}
	switch name {
	case "https://uri.etsi.org/ngsi-ld/createdAt", "https://uri.etsi.org/ngsi-ld/modifiedAt", "https://uri.etsi.org/ngsi-ld/deletedAt":
		return "", fault(term, "the system makes this member itself (clause 4.8)")
	}
	return name, nil
}

// Attr is the IRI of an attribute that a query or a path names.
func (c *Context) Attr(term string) (tribune.Name, error) {
	name, err := c.attrName(term)
	if err == nil && name[0] == '@' {
		err = fault(term, "this is no attribute")
	}
	return name, err
}

// whole is the form with what it implies.
func (f Form) whole() Form {
	f.Fragment = f.Fragment || f.Merge
	f.Nulls = f.Nulls || f.Fragment
	f.Part = f.Part || f.Fragment
	return f
}

type parser struct {
	ctx   *Context
	form  Form
	body  bool // the attribute is the whole body: @context may stand in it
	count int  // attribute instances so far
}

func (p *parser) id(e *model.Entity, val []byte) error {
	s, ok := text(val)
	if !ok {
		s = ""
	}
	id, err := ID(s)
	if err != nil {
		return err
	}
	if e.ID != "" {
		return fault("id", "it stands there twice")
	}
	e.ID = id
	return nil
}

func (p *parser) types(e *model.Entity, key string, val []byte) error {
	if len(e.Types) > 0 {
		return fault(key, "it stands there twice")
	}
	names, err := p.names(key, val)
	e.Types = names
	return err
}

// names reads one term or an array of terms, expanded, each once.
func (p *parser) names(key string, val []byte) ([]tribune.Name, error) {
	list, ok := stringOrList(val)
	if !ok {
		return nil, fault(key, "it must be a name or an array of names (clause 4.5.1)")
	}
	seen := map[tribune.Name]bool{}
	var out []tribune.Name
	for _, s := range list {
		name, err := p.ctx.Expand(s)
		if err != nil || name[0] == '@' || name == model.NullURI {
			return nil, fault(key, "one of its names is not one (clause 4.6.2)")
		}
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out, nil
}

func (p *parser) scope(e *model.Entity, val []byte) error {
	list, ok := stringOrList(val)
	if p.form.Nulls && len(list) == 1 && list[0] == model.NullURI {
		e.Unset |= model.Scope
		return nil
	}
	if !ok {
		return fault("scope", "it must be a scope or an array of scopes (clause 4.18)")
	}
	for _, s := range list {
		if !isScope(s) {
			return fault("scope", "a scope is written /LEVEL/LEVEL, a level is letters, digits and underscores after a letter (clause 4.18)")
		}
	}
	e.Scope = list
	return nil
}

// stringOrList reads a string, or a non-empty array of strings.
func stringOrList(val []byte) ([]string, bool) {
	if s, ok := text(val); ok {
		return []string{s}, true
	}
	if val[0] != '[' {
		return nil, false
	}
	var list []string
	all := true
	elements(val, func(v []byte) bool {
		s, ok := text(v)
		all = all && ok
		list = append(list, s)
		return all && len(list) <= maxAttrs
	})
	return list, all && len(list) > 0
}
