package query

// Intersects reports whether the two have a place in common.
func (g *Geometry) Intersects(o *Geometry) bool {
	if !g.bounds.meets(o.bounds) {
		return false
	}
	return g.touches(o) || o.touches(g) || !g.pieces(o, func(p at) bool { return o.locate(p) == outside }) || g.crosses(o)
}

// touches reports whether a position of g lies in o.
func (g *Geometry) touches(o *Geometry) (yes bool) {
	g.eachPosition(func(p at) { yes = yes || o.locate(p) != outside })
	return yes
}

// crosses reports whether lines of the two cross: between lines no middle of a piece needs to lie on the other.
func (g *Geometry) crosses(o *Geometry) (yes bool) {
	g.eachLine(func(line []at) {
		for i := 1; i < len(line) && !yes; i++ {
			yes = len(o.cuts(line[i-1], line[i])) > 2
		}
	})
	return yes
}

// covers reports whether no place of o lies outside g.
func (g *Geometry) covers(o *Geometry) bool {
	if o.dimension() > g.dimension() || !g.bounds.meets(o.bounds) {
		return false
	}
	all := true
	o.eachPosition(func(p at) { all = all && g.locate(p) != outside })
	if !all || !o.pieces(g, func(p at) bool { return g.locate(p) != outside }) {
		return false
	}
	if o.dimension() < 2 {
		return true
	}
	for _, p := range o.cores() {
		if g.locate(p) == outside {
			return false // o fills a hole of g
		}
	}
	return g.pieces(o, func(p at) bool { return o.locate(p) != inside }) // no border of g runs within o
}

// Within reports whether g lies in o, and not on its border only.
func (g *Geometry) Within(o *Geometry) bool { return o.covers(g) && g.shares(o) }

// shares reports whether the insides of the two have a place in common, where o covers g.
func (g *Geometry) shares(o *Geometry) (yes bool) {
	if g.dimension() == 2 {
		return true
	}
	for _, p := range g.points {
		yes = yes || o.locate(p) == inside
	}
	return yes || !g.pieces(o, func(p at) bool { return o.locate(p) != inside })
}

// Contains is Within the other way round.
func (g *Geometry) Contains(o *Geometry) bool { return o.Within(g) }

// Equals reports whether both are the same places, however they are written.
func (g *Geometry) Equals(o *Geometry) bool {
	return g.dimension() == o.dimension() && g.covers(o) && o.covers(g)
}

// Overlaps reports whether the two are of one dimension, have a part of that dimension in common, and each a part that
// the other has not.
func (g *Geometry) Overlaps(o *Geometry) bool {
	if g.dimension() != o.dimension() || !g.bounds.meets(o.bounds) || g.covers(o) || o.covers(g) {
		return false
	}
	switch g.dimension() {
	case 0:
		return g.touches(o)
	case 1:
		return !g.pieces(o, func(p at) bool { return o.locate(p) == outside })
	}
	if !g.pieces(o, func(p at) bool { return o.locate(p) != inside }) || !o.pieces(g, func(p at) bool { return g.locate(p) != inside }) {
		return true
	}
	for _, p := range g.cores() {
		if o.locate(p) == inside {
			return true
		}
	}
	for _, p := range o.cores() {
		if g.locate(p) == inside {
			return true
		}
	}
	return false
}
