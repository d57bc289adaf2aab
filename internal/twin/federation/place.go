package federation

import (
	"encoding/json"
	"fmt"

	"tribune"
	"tribune/internal/twin/query"
)

// ParsePlace reads a geo query as it concerns registrations (clauses 4.10 and 5.10.2.4); nil where none is asked. property is the
// geo property that it is about.
func ParsePlace(names Names, georel, geometry, coordinates, geoproperty string) (holds func(*query.Geometry) bool, property tribune.Name, err error) {
	if georel == "" && geometry == "" && coordinates == "" {
		return nil, "", nil
	}
	if georel == "" || geometry == "" || coordinates == "" {
		return nil, "", tribune.Hint(fmt.Errorf("%w: a geo query needs georel, geometry and coordinates (clause 4.10)", tribune.ErrInvalid), "Like georel=near;maxDistance==500&geometry=Point&coordinates=[-1.9,52.48].")
	}
	if geoproperty != "" {
		if property, err = names.Expand(geoproperty); err != nil {
			return nil, "", fmt.Errorf("reading geoproperty: %w", err)
		}
	}
	geo, err := query.ParseGeo(georel, geometry, json.RawMessage(coordinates), property)
	if err != nil {
		return nil, "", err
	}
	return func(g *query.Geometry) bool { return geo.Holds(g) || possible(geo, g) }, geo.Property, nil
}

// possible reports whether places within where a source has something can fulfil the query, though the whole of it does not.
func possible(q *query.Geo, g *query.Geometry) bool {
	switch q.Relation {
	case query.Near:
		return q.MinDistance > 0 // something of an area can always be further away
	case query.Within, query.Intersects, query.Overlaps:
		return g.Intersects(q.Ref)
	case query.Contains, query.Equals:
		return g.Contains(q.Ref)
	case query.Disjoint:
		return !g.Within(q.Ref)
	}
	return false
}

// ParseScope reads a scope query (clause 4.19).
func ParseScope(text string) (func(scopes []string) bool, error) {
	x, err := query.ParseScopes(text)
	if err != nil {
		return nil, err
	}
	return x.Match, nil
}

// geometry reads a geometry of a registration.
func geometry(name string, raw json.RawMessage) (*query.Geometry, error) {
	g, err := query.ParseGeometry(raw)
	if err != nil {
		return nil, tribune.Hint(bad(name, "it must be a GeoJSON geometry (clause 4.7)"), "%s", tribune.HintOf(err))
	}
	return g, nil
}
