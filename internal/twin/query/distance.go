package query

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// EarthRadius is the mean radius in metres (IUGG).
const EarthRadius = 6371008.8

// Lines are straight in longitude and latitude, distances go along great circles: a line is measured in pieces short
// enough for the two to be the same within a metre or so.
const (
	pieceLength = 0.1  // degrees
	maxPieces   = 2048 // of one geometry, beyond one for each of its lines
)

// parts is a geometry on the sphere.
type parts struct {
	points []s2.Point
	edges  [][2]s2.Point
}

func (p at) latLng() s2.LatLng { return s2.LatLngFromDegrees(p.lat, p.lon) }
func (p at) point() s2.Point   { return s2.PointFromLatLng(p.latLng()) }

func (g *Geometry) parts() *parts {
	if g.dense != nil {
		return g.dense
	}
	out := &parts{}
	for _, p := range g.points {
		out.points = append(out.points, p.point())
	}
	spare := float64(maxPieces)
	g.eachLine(func(line []at) {
		for i := 1; i < len(line); i++ {
			a, b := line[i-1], line[i]
			n := math.Ceil(max(math.Abs(a.lon-b.lon), math.Abs(a.lat-b.lat)) / pieceLength)
			n = min(max(n, 1), 1+spare)
			spare -= n - 1
			from := a.point()
			for k := 1.0; k <= n; k++ {
				to := at{a.lon + (b.lon-a.lon)*k/n, a.lat + (b.lat-a.lat)*k/n}.point()
				out.edges = append(out.edges, [2]s2.Point{from, to})
				from = to
			}
		}
		if len(line) == 1 {
			out.points = append(out.points, line[0].point())
		}
	})
	return out
}

// Distance is metres between the nearest places of two geometries; 0 where they have one in common.
func (g *Geometry) Distance(o *Geometry) float64 {
	if a, ok := g.single(); ok {
		if b, ok := o.single(); ok {
			return metres(a.latLng().Distance(b.latLng()))
		}
	}
	if g.Intersects(o) {
		return 0
	}
	a, b := g.parts(), o.parts()
	best := s1.InfAngle()
	for _, p := range a.points {
		best = min(best, b.from(p))
	}
	for _, e := range a.edges {
		best = min(best, b.from(e[0]), b.from(e[1]))
	}
	for _, e := range b.edges { // nearest is an end of one of two lines that do not meet
		for _, f := range a.edges {
			best = min(best, s2.DistanceFromSegment(e[0], f[0], f[1]), s2.DistanceFromSegment(e[1], f[0], f[1]))
		}
	}
	for _, p := range b.points {
		best = min(best, a.from(p))
	}
	return metres(best)
}

// from is the angle between a position and the nearest place of the parts.
func (p *parts) from(x s2.Point) s1.Angle {
	best := s1.InfAngle()
	for _, q := range p.points {
		best = min(best, x.Distance(q))
	}
	for _, e := range p.edges {
		best = min(best, s2.DistanceFromSegment(x, e[0], e[1]))
	}
	return best
}

func metres(a s1.Angle) float64 { return a.Radians() * EarthRadius }
