package query

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"tribune"
)

// Bounds of what a geometry may cost.
const (
	maxPositions = 10000 // of a stored geometry
	maxReference = 2000  // of the geometry that a query compares with
)

// at is a position in degrees.
type at struct{ lon, lat float64 }

// Geometry is a GeoJSON geometry (RFC 7946) of any type but GeometryCollection. Its lines are straight in longitude and
// latitude, as RFC 7946, 3.1.1 has them.
type Geometry struct {
	points   []at
	lines    [][]at
	polygons [][][]at // rings: the outer one, then holes
	bounds   box

	dense *parts // as great circles; made where it is what a query compares with
}

type box struct{ lo, hi at }

func emptyBox() box {
	return box{at{math.Inf(1), math.Inf(1)}, at{math.Inf(-1), math.Inf(-1)}}
}

func (b *box) add(p at) {
	b.lo.lon, b.lo.lat = min(b.lo.lon, p.lon), min(b.lo.lat, p.lat)
	b.hi.lon, b.hi.lat = max(b.hi.lon, p.lon), max(b.hi.lat, p.lat)
}

func (b box) meets(o box) bool {
	return b.lo.lon <= o.hi.lon+near0 && o.lo.lon <= b.hi.lon+near0 && b.lo.lat <= o.hi.lat+near0 && o.lo.lat <= b.hi.lat+near0
}

// ParseGeometry reads a GeoJSON geometry within bounds.
func ParseGeometry(raw json.RawMessage) (*Geometry, error) {
	var typ string
	var coordinates []byte
	eachMember(raw, func(name, val []byte) bool {
		switch {
		case named(name, "type"):
			typ, _ = unquote(val)
		case named(name, "coordinates"):
			coordinates = val
		}
		return true
	})
	return geometryOf(typ, coordinates, maxPositions)
}

// Reference reads the geometry that a query compares with: a type and coordinates, checked as RFC 7946 wants them.
func Reference(typ string, coordinates json.RawMessage) (*Geometry, error) {
	if !json.Valid(coordinates) {
		return nil, badGeometry("the coordinates are not JSON")
	}
	g, err := geometryOf(typ, coordinates, maxReference)
	if err != nil {
		return nil, err
	}
	for _, line := range g.lines {
		if len(line) < 2 {
			return nil, badGeometry("a line has two positions or more")
		}
	}
	for _, rings := range g.polygons {
		for _, r := range rings {
			if len(r) < 4 || r[0] != r[len(r)-1] {
				return nil, badGeometry("a ring of a polygon has four positions or more and ends where it began")
			}
		}
	}
	g.dense = g.parts()
	return g, nil
}

func badGeometry(format string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: geometry: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...)),
		`write GeoJSON like {"type":"Point","coordinates":[-1.89,52.48]}, longitude first`)
}

func geometryOf(typ string, coordinates []byte, most int) (*Geometry, error) {
	r := &reader{most: most}
	g := &Geometry{bounds: emptyBox()}
	switch typ {
	case "Point":
		g.points = []at{r.position(coordinates)}
	case "MultiPoint":
		g.points = r.line(coordinates)
	case "LineString":
		g.lines = [][]at{r.line(coordinates)}
	case "MultiLineString":
		g.lines = r.lines(coordinates)
	case "Polygon":
		g.polygons = [][][]at{r.lines(coordinates)}
	case "MultiPolygon":
		r.each(coordinates, func(v []byte) { g.polygons = append(g.polygons, r.lines(v)) })
	default:
		return nil, badGeometry("its type is none of Point, MultiPoint, LineString, MultiLineString, Polygon and MultiPolygon")
	}
	if r.wrong != "" {
		return nil, badGeometry("%s", r.wrong)
	}
	g.eachPosition(func(p at) { g.bounds.add(p) })
	if g.bounds.lo.lon > g.bounds.hi.lon {
		return nil, badGeometry("no positions")
	}
	return g, nil
}

func (g *Geometry) eachPosition(visit func(at)) {
	for _, p := range g.points {
		visit(p)
	}
	g.eachLine(func(line []at) {
		for _, p := range line {
			visit(p)
		}
	})
}

// eachLine visits lines and rings.
func (g *Geometry) eachLine(visit func([]at)) {
	for _, l := range g.lines {
		visit(l)
	}
	for _, rings := range g.polygons {
		for _, r := range rings {
			visit(r)
		}
	}
}

// single is the position of a Point.
func (g *Geometry) single() (at, bool) {
	if len(g.points) == 1 && len(g.lines) == 0 && len(g.polygons) == 0 {
		return g.points[0], true
	}
	return at{}, false
}

// reader reads coordinates; wrong is the first thing that is.
type reader struct {
	most, count int
	wrong       string
}

func (r *reader) each(b []byte, visit func([]byte)) {
	if i := blank(b, 0); i >= len(b) || b[i] != '[' {
		r.wrong = "coordinates are arrays"
		return
	}
	n := 0
	eachElement(b, func(v []byte) bool {
		n++
		visit(v)
		return r.wrong == ""
	})
	if n == 0 && r.wrong == "" {
		r.wrong = "no positions"
	}
}

func (r *reader) lines(b []byte) (out [][]at) {
	r.each(b, func(v []byte) { out = append(out, r.line(v)) })
	return out
}

func (r *reader) line(b []byte) (out []at) {
	r.each(b, func(v []byte) { out = append(out, r.position(v)) })
	return out
}

func (r *reader) position(b []byte) at {
	var c [2]float64
	n := 0
	r.each(b, func(v []byte) {
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			r.wrong = "a position is numbers"
		}
		if n < 2 {
			c[n] = f
		}
		n++
	})
	if r.count++; r.count > r.most {
		r.wrong = fmt.Sprintf("more than %d positions", r.most)
	}
	if r.wrong == "" && (n < 2 || n > 4 || math.Abs(c[0]) > 180 || math.Abs(c[1]) > 180) {
		r.wrong = "a position is not [longitude, latitude]"
	}
	// The standard's own example of a subscription (clause C.4) asks for what is near [-1,100]: past a pole is the pole. What is
	// stored has been checked.
	return at{c[0], max(-90, min(90, c[1]))}
}
