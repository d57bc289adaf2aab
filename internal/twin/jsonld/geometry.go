package jsonld

import (
	"bytes"
	"strconv"

	"tribune"
	"tribune/internal/twin/model"
)

// geometryOf is the GeoJSON geometry type of an object, "" where it is none.
func geometryOf(obj []byte) string {
	if len(obj) == 0 || obj[0] != '{' {
		return ""
	}
	var typ string
	var coordinates bool
	members(obj, func(key string, val []byte) error {
		switch key {
		case "type":
			typ, _ = text(val)
		case "coordinates":
			coordinates = true
		}
		return nil
	})
	if _, ok := depths[typ]; !ok || !coordinates {
		return ""
	}
	return typ
}

// place reports whether the standard says that an attribute is a place (clause 4.7.1).
func place(name tribune.Name) bool {
	switch name {
	case ngsi + "location", ngsi + "observationSpace", ngsi + "operationSpace":
		return true
	}
	return false
}

// allGeo reports whether instances are places, or may be: a fragment need not say what they are, nor what is deleted. Real data call
// a geometry a Property.
func allGeo(all []model.Attr) bool {
	for i := range all {
		if k := all[i].Kind; k != model.GeoProperty && k != "" && !all[i].Null() && (k != model.Property || geometryOf(all[i].Value) == "") {
			return false
		}
	}
	return true
}

// depths is how deep the positions of a geometry lie.
var depths = map[string]int{"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}

// geometry checks a GeoJSON geometry (RFC 7946, clause 4.7) and says which rule it breaks.
func geometry(val []byte) string {
	if val[0] != '{' {
		return "the value of a GeoProperty must be a GeoJSON geometry (clause 4.7)"
	}
	typ := geometryOf(val)
	if typ == "" {
		return "the value of a GeoProperty must be a GeoJSON Point, MultiPoint, LineString, MultiLineString, Polygon or MultiPolygon with coordinates (clause 4.7)"
	}
	var fault string
	members(val, func(key string, v []byte) error {
		if key == "coordinates" {
			fault = positions(v, typ, depths[typ])
		}
		return nil
	})
	return fault
}

// positions checks coordinates that nest depth levels above their positions.
func positions(val []byte, typ string, depth int) string {
	if len(val) == 0 || val[0] != '[' {
		return "coordinates of a " + typ + " must be arrays (RFC 7946)"
	}
	if depth == 0 {
		return position(val)
	}
	n, fault := 0, ""
	var first, last []byte
	elements(val, func(v []byte) bool {
		if n++; n == 1 {
			first = v
		}
		last = v
		fault = positions(v, typ, depth-1)
		return fault == ""
	})
	if fault != "" || depth > 1 {
		if fault == "" && n == 0 {
			return "coordinates of a " + typ + " must not be empty (RFC 7946)"
		}
		return fault
	}
	switch typ {
	case "LineString", "MultiLineString":
		if n < 2 {
			return "a line must have two positions or more (RFC 7946)"
		}
	case "Polygon", "MultiPolygon":
		if n < 4 || !bytes.Equal(compact(first), compact(last)) {
			return "a ring of a polygon must have four positions or more and end where it began (RFC 7946)"
		}
	default:
		if n < 1 {
			return "coordinates of a " + typ + " must not be empty (RFC 7946)"
		}
	}
	return ""
}

func position(val []byte) string {
	n, fault := 0, ""
	elements(val, func(v []byte) bool {
		f, err := strconv.ParseFloat(string(v), 64)
		switch n++; {
		case err != nil:
			fault = "a position must be numbers (RFC 7946)"
		case n == 1 && (f < -180 || f > 180):
			fault = "a longitude lies within -180 and 180; it comes before the latitude (RFC 7946)"
		case n == 2 && (f < -90 || f > 90):
			fault = "a latitude lies within -90 and 90; it comes after the longitude (RFC 7946)"
		}
		return fault == ""
	})
	if fault == "" && (n < 2 || n > 3) {
		return "a position is a longitude, a latitude and perhaps an altitude (RFC 7946)"
	}
	return fault
}
