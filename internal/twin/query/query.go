// Package query is the query languages of NGSI-LD (ETSI GS CIM 009): the q parameter (clause 4.9), geometries and geo
// relations (4.7, 4.10), type expressions (4.17), scopes (4.19) and orders (4.23). The edge parses with it, the twin plans
// and evaluates with it; subscriptions and registrations match with it.
//
// The package comment is the grammar of q as it is accepted here:
//
//	query     = and *( "|" and )                       ; or binds weaker than and
//	and       = primary *( ";" primary )
//	primary   = "(" query ")" / term
//	term      = path                                   ; the attribute exists
//	          / path ( "==" / "!=" ) ( list / range / value )
//	          / path ( ">" / "<" / ">=" / "<=" ) value
//	          / path ( "~=" / "!~=" ) regexp           ; RE2, matches anywhere unless anchored
//	path      = name "{" linked "}" / plain
//	linked    = [ type *( "," type ) ":" ] path        ; of the entity that the relationship leads to
//	plain     = name *( "." name ) [ "[" member *( "." member ) "]" ]
//	name      = a term to expand, or an IRI with "://" or "urn:" (dots belong to it; no sub-path then)
//	list      = value 1*( "," value )
//	range     = value ".." value                       ; both ends included, both of one kind
//	value     = JSON number / JSON string / true / false / date-time / date / time / URI / word
//	word      = any text, expanded by the context; of attributes named in expandValues only
//	regexp    = JSON string / raw text up to ";", "|" or ")" outside its own brackets
//
// of type expressions ("," and "|" mean or, ";" means and, which binds tighter):
//
//	types     = allof *( ( "," / "|" ) allof )
//	allof     = typeterm *( ";" typeterm )
//	typeterm  = name / "(" types ")"
//
// of scopes, with the same operators:
//
//	scope     = ["/"] level *( "/" level ) [ "/#" ] / "/#"    ; "+" is any one level, "#" all below and the scope itself
//
// and of orders:
//
//	order     = plain [ ";" ( "asc" / "desc" / "dist-asc" / "dist-desc" ) ] *( "," order )
//
// Semantics. A path names an attribute, then sub-attributes, then members inside a JSON value ("*" = any member). The
// last name may be observedAt, createdAt, modifiedAt, expiresAt or unitCode. A term on something absent is false, "!=" and
// "!~=" included. Instances (datasetId) and array elements match when any does; "!=" when there is a value and none is
// equal; "!~=" when there is a text and none matches. Of a languageMap every language's text is a value, and [en] is that
// of one. A relationship is equal or unequal, nothing else. Values compare within their kind only: number, boolean,
// string, date-time, date, time; a date-time is also comparable as the text it is written in. Sealed attributes are absent.
//
// Promises: parsing is bounded in size, terms and depth; errors wrap tribune.ErrInvalid, name the position and hint.
package query

import (
	"fmt"
	"regexp"
	"slices"

	"tribune"
)

// Bounds of what is parsed.
const (
	MaxText   = 4096 // bytes of q or of a type expression
	MaxTerms  = 64
	MaxDepth  = 16
	MaxRegexp = 512
	MaxHops   = 10 // links of a path
)

// Expand turns a short name into the IRI it stands for; it is the caller's JSON-LD context.
type Expand func(term string) (tribune.Name, error)

// Op is a comparison.
type Op uint8

// The comparisons of q. A list or a range belongs to OpEqual and OpUnequal.
const (
	OpExists Op = iota
	OpEqual
	OpUnequal
	OpGreater
	OpGreaterEq
	OpLess
	OpLessEq
	OpMatch
	OpNoMatch
)

// Expr is a parsed q. It is immutable and safe for concurrent use.
type Expr struct {
	root   *node
	attrs  []tribune.Name
	linked []Target
	hops   int
}

// node is a term, or the "and" or "or" of its children.
type node struct {
	term *Term
	or   bool
	kids []*node
}

// Term is one comparison.
type Term struct {
	Hops    []Hop // links to follow first; Attr is then of the entity that they lead to
	Attr    tribune.Name
	Subs    []tribune.Name // sub-attributes below it
	Member  string         // observedAt, createdAt, modifiedAt, unitCode or ""
	Members []string       // path into the JSON value
	Op      Op
	Values  []Scalar // one; more where a list was given; two where Range is set
	Range   bool
	Regexp  *regexp.Regexp
}

