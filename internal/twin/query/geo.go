package query

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"tribune"
)

// EarthRadius is the mean radius in metres (IUGG).
const EarthRadius = 6371008.8

// Bounds of what a geometry may cost.
const (
	maxPositions  = 10000
	pointLevel    = 16   // cells of about 150 m: the finest that is indexed
	coarsestLevel = 8    // cells of about 35 km: the coarsest that is indexed
	maxSpan       = 1.0  // degrees; what is larger goes to the Everywhere cell
	bulge         = .002 // degrees by which an edge of maxSpan can leave the rectangle of its ends
	nearCells     = 12
)

// Everywhere stands in an index for a geometry too large to cover: it is looked at in every geo query.
const Everywhere uint64 = 0

// Geometry is a GeoJSON geometry (RFC 7946) as lines of positions.
type Geometry struct {
	lines  [][]s2.LatLng // points are lines of one position
	rings  [][]s2.LatLng // of polygons; even-odd
	bounds s2.Rect
}

// ParseGeometry reads a GeoJSON geometry within bounds.
func ParseGeometry(raw json.RawMessage) (*Geometry, error) {
	g := &Geometry{bounds: s2.EmptyRect()}
	if err := g.read(raw, 0); err != nil {
		return nil, err
	}
	if g.bounds.IsEmpty() {
		return nil, badGeometry("no positions")
	}
	return g, nil
}

func badGeometry(format string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: geometry: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...)),
		`write GeoJSON like {"type":"Point","coordinates":[-1.89,52.48]}, longitude first`)
}

func (g *Geometry) read(raw json.RawMessage, depth int) error {
	var in struct {
		Type        string
		Coordinates json.RawMessage
		Geometries  []json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return badGeometry("%v", err)
	}
	levels, polygon := 0, false
	switch in.Type {
	case "Point":
	case "MultiPoint", "LineString":
		levels = 1
	case "MultiLineString", "Polygon":
		levels, polygon = 2, in.Type == "Polygon"
	case "MultiPolygon":
		levels, polygon = 3, true
	case "GeometryCollection":
		if depth > 2 {
			return badGeometry("collections nested too deep")
		}
		for _, m := range in.Geometries {
			if err := g.read(m, depth+1); err != nil {
				return err
			}
		}
		return nil
	default:
		return badGeometry("unknown type %q", in.Type)
	}
	return g.coordinates(in.Coordinates, levels, polygon, in.Type == "MultiPoint")
}

func (g *Geometry) coordinates(raw json.RawMessage, levels int, polygon, apart bool) error {
	if levels > 1 {
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil {
			return badGeometry("%v", err)
		}
		for _, p := range parts {
			if err := g.coordinates(p, levels-1, polygon, apart); err != nil {
				return err
			}
		}
		return nil
	}
	var list [][]float64
	if levels == 0 {
		var one []float64
		if err := json.Unmarshal(raw, &one); err != nil {
			return badGeometry("%v", err)
		}
		list = [][]float64{one}
	} else if err := json.Unmarshal(raw, &list); err != nil {
		return badGeometry("%v", err)
	}
	if len(list) > maxPositions {
		return badGeometry("more than %d positions", maxPositions)
	}
	line := make([]s2.LatLng, len(list))
	for i, p := range list {
		if len(p) < 2 || len(p) > 4 || math.Abs(p[0]) > 180 || math.Abs(p[1]) > 90 {
			return badGeometry("position %v is not [longitude, latitude]", p)
		}
		line[i] = s2.LatLngFromDegrees(p[1], p[0])
		g.bounds = g.bounds.AddPoint(line[i])
	}
	switch {
	case apart:
		for i := range line {
			g.lines = append(g.lines, line[i:i+1])
		}
	case len(line) > 0:
		g.lines = append(g.lines, line)
		if polygon {
			g.rings = append(g.rings, line)
		}
	}
	return nil
}

// Distance is metres from a point to the nearest place of the geometry; 0 inside a polygon.
func (g *Geometry) Distance(lon, lat float64) float64 {
	at := s2.LatLngFromDegrees(lat, lon)
	if g.contains(at) {
		return 0
	}
	best, p := s1.InfAngle(), s2.PointFromLatLng(at)
	for _, line := range g.lines {
		if len(line) == 1 {
			best = min(best, at.Distance(line[0]))
		}
		for i := 1; i < len(line); i++ {
			best = min(best, s2.DistanceFromSegment(p, s2.PointFromLatLng(line[i-1]), s2.PointFromLatLng(line[i])))
		}
	}
	return best.Radians() * EarthRadius
}

// contains is the even-odd rule in longitude and latitude.
func (g *Geometry) contains(p s2.LatLng) bool {
	in := false
	for _, r := range g.rings {
		for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
			if (r[i].Lat > p.Lat) != (r[j].Lat > p.Lat) &&
				p.Lng < (r[j].Lng-r[i].Lng)*(p.Lat-r[i].Lat)/(r[j].Lat-r[i].Lat)+r[i].Lng {
				in = !in
			}
		}
	}
	return in
}

// Cells are the S2 cells under which the geometry is indexed.
func (g *Geometry) Cells() []uint64 {
	if len(g.lines) == 1 && len(g.lines[0]) == 1 {
		return []uint64{uint64(s2.CellIDFromLatLng(g.lines[0][0]).Parent(pointLevel))}
	}
	size := g.bounds.Size()
	if size.Lat.Degrees() > maxSpan || size.Lng.Degrees() > maxSpan {
		return []uint64{Everywhere}
	}
	grown := g.bounds
	for _, corner := range []s2.LatLng{g.bounds.Lo(), g.bounds.Hi()} {
		for _, by := range []float64{-bulge, bulge} {
			by *= s1.Degree.Radians()
			grown = grown.AddPoint(s2.LatLng{Lat: corner.Lat + s1.Angle(by), Lng: corner.Lng + s1.Angle(by)}.Normalized())
		}
	}
	rc := s2.RegionCoverer{MinLevel: coarsestLevel, MaxLevel: pointLevel, LevelMod: 1, MaxCells: nearCells}
	var out []uint64
	for _, c := range rc.Covering(grown) {
		out = append(out, uint64(c))
	}
	return out
}

// CellRange is an interval of cells in an index, both ends included.
type CellRange struct{ From, To uint64 }

// CellsNear are the intervals in which everything lies that is indexed within metres of a point: the cells of a
// covering with all below them, their ancestors, and Everywhere. ok is false where the circle is too large to help.
func CellsNear(lon, lat, metres float64) (ranges []CellRange, ok bool) {
	angle := s1.Angle(metres / EarthRadius)
	if angle > 10*s1.Degree {
		return nil, false
	}
	cap := s2.CapFromCenterAngle(s2.PointFromLatLng(s2.LatLngFromDegrees(lat, lon)), angle)
	rc := s2.RegionCoverer{MaxLevel: pointLevel, LevelMod: 1, MaxCells: nearCells}
	ranges = []CellRange{{Everywhere, Everywhere}}
	seen := map[s2.CellID]bool{}
	for _, c := range rc.Covering(s2.Region(cap)) {
		ranges = append(ranges, CellRange{uint64(c.RangeMin()), uint64(c.RangeMax())})
		for level := c.Level() - 1; level >= coarsestLevel; level-- {
			if up := c.Parent(level); !seen[up] {
				seen[up] = true
				ranges = append(ranges, CellRange{uint64(up), uint64(up)})
			}
		}
	}
	return ranges, true
}
