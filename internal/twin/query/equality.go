package query

import "tribune"

// TakeEquality splits off the one comparison of an attribute's own value with one value: what remains (nil where nothing does), and the
// value in the readings in which it is written in indexes. It fails where attr stands in the expression in any other way, or more than
// once: then no index of values alone can answer it.
func (e *Expr) TakeEquality(attr tribune.Name) (value Scalar, rest *Expr, ok bool) {
	if e == nil {
		return value, nil, false
	}
	var only *Term
	n := 0
	e.root.walk(func(t *Term) {
		if t.own() == attr {
			n++
		}
	})
	for _, t := range e.Conjuncts() {
		if t.Attr == attr && t.Direct() && t.Op == OpEqual && !t.Range && len(t.Values) == 1 {
			only = t
		}
	}
	if n != 1 || only == nil {
		return value, nil, false
	}
	if root := e.root.without(func(t *Term) bool { return t == only }); root != nil {
		rest = newExpr(root)
	}
	return only.Values[0], rest, true
}
