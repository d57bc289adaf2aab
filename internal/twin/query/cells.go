package query

import (
	"cmp"
	"math"
	"slices"

	"github.com/golang/geo/r1"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// How geometries stand in an index: a position as its S2 leaf cell (about a centimetre wide), anything else as a few
// cells that cover it.
const (
	finestCover = 16 // cells of about 150 m: the finest that cover an area
	areaCells   = 8  // of an area in the index
	queryCells  = 12 // of what a query looks for
	fewPoints   = 8  // positions of a MultiPoint that are indexed as positions
	farthest    = 10 * s1.Degree
	rounding    = s1.Angle(1e-9)
)

// Cells are the S2 cells under which the geometry is indexed; leaf says whether they are positions.
func (g *Geometry) Cells() (cells []uint64, leaf bool) {
	if n := len(g.points); n > 0 && n <= fewPoints && g.dimension() == 0 {
		for _, p := range g.points {
			cells = append(cells, uint64(s2.CellIDFromLatLng(p.latLng())))
		}
		return cells, true
	}
	rc := s2.RegionCoverer{MaxLevel: finestCover, LevelMod: 1, MaxCells: areaCells}
	for _, c := range rc.Covering(g.rect(0)) {
		cells = append(cells, uint64(c))
	}
	return cells, false
}

// rect is the bounds, wider by an angle.
func (g *Geometry) rect(by s1.Angle) s2.Rect {
	lo, hi := g.bounds.lo.latLng(), g.bounds.hi.latLng()
	by += rounding
	r := s2.Rect{Lat: r1.Interval{Lo: max(-math.Pi/2, (lo.Lat - by).Radians()), Hi: min(math.Pi/2, (hi.Lat + by).Radians())}, Lng: s1.FullInterval()}
	// A circle reaches farther in longitude the nearer it is to a pole.
	side := math.Sin(by.Radians()) / math.Cos(max(r.Lat.Hi, -r.Lat.Lo))
	if side >= 1 || side < 0 {
		return r
	}
	west, east := lo.Lng.Radians()-math.Asin(side), hi.Lng.Radians()+math.Asin(side)
	if east-west < 2*math.Pi {
		r.Lng = s1.IntervalFromEndpoints(math.Remainder(west, 2*math.Pi), math.Remainder(east, 2*math.Pi))
	}
	return r
}

// CellRange is an interval of cells in an index, both ends included.
type CellRange struct{ From, To uint64 }

// reach is where in an index everything stands that lies within an angle of the geometry: positions, and what covers
// areas. ok is false where that is too much of the world for an index to help.
func (g *Geometry) reach(by s1.Angle) (positions, areas []CellRange, ok bool) {
	size := max(g.bounds.hi.lat-g.bounds.lo.lat, g.bounds.hi.lon-g.bounds.lo.lon)
	if by > farthest || size > 4*farthest.Degrees() {
		return nil, nil, false
	}
	var region s2.Region = g.rect(by)
	if p, single := g.single(); single {
		region = s2.CapFromCenterAngle(p.point(), by+rounding)
	}
	rc := s2.RegionCoverer{MaxLevel: finestCover + 6, LevelMod: 1, MaxCells: queryCells}
	seen := map[s2.CellID]bool{}
	for _, c := range rc.Covering(region) {
		positions = append(positions, CellRange{uint64(c.RangeMin()), uint64(c.RangeMax())})
		for level := c.Level() - 1; level >= 0; level-- {
			up := c.Parent(level)
			if seen[up] {
				break
			}
			seen[up] = true
			if level <= finestCover {
				areas = append(areas, CellRange{uint64(up), uint64(up)})
			}
		}
	}
	slices.SortFunc(positions, func(a, b CellRange) int { return cmp.Compare(a.From, b.From) })
	positions = joined(positions)
	return positions, append(areas, positions...), true
}

// joined puts intervals together that follow each other.
func joined(in []CellRange) []CellRange {
	out := in[:0]
	for _, r := range in {
		if n := len(out); n > 0 && r.From <= out[n-1].To+2 {
			out[n-1].To = max(out[n-1].To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}
