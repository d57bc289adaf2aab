package federation

import (
	"encoding/json"
	"errors"
	"testing"

	"tribune"
	"tribune/internal/twin/query"
)

// Clause 5.10.2.4: a source matches where its place does, or where something within its place may.
func TestPlaceMatchesWhatMayLieInIt(t *testing.T) {
	const (
		point  = `{"type": "Point", "coordinates": [1, 1]}`
		far    = `{"type": "Point", "coordinates": [9, 9]}`
		region = `{"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}`
		small  = `[[[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 1.5], [0.5, 0.5]]]`
	)
	for _, test := range []struct {
		georel, geometry, coordinates string
		point, far, region            bool
	}{
		{"near;maxDistance==1000", "Point", "[1, 1]", true, false, true},
		{"near;minDistance==1000", "Point", "[1, 1]", true, true, true}, // what is registered as a point may well be an area's middle
		{"within", "Polygon", small, true, false, true},
		{"intersects", "Polygon", small, true, false, true},
		{"contains", "Polygon", small, false, false, true},
		{"equals", "Point", "[1, 1]", true, false, true},
		{"disjoint", "Polygon", small, false, true, true},
	} {
		holds, property, err := ParsePlace(terms, test.georel, test.geometry, test.coordinates, "")
		if err != nil || property != locationSpace {
			t.Errorf("%s: got %q, %v", test.georel, property, err)
			continue
		}
		for place, want := range map[string]bool{point: test.point, far: test.far, region: test.region} {
			g, err := query.ParseGeometry(json.RawMessage(place))
			if err != nil {
				t.Fatal(err)
			}
			if got := holds(g); got != want {
				t.Errorf("%s %s of %s: got %v", test.georel, test.coordinates, place, got)
			}
		}
	}
	if _, property, err := ParsePlace(terms, "within", "Point", "[1, 1]", "operationSpace"); err != nil || property != tribune.Name(terms+"operationSpace") {
		t.Errorf("got %q, %v", property, err)
	}
	for _, bad := range [][3]string{{"within", "", ""}, {"", "Point", "[1, 1]"}, {"beside", "Point", "[1, 1]"}, {"within", "Polygon", "[[1, 1], [2, 2], [1, 2]]"}} {
		if _, _, err := ParsePlace(terms, bad[0], bad[1], bad[2], ""); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}
