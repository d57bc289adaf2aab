package query

import "tribune"

// Span is a closed or open interval of scalars of one kind; nil ends are open to the end of the kind. Without a kind it
// is every value, those that are no scalars too.
type Span struct {
	Kind             Kind
	From, To         *Scalar
	OpenFrom, OpenTo bool // the end itself is outside
}

// Spans are the intervals of the values of Own in which those of every match lie, for an index; ok is false where the
// term is about something else than an attribute of the entity.
func (t *Term) Spans() (spans []Span, ok bool) {
	if t.own() == "" {
		return nil, false
	}
	if !t.Direct() || len(t.Values) == 0 {
		return []Span{{}}, true
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
	return []Span{{}}, true
}

// Exact reports whether an entity with a value in the term's spans is a match, whatever else its document says. Of
// texts this holds for equality alone: a relationship has no order.
func (t *Term) Exact() bool {
	switch {
	case t.Op == OpExists:
		return t.Direct()
	case !t.Direct() || len(t.Values) == 0 || t.Op == OpUnequal:
		return false
	}
	return t.Values[0].Kind != Text || t.Op == OpEqual && !t.Range
}

// Own is the attribute of the entity itself whose values Spans are about.
func (t *Term) Own() tribune.Name { return t.own() }

// Cover are terms with Spans, such that every match fulfils one of them at least; nil where there are none. Of several
// choices it is the one that is likely to be the most selective.
func (e *Expr) Cover() []*Term {
	if e == nil {
		return nil
	}
	terms, _ := e.root.cover()
	return terms
}

// cover ranks what it finds: 3 equalities, 2 intervals, 1 all that have the attribute, 0 nothing.
func (n *node) cover() (terms []*Term, rank int) {
	if n.term != nil {
		spans, ok := n.term.Spans()
		switch {
		case !ok:
			return nil, 0
		case spans[0].Kind == 0:
			rank = 1
		case n.term.Op == OpEqual && !n.term.Range:
			rank = 3
		default:
			rank = 2
		}
		return []*Term{n.term}, rank
	}
	for i, k := range n.kids {
		t, r := k.cover()
		switch {
		case !n.or && r > rank:
			terms, rank = t, r
		case n.or && r == 0:
			return nil, 0
		case n.or:
			terms = append(terms, t...)
			if i == 0 || r < rank {
				rank = r
			}
		}
	}
	return terms, rank
}
