package api

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

// maxCoordinates bounds the coordinates of a geo query in bytes; a point needs 50.
const maxCoordinates = 1 << 10

// near reads a geo query (clause 4.10): georel near with a distance, of a Point. nil where none is asked.
func near(ctx *jsonld.Context, georel, geometry, coordinates, geoproperty string) (*twin.Near, error) {
	if georel == "" && geometry == "" && coordinates == "" {
		if geoproperty != "" {
			return nil, fmt.Errorf("%w: geoproperty without georel", tribune.ErrInvalid)
		}
		return nil, nil
	}
	if georel == "" || geometry == "" || coordinates == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: a geo query needs georel, geometry and coordinates", tribune.ErrInvalid),
			"Like georel=near;maxDistance==500&geometry=Point&coordinates=[-1.9,52.48].")
	}
	n := &twin.Near{Property: "https://uri.etsi.org/ngsi-ld/location"}
	relation, rest, _ := strings.Cut(georel, ";")
	if relation != "near" || geometry != "Point" {
		for _, known := range []string{"near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"} {
			if relation == known {
				return nil, fmt.Errorf("%w: the geo relation %s of this geometry; near of a Point is", tribune.ErrUnsupported, known)
			}
		}
		return nil, fmt.Errorf("%w: georel is near;maxDistance==METRES or near;minDistance==METRES", tribune.ErrInvalid)
	}
	for part := range strings.SplitSeq(rest, ";") {
		name, text, _ := strings.Cut(part, "=")
		metres, err := strconv.ParseFloat(strings.TrimPrefix(text, "="), 64)
		if err != nil || metres < 0 || math.IsNaN(metres) || math.IsInf(metres, 0) {
			return nil, fmt.Errorf("%w: a distance in georel is a number of metres", tribune.ErrInvalid)
		}
		switch name {
		case "maxDistance":
			n.MaxDistance = metres
		case "minDistance":
			n.MinDistance = metres
		default:
			return nil, fmt.Errorf("%w: georel near takes maxDistance or minDistance", tribune.ErrInvalid)
		}
	}
	if n.MaxDistance <= 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: near without a maxDistance is a query of the whole world", tribune.ErrUnsupported), "Add maxDistance==METRES.")
	}
	var err error
	if n.Lon, n.Lat, err = point(coordinates); err != nil {
		return nil, err
	}
	if geoproperty != "" {
		if n.Property, err = ctx.Attr(geoproperty); err != nil {
			return nil, fmt.Errorf("reading geoproperty: %w", err)
		}
	}
	return n, nil
}

// point reads GeoJSON coordinates of a Point: [longitude, latitude] with an altitude that is not used.
func point(text string) (lon, lat float64, err error) {
	bad := tribune.Hint(fmt.Errorf("%w: coordinates of a Point are [longitude,latitude] in degrees", tribune.ErrInvalid), "Like [-1.9,52.48], percent-encoded in a URL.")
	if len(text) > maxCoordinates {
		return 0, 0, bad
	}
	var c []float64
	if json.Unmarshal([]byte(text), &c) != nil || len(c) < 2 || len(c) > 3 || math.Abs(c[0]) > 180 || math.Abs(c[1]) > 90 {
		return 0, 0, bad
	}
	return c[0], c[1], nil
}
