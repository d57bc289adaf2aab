package query

import (
	"slices"
	"strings"
)

const hintScope = `write scopes like /Madrid/Gardens, /Madrid/+/ParqueNorte or /Madrid/# ("," or "|" is or, ";" is and)`

// ScopeExpr is a scope query (clause 4.19). The zero value matches every entity. It is immutable.
type ScopeExpr struct{ root *scopeNode }

// scopeNode is a pattern, or the "and" or "or" of its children.
type scopeNode struct {
	pattern *scopePattern
	or      bool
	kids    []*scopeNode
}

type scopePattern struct {
	levels []string // "+" is any one
	below  bool     // and all below
}

// ParseScopes reads a scope query.
func ParseScopes(text string) (ScopeExpr, error) {
	p := &parser{what: "scopeQ", text: text}
	if err := p.begin(); err != nil {
		return ScopeExpr{}, err
	}
	root, err := p.scopes(0, true)
	if err != nil {
		return ScopeExpr{}, err
	}
	if p.at < len(p.text) {
		return ScopeExpr{}, p.fail(hintScope, "unexpected %q", p.rest(12))
	}
	return ScopeExpr{root: root}, nil
}

// scopes reads an "or" of "and"s, and below that the other way round: ";" binds tighter.
func (p *parser) scopes(depth int, or bool) (*scopeNode, error) {
	if depth > MaxDepth {
		return nil, p.fail(hintLimits, "more than %d levels of parentheses", MaxDepth)
	}
	n := &scopeNode{or: or}
	for {
		var kid *scopeNode
		var err error
		if or {
			kid, err = p.scopes(depth, false)
		} else {
			kid, err = p.scopeTerm(depth)
		}
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		if more := or && (p.take(",") || p.take("|")) || !or && p.take(";"); more {
			continue
		}
		if len(n.kids) == 1 {
			return n.kids[0], nil
		}
		return n, nil
	}
}

func (p *parser) scopeTerm(depth int) (*scopeNode, error) {
	if p.take("(") {
		n, err := p.scopes(depth+1, true)
		if err == nil && !p.take(")") {
			err = p.fail(hintScope, "want ) before %q", p.rest(12))
		}
		return n, err
	}
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(hintLimits, "more than %d scopes", MaxTerms)
	}
	end := p.at + strings.IndexAny(p.text[p.at:]+";", ",;|()")
	raw := p.text[p.at:end]
	pattern := &scopePattern{levels: levels(raw)}
	if n := len(pattern.levels); n > 0 && pattern.levels[n-1] == "#" {
		pattern.levels, pattern.below = pattern.levels[:n-1], true
	}
	bad := len(pattern.levels) == 0 && raw != "/#"
	for _, l := range pattern.levels {
		bad = bad || l == "" || l != "+" && strings.ContainsAny(l, "+# \t\n\"'<>{}\\^`\x00")
	}
	if bad {
		return nil, p.fail(hintScope, "%q is not a scope", raw)
	}
	p.at = end
	return &scopeNode{pattern: pattern}, nil
}

// levels of a scope; the slash at its beginning may be missing (clause 4.18).
func levels(scope string) []string { return strings.Split(strings.TrimPrefix(scope, "/"), "/") }

// Any reports whether the expression asks nothing.
func (x ScopeExpr) Any() bool { return x.root == nil }

// Match reports whether an entity with these scopes fulfils the expression.
func (x ScopeExpr) Match(scopes []string) bool { return x.root == nil || x.root.match(scopes) }

func (n *scopeNode) match(scopes []string) bool {
	if n.pattern != nil {
		return slices.ContainsFunc(scopes, n.pattern.match)
	}
	for _, k := range n.kids {
		if k.match(scopes) == n.or {
			return n.or
		}
	}
	return !n.or
}

func (p *scopePattern) match(scope string) bool {
	rest := strings.TrimPrefix(scope, "/")
	if rest == "" {
		return false
	}
	for i, want := range p.levels {
		if i > 0 {
			if rest == "" || rest[0] != '/' {
				return false
			}
			rest = rest[1:]
		}
		level := rest
		if end := strings.IndexByte(rest, '/'); end >= 0 {
			level = rest[:end]
		}
		if level == "" || want != "+" && want != level {
			return false
		}
		rest = rest[len(level):]
	}
	return rest == "" || p.below
}

// Subtrees are the scopes below which, or at which, every match has one of its own; in a normal form with a slash first,
// "/" being all of them. nil where the expression asks nothing.
func (x ScopeExpr) Subtrees() []string {
	if x.root == nil {
		return nil
	}
	out := x.root.subtrees()
	slices.Sort(out)
	return slices.Compact(out)
}

func (n *scopeNode) subtrees() (out []string) {
	if n.pattern != nil {
		fixed := slices.Index(n.pattern.levels, "+")
		if fixed < 0 {
			fixed = len(n.pattern.levels)
		}
		return []string{"/" + strings.Join(n.pattern.levels[:fixed], "/")}
	}
	for i, k := range n.kids {
		s := k.subtrees()
		switch {
		case n.or:
			out = append(out, s...)
		case i == 0 || len(strings.Join(s, "")) > len(strings.Join(out, "")): // the longer, the fewer
			out = s
		}
	}
	return out
}
