package query

import (
	"slices"
	"strings"

	"tribune"
)

const hintTypes = `write types like Vehicle,OffStreetParking ("," or "|" is or, ";" is and)`

// TypeExpr is a type expression. The zero value matches every entity.
type TypeExpr struct{ root *typeNode }

type typeNode struct {
	name tribune.Name
	or   bool
	kids []*typeNode
}

// Type is the expression that matches an entity with one of the given types.
func Type(names ...tribune.Name) TypeExpr {
	if len(names) == 0 {
		return TypeExpr{}
	}
	n := &typeNode{or: true}
	for _, name := range names {
		n.kids = append(n.kids, &typeNode{name: name})
	}
	return TypeExpr{root: n}
}

// ParseTypes reads a type expression. Names are expanded by expand.
func ParseTypes(text string, expand Expand) (TypeExpr, error) {
	p := &parser{what: "type", text: text, expand: expand}
	if err := p.begin(); err != nil {
		return TypeExpr{}, err
	}
	root, err := p.typesOr(0)
	if err != nil {
		return TypeExpr{}, err
	}
	if p.at < len(p.text) {
		return TypeExpr{}, p.fail(hintTypes, "unexpected %q", p.rest(12))
	}
	return TypeExpr{root: root}, nil
}

func (p *parser) typesOr(depth int) (*typeNode, error) {
	if depth > MaxDepth {
		return nil, p.fail(hintLimits, "more than %d levels of parentheses", MaxDepth)
	}
	n := &typeNode{or: true}
	for {
		k, err := p.typesAnd(depth)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, k)
		if !p.take(",") && !p.take("|") {
			return n.flat(), nil
		}
	}
}

func (p *parser) typesAnd(depth int) (*typeNode, error) {
	n := &typeNode{}
	for {
		k, err := p.typeTerm(depth)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, k)
		if !p.take(";") {
			return n.flat(), nil
		}
	}
}

func (p *parser) typeTerm(depth int) (*typeNode, error) {
	if p.take("(") {
		n, err := p.typesOr(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, p.fail(hintTypes, "want ) before %q", p.rest(12))
		}
		return n, nil
	}
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(hintLimits, "more than %d types", MaxTerms)
	}
	end := p.at + strings.IndexAny(p.text[p.at:]+";", ",;|()")
	name := p.text[p.at:end]
	if name == "" || strings.ContainsAny(name, " \t\n\"<>{}\x00") {
		return nil, p.fail(hintTypes, "want a type name, not %q", p.rest(12))
	}
	full, err := p.expand(name)
	if err != nil {
		return nil, p.fail(hintTypes, "type name %q: %v", name, err)
	}
	p.at = end
	return &typeNode{name: full}, nil
}

func (n *typeNode) flat() *typeNode {
	if len(n.kids) == 1 {
		return n.kids[0]
	}
	return n
}

// Any reports whether the expression asks nothing.
func (x TypeExpr) Any() bool { return x.root == nil }

// Match reports whether an entity of these types fulfils the expression.
func (x TypeExpr) Match(types []tribune.Name) bool { return x.root == nil || x.root.match(types) }

func (n *typeNode) match(types []tribune.Name) bool {
	if n.kids == nil {
		return slices.Contains(types, n.name)
	}
	for _, k := range n.kids {
		if k.match(types) == n.or {
			return n.or
		}
	}
	return !n.or
}

// Candidates are types such that every match has at least one of them, sorted. It is nil where the expression asks nothing.
func (x TypeExpr) Candidates() []tribune.Name {
	if x.root == nil {
		return nil
	}
	out := x.root.candidates()
	slices.Sort(out)
	return slices.Compact(out)
}

func (n *typeNode) candidates() []tribune.Name {
	if n.kids == nil {
		return []tribune.Name{n.name}
	}
	var best []tribune.Name
	for i, k := range n.kids {
		c := k.candidates()
		switch {
		case n.or:
			best = append(best, c...)
		case i == 0 || len(c) < len(best): // for "and" any side covers; take the smallest
			best = c
		}
	}
	return best
}

// Exact reports whether the expression is a plain "or" of names, so that having a candidate type is enough.
func (x TypeExpr) Exact() bool {
	return x.root == nil || x.root.exact()
}

func (n *typeNode) exact() bool {
	if n.kids == nil {
		return true
	}
	for _, k := range n.kids {
		if !n.or || !k.exact() {
			return false
		}
	}
	return true
}
