package query

import (
	"math"
	"slices"
)

// The relations of OGC Simple Features (ISO 19125-1) that clause 4.10 names, in the plane of longitude and latitude.
//
// How: the lines of one geometry are cut where they meet the lines of the other; between two cuts a line lies wholly
// inside, on the border of, or outside the other geometry, and its middle says which.

// near0 is what counts as the same place, in degrees: 0.1 mm.
const near0 = 1e-9

type side int8

const (
	outside side = iota
	border
	inside
)

// locate says where a position is in relation to the geometry.
func (g *Geometry) locate(p at) side {
	if !g.bounds.meets(box{p, p}) {
		return outside
	}
	best := outside
	for _, rings := range g.polygons {
		best = max(best, locateIn(rings, p))
	}
	ends := 0
	for _, l := range g.lines {
		if !onLine(l, p) {
			continue
		}
		best = max(best, inside)
		if closed := samePlace(l[0], l[len(l)-1]); !closed && (samePlace(p, l[0]) || samePlace(p, l[len(l)-1])) {
			ends++
		}
	}
	if ends%2 == 1 && len(g.polygons) == 0 {
		best = border // the mod-2 rule: an end of an odd number of lines
	}
	for _, q := range g.points {
		if samePlace(p, q) {
			return inside
		}
	}
	return best
}

func locateIn(rings [][]at, p at) side {
	in := false
	for _, r := range rings {
		for i := 1; i < len(r); i++ {
			a, b := r[i-1], r[i]
			if onSegment(a, b, p) {
				return border
			}
			if (a.lat > p.lat) != (b.lat > p.lat) && p.lon < (b.lon-a.lon)*(p.lat-a.lat)/(b.lat-a.lat)+a.lon {
				in = !in
			}
		}
	}
	if in {
		return inside
	}
	return outside
}

func samePlace(a, b at) bool {
	return math.Abs(a.lon-b.lon) <= near0 && math.Abs(a.lat-b.lat) <= near0
}

func onLine(line []at, p at) bool {
	for i := 1; i < len(line); i++ {
		if onSegment(line[i-1], line[i], p) {
			return true
		}
	}
	return len(line) == 1 && samePlace(line[0], p)
}

func onSegment(a, b, p at) bool {
	if p.lon < min(a.lon, b.lon)-near0 || p.lon > max(a.lon, b.lon)+near0 || p.lat < min(a.lat, b.lat)-near0 || p.lat > max(a.lat, b.lat)+near0 {
		return false
	}
	dx, dy := b.lon-a.lon, b.lat-a.lat
	length := math.Hypot(dx, dy)
	if length <= near0 {
		return samePlace(a, p) || samePlace(b, p)
	}
	return math.Abs(dx*(p.lat-a.lat)-dy*(p.lon-a.lon))/length <= near0
}

// cuts are where the segment a-b meets segments of g, as parts of its length, in order, with its ends.
func (g *Geometry) cuts(a, b at) []float64 {
	out := []float64{0, 1}
	reach := emptyBox()
	reach.add(a)
	reach.add(b)
	if !g.bounds.meets(reach) {
		return out
	}
	g.eachLine(func(line []at) {
		for i := 1; i < len(line); i++ {
			out = cut(out, a, b, line[i-1], line[i])
		}
	})
	for _, p := range g.points {
		if onSegment(a, b, p) {
			out = append(out, along(a, b, p))
		}
	}
	slices.Sort(out)
	return out
}

// cut adds where a-b and c-d meet.
func cut(out []float64, a, b, c, d at) []float64 {
	if max(c.lon, d.lon) < min(a.lon, b.lon)-near0 || min(c.lon, d.lon) > max(a.lon, b.lon)+near0 ||
		max(c.lat, d.lat) < min(a.lat, b.lat)-near0 || min(c.lat, d.lat) > max(a.lat, b.lat)+near0 {
		return out
	}
	rx, ry, sx, sy := b.lon-a.lon, b.lat-a.lat, d.lon-c.lon, d.lat-c.lat
	if cross := rx*sy - ry*sx; math.Abs(cross) > 1e-18 {
		t := ((c.lon-a.lon)*sy - (c.lat-a.lat)*sx) / cross
		u := ((c.lon-a.lon)*ry - (c.lat-a.lat)*rx) / cross
		if t >= 0 && t <= 1 && u >= 0 && u <= 1 {
			out = append(out, t)
		}
	}
	for _, p := range [2]at{c, d} { // where they touch, or lie on each other
		if onSegment(a, b, p) {
			out = append(out, along(a, b, p))
		}
	}
	return out
}

// along is how far p lies along a-b.
func along(a, b, p at) float64 {
	dx, dy := b.lon-a.lon, b.lat-a.lat
	if l := dx*dx + dy*dy; l > 0 {
		return min(1, max(0, ((p.lon-a.lon)*dx+(p.lat-a.lat)*dy)/l))
	}
	return 0
}

// pieces visits the middle of every piece of g's lines and rings as o cuts them, until visit returns false.
func (g *Geometry) pieces(o *Geometry, visit func(at) bool) (all bool) {
	all = true
	g.eachLine(func(line []at) {
		for i := 1; i < len(line) && all; i++ {
			a, b := line[i-1], line[i]
			t := o.cuts(a, b)
			for j := 1; j < len(t) && all; j++ {
				if (t[j]-t[j-1])*math.Hypot(b.lon-a.lon, b.lat-a.lat) <= 2*near0 {
					continue
				}
				m := (t[j] + t[j-1]) / 2
				all = visit(at{a.lon + m*(b.lon-a.lon), a.lat + m*(b.lat-a.lat)})
			}
		}
	})
	return all
}

// dimension is 0 of points, 1 of lines, 2 of areas.
func (g *Geometry) dimension() int {
	switch {
	case len(g.polygons) > 0:
		return 2
	case len(g.lines) > 0:
		return 1
	}
	return 0
}

// cores are a position inside each polygon.
func (g *Geometry) cores() (out []at) {
	for _, rings := range g.polygons {
		if p, ok := coreOf(rings); ok {
			out = append(out, p)
		}
	}
	return out
}

// coreOf finds a position inside a polygon: the middle of the widest stretch of a line across it.
func coreOf(rings [][]at) (best at, ok bool) {
	lats := []float64{}
	for _, p := range rings[0] {
		lats = append(lats, p.lat)
	}
	slices.Sort(lats)
	lats = slices.Compact(lats)
	widest := 0.0
	for i := 1; i < len(lats) && (i <= 16 || !ok); i++ {
		lat := (lats[i-1] + lats[i]) / 2
		var lons []float64
		for _, r := range rings {
			for j := 1; j < len(r); j++ {
				if a, b := r[j-1], r[j]; (a.lat > lat) != (b.lat > lat) {
					lons = append(lons, (b.lon-a.lon)*(lat-a.lat)/(b.lat-a.lat)+a.lon)
				}
			}
		}
		slices.Sort(lons)
		for j := 1; j < len(lons); j += 2 {
			if w := lons[j] - lons[j-1]; w > widest {
				widest, best, ok = w, at{(lons[j] + lons[j-1]) / 2, lat}, true
			}
		}
	}
	return best, ok
}
