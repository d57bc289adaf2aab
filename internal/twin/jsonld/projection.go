package jsonld

import (
	"fmt"
	"slices"
	"strings"

	"tribune"
)

// Projection is a list of members of an entity that are picked or omitted (clause 4.21), read by Context.Projection.
//
//	term = name [ "{" term "}" ] *( ( "," / "|" ) term )
//
// A name is id, type, scope or that of an attribute; braces choose among the members of the entities that the attribute
// links to.
type Projection struct {
	ID, Type, Scope bool
	Attrs           []Projected // in the order they were named
}

// Projected is an attribute of a projection.
type Projected struct {
	Name   tribune.Name
	Linked *Projection // of the entities it links to; nil where there are no braces
}

// Bounds of a projection: attributes in all, and braces in braces.
const (
	maxProjected  = 200
	maxProjection = 16 << 10
	maxBraces     = 16
)

// Projection reads a projection. A name that stands there twice is refused: one of the two would be ignored.
func (c *Context) Projection(text string) (*Projection, error) {
	if len(text) > maxProjection {
		return nil, fmt.Errorf("%w: a projection of %d bytes", tribune.ErrTooLarge, len(text))
	}
	r := &projectionReader{ctx: c, rest: text}
	p, err := r.terms(0)
	if err == nil && r.rest != "" {
		err = r.bad()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

type projectionReader struct {
	ctx   *Context
	rest  string
	count int
}

func (r *projectionReader) bad() error {
	return tribune.Hint(fmt.Errorf("%w: a projection is a list of names, each perhaps with names in braces (clause 4.21)", tribune.ErrInvalid),
		"Like id,name or id,isParked{name,location}.")
}

// terms reads up to the end or the brace that closes them.
func (r *projectionReader) terms(depth int) (*Projection, error) {
	if depth > maxBraces {
		return nil, fmt.Errorf("%w: a projection has more than %d braces within each other", tribune.ErrTooLarge, maxBraces)
	}
	p := &Projection{}
	for {
		if err := r.term(p, depth); err != nil {
			return nil, err
		}
		if r.rest == "" || r.rest[0] == '}' {
			return p, nil
		}
		if r.rest[0] != ',' && r.rest[0] != '|' {
			return nil, r.bad()
		}
		r.rest = r.rest[1:]
	}
}

func (r *projectionReader) term(p *Projection, depth int) error {
	end := strings.IndexAny(r.rest, ",|{}")
	if end < 0 {
		end = len(r.rest)
	}
	term := strings.TrimSpace(r.rest[:end])
	r.rest = r.rest[end:]
	if term == "" || strings.ContainsAny(term, ";\"'()<>^`\\ ") {
		return r.bad()
	}
	braces := r.rest != "" && r.rest[0] == '{'
	if member := p.member(term); member != nil {
		if *member || braces {
			return r.bad()
		}
		*member = true
		return nil
	}
	if r.count++; r.count > maxProjected {
		return fmt.Errorf("%w: a projection names more than %d attributes", tribune.ErrTooLarge, maxProjected)
	}
	name, err := r.ctx.Attr(term)
	if err != nil {
		return err
	}
	if p.find(name) != nil {
		return fmt.Errorf("%w: a projection names an attribute twice (clause 4.21)", tribune.ErrInvalid)
	}
	a := Projected{Name: name}
	if braces {
		r.rest = r.rest[1:]
		if a.Linked, err = r.terms(depth + 1); err != nil {
			return err
		}
		if r.rest == "" {
			return r.bad()
		}
		r.rest = r.rest[1:] // the closing brace: terms ends nowhere else
	}
	p.Attrs = append(p.Attrs, a)
	return nil
}

// member is where a member of every entity stands, nil where the term is not one.
func (p *Projection) member(term string) *bool {
	switch term {
	case "id", "@id":
		return &p.ID
	case "type", "@type":
		return &p.Type
	case "scope":
		return &p.Scope
	}
	return nil
}

// find is the attribute of this name, nil where it is not named.
func (p *Projection) find(name tribune.Name) *Projected {
	for i := range p.Attrs {
		if p.Attrs[i].Name == name {
			return &p.Attrs[i]
		}
	}
	return nil
}

// Depth is how many links a projection follows.
func (p *Projection) Depth() int {
	if p == nil {
		return 0
	}
	depth := 0
	for i := range p.Attrs {
		if l := p.Attrs[i].Linked; l != nil {
			depth = max(depth, 1+l.Depth())
		}
	}
	return depth
}

// Names are the attributes that are named.
func (p *Projection) Names() []tribune.Name {
	if p == nil {
		return nil
	}
	names := make([]tribune.Name, len(p.Attrs))
	for i := range p.Attrs {
		names[i] = p.Attrs[i].Name
	}
	return names
}

// Overlap reports whether a member is both picked and omitted, which means nothing.
func Overlap(pick, omit *Projection) bool {
	if pick == nil || omit == nil {
		return false
	}
	if pick.ID && omit.ID || pick.Type && omit.Type || pick.Scope && omit.Scope {
		return true
	}
	return slices.ContainsFunc(pick.Attrs, func(a Projected) bool {
		o := omit.find(a.Name)
		return o != nil && (o.Linked == nil || a.Linked != nil && Overlap(a.Linked, o.Linked))
	})
}
