package query

import (
	"slices"
	"strings"

	"tribune"
)

// Hop is a relationship that a path follows to another entity.
type Hop struct {
	Attr  tribune.Name
	Types []tribune.Name // the entity there must have one of them; empty = any
}

// pathEnds are where a name of a path ends.
const pathEnds = "=!<>~;|()[,{}"

// path reads an attribute path into t.
func (p *parser) path(t *Term) error {
	for depth := 0; ; depth++ {
		start := p.at
		end := p.at + strings.IndexAny(p.text[p.at:]+";", pathEnds)
		name := p.text[p.at:end]
		if p.at = end; !p.take("{") {
			p.at = start
			if err := p.dotted(t); err != nil {
				return err
			}
			for range t.Hops {
				if !p.take("}") {
					return p.fail(hintTerm, "want } before %q", p.rest(12))
				}
			}
			return nil
		}
		if depth >= MaxHops {
			return p.fail(hintLimits, "more than %d links in a path", MaxHops)
		}
		if err := p.hop(t, start, name); err != nil {
			return err
		}
	}
}

// hop reads a relationship, and which types the entity that it leads to must have.
func (p *parser) hop(t *Term, start int, name string) error {
	attr, err := p.expand(name)
	if err != nil || !isName(name) || strings.Contains(name, ".") && !isIRI(name) {
		p.at = start
		return p.fail(hintTerm, "%q is not the name of a relationship", name)
	}
	h := Hop{Attr: attr}
	rest := p.text[p.at:]
	hint := strings.LastIndexByte(rest[:strings.IndexAny(rest+"{", "{}[=!<>~;|.")], ':')
	if hint >= 0 && !strings.HasPrefix(rest[hint:], "://") {
		for term := range strings.SplitSeq(rest[:hint], ",") {
			typ, err := p.words.Type(term)
			if err != nil || !isName(term) || len(h.Types) >= MaxTerms {
				return p.fail(hintTypes, "%q is not the name of a type", term)
			}
			h.Types = append(h.Types, typ)
		}
		p.at += hint + 1
	}
	t.Hops = append(t.Hops, h)
	return nil
}

func isName(s string) bool { return s != "" && !strings.ContainsAny(s, "{} \t\n\"\x00<>^`\\") }

// isIRI reports whether a name is written in full: dots belong to it.
func isIRI(s string) bool { return strings.Contains(s, "://") || strings.HasPrefix(s, "urn:") }

// systemMembers are the members of attributes, and of entities, that a path may end in.
var systemMembers = []string{"observedAt", "createdAt", "modifiedAt", "expiresAt", "unitCode"}

// dotted reads names and a trailing path.
func (p *parser) dotted(t *Term) error {
	start := p.at
	end := p.at + strings.IndexAny(p.text[p.at:]+";", pathEnds)
	name := p.text[p.at:end]
	p.at = end
	if name == "" {
		return p.fail(hintTerm, "want an attribute name, not %q", p.rest(12))
	}
	segments := []string{name}
	if !isIRI(name) {
		segments = strings.Split(name, ".")
	}
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case !isName(s):
			p.at = start
			return p.fail(hintTerm, "%q is not an attribute name", name)
		case last && slices.Contains(systemMembers, s):
			t.Member = s
		default:
			n, err := p.expand(s)
			if err != nil {
				p.at = start
				return p.fail(hintTerm, "attribute name %q: %v", s, err)
			}
			if i == 0 {
				t.Attr = n
			} else {
				t.Subs = append(t.Subs, n)
			}
		}
	}
	if t.Attr == "" && (t.Member == "observedAt" || t.Member == "unitCode") {
		p.at = start
		return p.fail(hintTerm, "%s belongs to an attribute: write attribute.%s", t.Member, t.Member)
	}
	return p.trailing(t)
}

// trailing reads the path into a value.
func (p *parser) trailing(t *Term) error {
	if !p.take("[") {
		return nil
	}
	n := strings.IndexByte(p.text[p.at:], ']')
	if n < 0 {
		return p.fail(hintTerm, "[ without ]")
	}
	t.Members = strings.Split(p.text[p.at:p.at+n], ".")
	if slices.Contains(t.Members, "") {
		return p.fail(hintTerm, "empty member name between [ and ]")
	}
	if t.Member != "" {
		return p.fail(hintTerm, "%s has no members", t.Member)
	}
	p.at += n + 1
	return nil
}

// coerced reports whether the path's values are among those to expand.
func (t *Term) coerced(names []tribune.Name) bool {
	last := t.Attr
	if n := len(t.Subs); n > 0 {
		last = t.Subs[n-1]
	}
	return t.Member == "" && slices.Contains(names, last)
}
