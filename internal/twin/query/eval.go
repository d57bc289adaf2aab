package query

import (
	"encoding/json"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Lookup finds an entity that a relationship leads to; nil where it is not there.
type Lookup func(tribune.EntityID) *model.Entity

// maxLinked bounds how many entities one term looks at through its links.
const maxLinked = 1000

// Match reports whether the entity fulfils the expression; terms that follow links do not hold. A nil expression matches
// everything.
func (e *Expr) Match(ent *model.Entity) bool { return e.MatchLinked(ent, nil) }

// MatchLinked is Match that follows links with look.
func (e *Expr) MatchLinked(ent *model.Entity, look Lookup) bool {
	return e == nil || e.root.match(ent, look)
}

func (n *node) match(ent *model.Entity, look Lookup) bool {
	if n.term != nil {
		return n.term.MatchLinked(ent, look)
	}
	for _, k := range n.kids {
		if k.match(ent, look) == n.or {
			return n.or
		}
	}
	return !n.or
}

// Match reports whether the entity fulfils the term; one that follows links is not.
func (t *Term) Match(e *model.Entity) bool { return t.MatchLinked(e, nil) }

// MatchLinked is Match that follows links with look.
func (t *Term) MatchLinked(e *model.Entity, look Lookup) bool {
	if len(t.Hops) > 0 && look == nil {
		return false
	}
	budget := maxLinked
	return t.follow(e, t.Hops, look, &budget)
}

// follow goes down the links; one entity at their end that fulfils the term is enough.
func (t *Term) follow(e *model.Entity, hops []Hop, look Lookup, budget *int) bool {
	if len(hops) == 0 {
		if t.Attr == "" { // createdAt, modifiedAt, expiresAt of the entity
			return t.holdsTime(map[string]time.Time{"createdAt": e.CreatedAt, "modifiedAt": e.ModifiedAt, "expiresAt": e.ExpiresAt}[t.Member])
		}
		return t.below(e.Attrs[t.Attr], t.Subs)
	}
	all := e.Attrs[hops[0].Attr]
	for i := range all {
		a := &all[i]
		if a.Sealed != nil || a.Kind != model.Relationship && a.Kind != model.ListRelationship {
			continue
		}
		for _, target := range Scalars(a.Value, nil) {
			if *budget--; *budget < 0 {
				return false
			}
			if target.Kind != Text {
				continue
			}
			there := look(tribune.EntityID(target.Text))
			if there != nil && hops[0].fits(there) && t.follow(there, hops[1:], look, budget) {
				return true
			}
		}
	}
	return false
}

func (h *Hop) fits(e *model.Entity) bool { return len(h.Types) == 0 || Type(h.Types...).Match(e.Types) }

// below looks at instances of one attribute: first down the sub-attributes, then at the value.
func (t *Term) below(instances []model.Attr, subs []tribune.Name) bool {
	for i := range instances {
		a := &instances[i]
		switch {
		case a.Sealed != nil:
		case len(subs) > 0:
			if t.below(a.Sub[subs[0]], subs[1:]) {
				return true
			}
		case t.holds(a):
			return true
		}
	}
	return false
}

func (t *Term) holds(a *model.Attr) bool {
	switch t.Member {
	case "observedAt":
		return t.holdsTime(a.ObservedAt)
	case "createdAt":
		return t.holdsTime(a.CreatedAt)
	case "modifiedAt":
		return t.holdsTime(a.ModifiedAt)
	case "expiresAt":
		return t.holdsTime(a.Expires())
	case "unitCode":
		return a.UnitCode != "" && t.compare([]Scalar{{Kind: Text, Text: a.UnitCode}})
	}
	switch linked := a.Kind == model.Relationship || a.Kind == model.ListRelationship; {
	case len(t.Members) > 0:
		return t.inside(a)
	case t.Op == OpExists:
		return true
	case linked && t.Op != OpEqual && t.Op != OpUnequal:
		return false // clause 4.9: of links there is no order and no pattern
	}
	var few [2]Scalar
	return t.compare(Values(a, few[:0]))
}

// Values are the comparable readings of an attribute's value, appended to out; of a languageMap those of all languages.
func Values(a *model.Attr, out []Scalar) []Scalar {
	if a.Kind != model.LanguageProperty {
		return Scalars(a.Value, out)
	}
	eachMember(a.Value, func(_, text []byte) bool {
		out = Scalars(text, out)
		return true
	})
	return out
}

// inside follows the trailing path into the value. All that it leads to is compared as one: an array's elements, every
// language.
func (t *Term) inside(a *model.Attr) bool {
	at := []json.RawMessage{a.Value}
	if a.Kind == model.LanguageProperty && t.Members[0] != "*" {
		at = descend(spoken(a.Value, t.Members[0]), t.Members[1:])
	} else {
		at = descend(at, t.Members)
	}
	if t.Op == OpExists || len(at) == 0 {
		return len(at) > 0
	}
	var all []Scalar
	for _, v := range at {
		all = Scalars(v, all)
	}
	return t.compare(all)
}

// spoken is the text of a language in a languageMap; tags are written in any case (RFC 5646).
func spoken(value json.RawMessage, tag string) (out []json.RawMessage) {
	eachMember(value, func(name, v []byte) bool {
		if s, ok := unquote(name); ok && strings.EqualFold(s, tag) {
			out = append(out, v)
		}
		return true
	})
	return out
}

// descend follows member names into JSON objects; the elements of arrays on the way are all followed.
func descend(at []json.RawMessage, members []string) []json.RawMessage {
	for _, m := range members {
		var next []json.RawMessage
		for _, raw := range at {
			next = append(next, member(raw, m, 1)...)
		}
		at = next
	}
	return at
}

func member(raw json.RawMessage, name string, arrays int) (out []json.RawMessage) {
	switch i := blank(raw, 0); {
	case i >= len(raw):
	case raw[i] == '{':
		eachMember(raw, func(n, v []byte) bool {
			if (name == "*" || named(n, name)) && v[0] != 'n' { // null is not defined
				out = append(out, v)
			}
			return true
		})
	case raw[i] == '[' && arrays > 0:
		eachElement(raw, func(v []byte) bool {
			out = append(out, member(v, name, arrays-1)...)
			return true
		})
	}
	return out
}

func (t *Term) holdsTime(at time.Time) bool {
	if at.IsZero() {
		return false
	}
	return t.compare([]Scalar{{Kind: DateTime, Time: at}, {Kind: Text, Text: at.UTC().Format(time.RFC3339Nano)}})
}

// compare holds when any reading of the value does; for unequal and no-match when none is equal or matches.
func (t *Term) compare(values []Scalar) bool {
	switch t.Op {
	case OpExists:
		return true
	case OpUnequal, OpNoMatch:
		texts := t.Op == OpUnequal
		for _, v := range values {
			if t.equalOrMatch(v) {
				return false
			}
			texts = texts || v.Kind == Text
		}
		return texts // a pattern says nothing of what is not a text
	}
	for _, v := range values {
		if t.compareOne(v) {
			return true
		}
	}
	return false
}

func (t *Term) compareOne(v Scalar) bool {
	switch t.Op {
	case OpEqual, OpMatch:
		return t.equalOrMatch(v)
	}
	w := t.Values[0]
	if v.Kind != w.Kind {
		return false
	}
	switch c := v.Compare(w); t.Op {
	case OpGreater:
		return c > 0
	case OpGreaterEq:
		return c >= 0
	case OpLess:
		return c < 0
	case OpLessEq:
		return c <= 0
	}
	return false
}

func (t *Term) equalOrMatch(v Scalar) bool {
	if t.Regexp != nil {
		return v.Kind == Text && t.Regexp.MatchString(v.Text)
	}
	if t.Range {
		return v.Kind == t.Values[0].Kind && v.Compare(t.Values[0]) >= 0 && v.Compare(t.Values[1]) <= 0
	}
	for _, w := range t.Values {
		if v.Kind == w.Kind && v.Compare(w) == 0 {
			return true
		}
	}
	return false
}
