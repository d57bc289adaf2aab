package query

import (
	"encoding/json"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// Match reports whether the entity fulfils the term.
func (t *Term) Match(e *model.Entity) bool {
	if t.Attr == "" { // createdAt, modifiedAt of the entity
		return t.holdsTime(map[string]time.Time{"createdAt": e.CreatedAt, "modifiedAt": e.ModifiedAt}[t.Member])
	}
	return t.below(e.Attrs[t.Attr], t.Subs)
}

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
	case "unitCode":
		return a.UnitCode != "" && t.compare([]Scalar{{Kind: Text, Text: a.UnitCode}})
	}
	if len(t.Members) == 0 {
		if t.Op == OpExists {
			return true
		}
		var few [2]Scalar
		return t.compare(Scalars(a.Value, few[:0]))
	}
	for _, v := range descend([]json.RawMessage{a.Value}, t.Members) {
		if t.Op == OpExists || t.compare(Scalars(v, nil)) {
			return true
		}
	}
	return false
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
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		if name == "*" {
			for _, v := range object {
				out = append(out, v)
			}
		} else if v, ok := object[name]; ok {
			out = append(out, v)
		}
		return out
	}
	var list []json.RawMessage
	if arrays > 0 && json.Unmarshal(raw, &list) == nil {
		for _, v := range list {
			out = append(out, member(v, name, arrays-1)...)
		}
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
		for _, v := range values {
			if t.equalOrMatch(v) {
				return false
			}
		}
		return true
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

// Span is a closed or open interval of scalars of one kind; nil ends are open to the end of the kind.
type Span struct {
	Kind             Kind
	From, To         *Scalar
	OpenFrom, OpenTo bool // the end itself is outside
}

// Spans are the intervals in which a match's value lies, for an index; ok is false where an index does not help.
func (t *Term) Spans() (spans []Span, ok bool) {
	if !t.Direct() || len(t.Values) == 0 {
		return nil, false
	}
	v := &t.Values[0]
	switch {
	case t.Op == OpEqual && t.Range:
		return []Span{{Kind: v.Kind, From: v, To: &t.Values[1]}}, true
	case t.Op == OpEqual:
		for i := range t.Values {
			w := &t.Values[i]
			spans = append(spans, Span{Kind: w.Kind, From: w, To: w})
		}
		return spans, true
	case t.Op == OpGreater || t.Op == OpGreaterEq:
		return []Span{{Kind: v.Kind, From: v, OpenFrom: t.Op == OpGreater}}, true
	case t.Op == OpLess || t.Op == OpLessEq:
		return []Span{{Kind: v.Kind, To: v, OpenTo: t.Op == OpLess}}, true
	}
	return nil, false
}
