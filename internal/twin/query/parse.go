package query

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"tribune"
)

// The hints of syntax errors: what to write instead.
const (
	hintValue  = `a value is a number, "text in double quotes", true, false, 2026-11-22T10:00:00Z or a URI`
	hintTerm   = `write conditions like speed>50;brandName=="Mercedes" (";" is and, "|" is or)`
	hintLimits = "split the question into several smaller ones"
)

// Terms says what the words of a query mean.
type Terms struct {
	Attr Expand // of attributes; required
	Type Expand // of the types that a linked entity may be asked to have; nil = Attr

	// Coerce are the attributes whose values are expanded by Value before anything is compared (expandValues).
	Coerce []tribune.Name
	Value  Expand
}

// Parse reads a q parameter, percent-decoded. Names are expanded by expand.
func Parse(text string, expand Expand) (*Expr, error) { return Terms{Attr: expand}.Parse(text) }

// Parse reads a q parameter, percent-decoded.
func (terms Terms) Parse(text string) (*Expr, error) {
	if terms.Type == nil {
		terms.Type = terms.Attr
	}
	p := &parser{what: "q", text: text, expand: terms.Attr, words: terms}
	if err := p.begin(); err != nil {
		return nil, err
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.text) {
		return nil, p.fail(hintTerm, "unexpected %q", p.rest(12))
	}
	return newExpr(root), nil
}

type parser struct {
	what   string
	text   string
	at     int
	terms  int
	expand Expand
	words  Terms
	coerce bool // the values of the term being read are expanded
}

func (p *parser) begin() error {
	switch {
	case len(p.text) > MaxText:
		return p.fail(hintLimits, "longer than %d bytes", MaxText)
	case !utf8.ValidString(p.text):
		return p.fail(hintTerm, "not valid UTF-8")
	case p.text == "":
		return p.fail(hintTerm, "empty")
	}
	return nil
}

func (p *parser) fail(hint, format string, args ...any) error {
	return fail(p.what, p.at, hint, format, args...)
}

// rest is what stands at the current position, cut to n bytes, for messages.
func (p *parser) rest(n int) string {
	if p.at >= len(p.text) {
		return "end of text"
	}
	return p.text[p.at:min(len(p.text), p.at+n)]
}

func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) or(depth int) (*node, error) {
	return p.series(depth, "|", true, func() (*node, error) {
		return p.series(depth, ";", false, func() (*node, error) { return p.primary(depth) })
	})
}

func (p *parser) series(depth int, sep string, or bool, part func() (*node, error)) (*node, error) {
	if depth > MaxDepth {
		return nil, p.fail(hintLimits, "more than %d levels of parentheses", MaxDepth)
	}
	first, err := part()
	if err != nil {
		return nil, err
	}
	kids := []*node{first}
	for p.take(sep) {
		k, err := part()
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &node{or: or, kids: kids}, nil
}

func (p *parser) primary(depth int) (*node, error) {
	if p.take("(") {
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, p.fail(hintTerm, "want ) before %q", p.rest(12))
		}
		return n, nil
	}
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(hintLimits, "more than %d conditions", MaxTerms)
	}
	t, err := p.term()
	if err != nil {
		return nil, err
	}
	return &node{term: t}, nil
}

// operators, longest first.
var operators = [...]struct {
	text string
	op   Op
}{{"!~=", OpNoMatch}, {"~=", OpMatch}, {"==", OpEqual}, {"!=", OpUnequal}, {">=", OpGreaterEq}, {"<=", OpLessEq}, {">", OpGreater}, {"<", OpLess}}

func (p *parser) term() (*Term, error) {
	t := &Term{}
	if err := p.path(t); err != nil {
		return nil, err
	}
	for _, o := range operators {
		if p.take(o.text) {
			t.Op = o.op
			break
		}
	}
	switch t.Op {
	case OpExists:
		if p.at < len(p.text) && !strings.ContainsRune(";|)", rune(p.text[p.at])) {
			return nil, p.fail(hintTerm, "want a comparison or the end of the condition, not %q", p.rest(12))
		}
		return t, nil
	case OpMatch, OpNoMatch:
		return t, p.regexp(t)
	}
	p.coerce = t.coerced(p.words.Coerce)
	return t, p.values(t)
}

func (p *parser) regexp(t *Term) error {
	start := p.at
	var raw string
	if p.at < len(p.text) && p.text[p.at] == '"' {
		s, err := p.quoted()
		if err != nil {
			return err
		}
		raw = s
	} else {
		raw = p.text[p.at : p.at+rawRegexp(p.text[p.at:])]
		p.at += len(raw)
	}
	re, err := Regexp(raw)
	if err != nil {
		p.at = start
		return p.fail("patterns are RE2, see https://github.com/google/re2/wiki/Syntax; put them in double quotes", "%v", err)
	}
	t.Regexp = re
	return nil
}

// rawRegexp is how far an unquoted pattern reaches: separators inside its own brackets belong to it.
func rawRegexp(s string) int {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && (c == ';' || c == '|' || c == ')'):
			return i
		}
	}
	return len(s)
}

// Regexp compiles a pattern of q or idPattern within bounds.
func Regexp(raw string) (*regexp.Regexp, error) {
	if raw == "" || len(raw) > MaxRegexp {
		return nil, fmt.Errorf("%w: a pattern of %d bytes, want 1 to %d", tribune.ErrInvalid, len(raw), MaxRegexp)
	}
	re, err := regexp.Compile(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	return re, nil
}
