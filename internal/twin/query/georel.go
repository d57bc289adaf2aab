package query

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"tribune"
	"tribune/internal/twin/model"
)

// Location is the GeoProperty that a geoquery is about unless it says otherwise.
const Location tribune.Name = "https://uri.etsi.org/ngsi-ld/location"

// Relation is a geo relation of clause 4.10.
type Relation string

// The relations. Near is a distance at most or at least.
const (
	Near       Relation = "near"
	Within     Relation = "within"
	Contains   Relation = "contains"
	Overlaps   Relation = "overlaps"
	Intersects Relation = "intersects"
	Equals     Relation = "equals"
	Disjoint   Relation = "disjoint"
)

// Geo is a geoquery (clause 4.10). It is immutable and safe for concurrent use.
type Geo struct {
	Property tribune.Name
	Relation Relation
	Ref      *Geometry

	// Of Near: metres. An entity matches at a distance of at most MaxDistance, or of more than MinDistance.
	MaxDistance, MinDistance float64

	inner, outer s1.ChordAngle // of MaxDistance to a position, less and more what a leaf cell leaves open
}

// cellSlack is more than a position can lie from the middle of its leaf cell, in metres.
const cellSlack = 0.05

const hintGeorel = "georel is near;maxDistance==METRES, near;minDistance==METRES, within, contains, overlaps, intersects, equals or disjoint"

// ParseGeo reads georel, geometry and coordinates.
//
//	georel   = "near" ";" ( "maxDistance" / "minDistance" ) "==" number / relation
func ParseGeo(georel, geometry string, coordinates json.RawMessage, property tribune.Name) (*Geo, error) {
	g := &Geo{Property: property}
	if property == "" {
		g.Property = Location
	}
	bad := func(what string) error {
		return tribune.Hint(fmt.Errorf("%w: georel: %s (clause 4.10)", tribune.ErrInvalid, what), hintGeorel)
	}
	relation, rest, more := strings.Cut(georel, ";")
	switch g.Relation = Relation(relation); g.Relation {
	case Near:
		name, number, ok := strings.Cut(rest, "==")
		metres, good := positive(number)
		switch {
		case !ok || !good:
			return nil, bad("near wants one distance, a positive number of metres")
		case name == "maxDistance":
			g.MaxDistance = metres
		case name == "minDistance":
			g.MinDistance = metres
		default:
			return nil, bad("a distance is maxDistance or minDistance")
		}
	case Within, Contains, Overlaps, Intersects, Equals, Disjoint:
		if more {
			return nil, bad("only near has a distance")
		}
	default:
		return nil, bad("no such relation")
	}
	var err error
	g.Ref, err = Reference(geometry, coordinates)
	g.inner = s1.ChordAngleFromAngle(s1.Angle(max(0, g.MaxDistance-cellSlack) / EarthRadius))
	g.outer = s1.ChordAngleFromAngle(s1.Angle((g.MaxDistance + cellSlack) / EarthRadius))
	return g, err
}

// positive reads a JSON number above 0 that a float64 can hold.
func positive(s string) (float64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || !json.Valid([]byte(s)) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f > 0 && !math.IsInf(f, 0)
}

// Match reports whether a GeoProperty of the entity fulfils the query; one instance that does is enough (5.7.2.4).
func (g *Geo) Match(e *model.Entity) bool {
	if g == nil {
		return true
	}
	all := e.Attrs[g.Property]
	for i := range all {
		if all[i].Sealed != nil || all[i].Kind != model.GeoProperty {
			continue
		}
		if target, err := ParseGeometry(all[i].Value); err == nil && g.Holds(target) {
			return true
		}
	}
	return false
}

// Holds reports whether a geometry fulfils the query.
func (g *Geo) Holds(target *Geometry) bool {
	switch g.Relation {
	case Near:
		d := target.Distance(g.Ref)
		return g.MaxDistance > 0 && d <= g.MaxDistance || g.MinDistance > 0 && d > g.MinDistance
	case Within:
		return target.Within(g.Ref)
	case Contains:
		return target.Contains(g.Ref)
	case Overlaps:
		return target.Overlaps(g.Ref)
	case Intersects:
		return target.Intersects(g.Ref)
	case Equals:
		return target.Equals(g.Ref)
	case Disjoint:
		return !target.Intersects(g.Ref)
	}
	return false
}

// Cells are where in an index every match stands: positions under their leaf cell, areas under cells that cover them.
// ok is false where an index does not help.
func (g *Geo) Cells() (positions, areas []CellRange, ok bool) {
	switch {
	case g.Relation == Disjoint, g.Relation == Near && g.MaxDistance == 0:
		return nil, nil, false
	case g.Relation == Near:
		return g.Ref.reach(s1.Angle(g.MaxDistance / EarthRadius))
	}
	return g.Ref.reach(0)
}

// Verdict is what a leaf cell alone says of a position.
type Verdict int8

// The verdicts.
const (
	No    Verdict = iota // it does not match
	Maybe                // its document says
	Yes                  // it matches
)

// Judge says what the leaf cell of a position says. It is asked for every row that an index finds.
func (g *Geo) Judge(cell uint64) Verdict {
	if g.Relation == Near {
		if _, single := g.Ref.single(); !single {
			return Maybe
		}
		switch d := s2.ChordAngleBetweenPoints(s2.CellID(cell).Point(), g.Ref.dense.points[0]); {
		case d > g.outer:
			return No
		case d < g.inner:
			return Yes
		}
		return Maybe
	}
	ll := s2.CellID(cell).LatLng()
	p, wide := at{ll.Lng.Degrees(), ll.Lat.Degrees()}, g.Ref.bounds
	const degrees = 1e-6
	if p.lon < wide.lo.lon-degrees || p.lon > wide.hi.lon+degrees || p.lat < wide.lo.lat-degrees || p.lat > wide.hi.lat+degrees {
		return No
	}
	return Maybe
}