// Attrs are the attributes of the entity itself that the expression looks at, sorted; of a path through links the first.
func (e *Expr) Attrs() []tribune.Name {
	if e == nil {
		return nil
	}
	return slices.Clone(e.attrs)
}

// Single reports whether the expression is one term.
func (e *Expr) Single() bool { return e != nil && e.root.term != nil }

// Conjuncts are the terms every match fulfils: the whole of a plain "and", a subset otherwise.
func (e *Expr) Conjuncts() []*Term {
	if e == nil {
		return nil
	}
	var out []*Term
	e.root.conjuncts(func(t *Term) { out = append(out, t) })
	return out
}

func (n *node) conjuncts(visit func(*Term)) {
	switch {
	case n.term != nil:
		visit(n.term)
	case !n.or:
		for _, k := range n.kids {
			k.conjuncts(visit)
		}
	}
}

// Equal extracts the text that every match must have as the value of attr (attr=="text" among the conjuncts).
func (e *Expr) Equal(attr tribune.Name) (string, bool) {
	for _, t := range e.Conjuncts() {
		if t.equates(attr) {
			return t.Values[0].Text, true
		}
	}
	return "", false
}

func (t *Term) equates(attr tribune.Name) bool {
	return t.Attr == attr && t.Direct() && t.Op == OpEqual && !t.Range && len(t.Values) == 1 && t.Values[0].Kind == Text
}

// Direct reports whether the term is about the attribute's own value, not something below it.
func (t *Term) Direct() bool {
	return len(t.Hops) == 0 && len(t.Subs) == 0 && t.Member == "" && len(t.Members) == 0
}

// own is the attribute of the entity itself that the term looks at, "" where that is the entity's own times.
func (t *Term) own() tribune.Name {
	if len(t.Hops) > 0 {
		return t.Hops[0].Attr
	}
	return t.Attr
}

// Without is the expression less the conjuncts that Equal finds for attr; nil where nothing is left. It is for a caller
// that looks a sealed attribute up by its subject instead.
func (e *Expr) Without(attr tribune.Name) *Expr {
	if e == nil {
		return nil
	}
	root := e.root.without(func(t *Term) bool { return t.equates(attr) })
	if root == nil {
		return nil
	}
	return newExpr(root)
}

// without is the tree less the conjuncts that are gone; nil where nothing is left.
func (n *node) without(gone func(*Term) bool) *node {
	switch {
	case n.term != nil && gone(n.term):
		return nil
	case n.term != nil || n.or:
		return n
	}
	var kids []*node
	for _, k := range n.kids {
		if k = k.without(gone); k != nil {
			kids = append(kids, k)
		}
	}
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return &node{kids: kids}
}

func newExpr(root *node) *Expr {
	e := &Expr{root: root}
	root.walk(func(t *Term) {
		if own := t.own(); own != "" {
			e.attrs = append(e.attrs, own)
		}
		e.hops = max(e.hops, len(t.Hops))
		for i := range t.Hops {
			next := t.Attr
			if i+1 < len(t.Hops) {
				next = t.Hops[i+1].Attr
			}
			if next != "" {
				e.linked = append(e.linked, Target{t.Hops[i].Types, next})
			}
		}
	})
	slices.Sort(e.attrs)
	e.attrs = slices.Compact(e.attrs)
	return e
}

func (n *node) walk(visit func(*Term)) {
	if n.term != nil {
		visit(n.term)
	}
	for _, k := range n.kids {
		k.walk(visit)
	}
}

// Hops is how many links the expression follows at most.
func (e *Expr) Hops() int {
	if e == nil {
		return 0
	}
	return e.hops
}

// Target is an attribute of an entity that a path leads to.
type Target struct {
	Types []tribune.Name // which it must have one of; empty = any
	Attr  tribune.Name
}

// Linked are the attributes of other entities that the expression looks at.
func (e *Expr) Linked() []Target {
	if e == nil {
		return nil
	}
	return slices.Clone(e.linked)
}

// fail is a syntax error at a byte position of the text.
func fail(what string, at int, hint, format string, args ...any) error {
	err := fmt.Errorf("%w: %s, at character %d: %s", tribune.ErrInvalid, what, at+1, fmt.Sprintf(format, args...))
	return tribune.Hint(err, "%s", hint)
}
