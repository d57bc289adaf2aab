package query

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func shape(t testing.TB, typ, coordinates string) *Geometry {
	t.Helper()
	g, err := Reference(typ, json.RawMessage(coordinates))
	if err != nil {
		t.Fatalf("%s %s: %v", typ, coordinates, err)
	}
	return g
}

func TestRelationsAreThoseOfSimpleFeatures(t *testing.T) {
	shapes := map[string]*Geometry{
		"square": shape(t, "Polygon", `[[[0,0],[10,0],[10,10],[0,10],[0,0]]]`),
		"turned": shape(t, "Polygon", `[[[10,10],[0,10],[0,5],[0,0],[10,0],[10,10]]]`), // the square, written differently
		"inner":  shape(t, "Polygon", `[[[2,2],[4,2],[4,4],[2,4],[2,2]]]`),
		"shift":  shape(t, "Polygon", `[[[5,5],[15,5],[15,15],[5,15],[5,5]]]`),
		"beside": shape(t, "Polygon", `[[[10,0],[20,0],[20,10],[10,10],[10,0]]]`),
		"far":    shape(t, "Polygon", `[[[30,30],[31,30],[31,31],[30,31],[30,30]]]`),
		"ring":   shape(t, "Polygon", `[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[1,1],[9,1],[9,9],[1,9],[1,1]]]`),
		"hole":   shape(t, "Polygon", `[[[1,1],[9,1],[9,9],[1,9],[1,1]]]`),
		"both":   shape(t, "MultiPolygon", `[[[[0,0],[10,0],[10,10],[0,10],[0,0]]],[[[30,30],[31,30],[31,31],[30,31],[30,30]]]]`),
		"centre": shape(t, "Point", `[5,5]`),
		"corner": shape(t, "Point", `[0,0]`),
		"two":    shape(t, "MultiPoint", `[[5,5],[40,40]]`),
		"three":  shape(t, "MultiPoint", `[[5,5],[41,41]]`),
		"cross":  shape(t, "LineString", `[[-5,5],[15,5]]`),
		"up":     shape(t, "LineString", `[[5,-5],[5,15]]`),
		"part":   shape(t, "LineString", `[[0,5],[5,5]]`),
		"along":  shape(t, "LineString", `[[5,5],[20,5]]`),
		"edge":   shape(t, "LineString", `[[0,0],[10,0]]`),
		"lines":  shape(t, "MultiLineString", `[[[-5,5],[15,5]],[[50,50],[51,51]]]`),
	}
	for pair, want := range map[[2]string]string{ // of: intersects within contains overlaps equals
		{"square", "turned"}: "iwc-e", {"inner", "square"}: "iw---", {"square", "inner"}: "i-c--", {"square", "shift"}: "i--o-", {"square", "beside"}: "i----",
		{"square", "far"}: "-----", {"ring", "square"}: "iw---", {"hole", "ring"}: "i----", {"inner", "ring"}: "-----", {"square", "both"}: "iw---", {"both", "square"}: "i-c--",
		{"shift", "both"}: "i--o-", {"centre", "square"}: "iw---", {"corner", "square"}: "i----", {"centre", "ring"}: "-----", {"square", "centre"}: "i-c--",
		{"centre", "two"}: "iw---", {"two", "three"}: "i--o-", {"two", "square"}: "i----", {"cross", "square"}: "i----", {"cross", "up"}: "i----",
		{"part", "cross"}: "iw---", {"cross", "part"}: "i-c--", {"part", "square"}: "iw---", {"along", "cross"}: "i--o-", {"edge", "square"}: "i----",
		{"cross", "lines"}: "iw---", {"centre", "cross"}: "iw---", {"centre", "centre"}: "iwc-e", {"corner", "centre"}: "-----", {"up", "far"}: "-----",
		{"inner", "hole"}: "iw---", {"edge", "edge"}: "iwc-e",
	} {
		a, b := shapes[pair[0]], shapes[pair[1]]
		got := []byte("-----")
		for i, holds := range []bool{a.Intersects(b), a.Within(b), a.Contains(b), a.Overlaps(b), a.Equals(b)} {
			if holds {
				got[i] = "iwcoe"[i]
			}
		}
		if string(got) != want {
			t.Errorf("%s to %s: got %s, want %s", pair[0], pair[1], got, want)
		}
	}
}

// What the relations say of each other: were one of them wrong on some shape, two of them would contradict.
func TestRelationsAgreeWithEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	box := func() *Geometry {
		x, y := float64(rng.IntN(8)), float64(rng.IntN(8))
		w, h := float64(1+rng.IntN(6)), float64(1+rng.IntN(6))
		switch rng.IntN(4) {
		case 0:
			return shape(t, "Point", fmt.Sprintf("[%v,%v]", x, y))
		case 1:
			return shape(t, "LineString", fmt.Sprintf("[[%v,%v],[%v,%v]]", x, y, x+w, y+h*float64(rng.IntN(2))))
		}
		return shape(t, "Polygon", fmt.Sprintf("[[[%v,%v],[%v,%v],[%v,%v],[%v,%v],[%[1]v,%[2]v]]]", x, y, x+w, y, x+w, y+h, x, y+h))
	}
	seen := map[string]int{}
	for i := range 20000 {
		a, b := box(), box()
		within, contains, equals, overlaps, meets := a.Within(b), a.Contains(b), a.Equals(b), a.Overlaps(b), a.Intersects(b)
		switch {
		case meets != b.Intersects(a), overlaps != b.Overlaps(a), equals != b.Equals(a), within != b.Contains(a), contains != b.Within(a):
			t.Fatalf("%+v and %+v: one way is not the other", a, b)
		case (within || contains || equals || overlaps) && !meets, overlaps && (within || contains), equals != (within && contains):
			t.Fatalf("%+v and %+v: meets %v, within %v, contains %v, overlaps %v, equals %v", a, b, meets, within, contains, overlaps, equals)
		case i%100 == 0 && meets != (a.Distance(b) == 0):
			t.Fatalf("%+v and %+v: meets %v at %v m", a, b, meets, a.Distance(b))
		}
		seen[fmt.Sprint(meets, within, contains, overlaps, equals)]++
	}
	if len(seen) < 5 {
		t.Errorf("only %v was seen", seen)
	}
}

func TestDistancesAreToTheNearestPlaceInMetres(t *testing.T) {
	line := shape(t, "LineString", `[[0,60],[10,60]]`)
	for name, c := range map[string]struct {
		a, b *Geometry
		want float64
	}{
		"points":             {shape(t, "Point", `[8,40]`), shape(t, "Point", `[8,40.009]`), 1000.75},
		"end of a line":      {shape(t, "Point", `[10,60.009]`), line, 1000.75},
		"middle of a line":   {shape(t, "Point", `[5,60.009]`), line, 1000.75}, // it is straight on the map: a great circle lies 24 km farther north
		"near the pole":      {shape(t, "Point", `[0,85]`), shape(t, "LineString", `[[0,85.6],[1,85]]`), 9585},
		"two lines":          {shape(t, "LineString", `[[0,60.009],[10,60.009]]`), line, 1000.75},
		"across the date":    {shape(t, "Point", `[179.99,0]`), shape(t, "Point", `[-179.99,0]`), 2223.9},
		"a polygon's inside": {shape(t, "Point", `[5,5]`), shape(t, "Polygon", `[[[0,0],[10,0],[10,10],[0,10],[0,0]]]`), 0},
		"a polygon's hole":   {shape(t, "Point", `[5,5]`), shape(t, "Polygon", `[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4.9,4.9],[5.1,4.9],[5.1,5.1],[4.9,5.1],[4.9,4.9]]]`), 11077},
	} {
		for _, d := range []float64{c.a.Distance(c.b), c.b.Distance(c.a)} {
			if math.Abs(d-c.want) > 0.002*c.want {
				t.Errorf("%s: got %.1f m, want %.1f", name, d, c.want)
			}
		}
	}
}

func TestGeoqueriesAreReadAsTheGrammarHasThem(t *testing.T) {
	for _, bad := range [][3]string{
		{"near", "Point", "[8,40]"}, {"near;maxDistance==0", "Point", "[8,40]"}, {"near;maxDistance==-1", "Point", "[8,40]"}, {"near;maxDistance==inf", "Point", "[8,40]"},
		{"near;maxDistance==1e400", "Point", "[8,40]"}, {"near;maxDistance=5", "Point", "[8,40]"}, {"near;maxDistance==5;minDistance==1", "Point", "[8,40]"}, {"near;distance==5", "Point", "[8,40]"},
		{"touches", "Point", "[8,40]"}, {"within;maxDistance==5", "Point", "[8,40]"}, {"within", "GeometryCollection", "[]"}, {"within", "Polygon", "[[[0,0],[1,0],[1,1]]]"},
		{"within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"}, {"within", "LineString", "[[0,0]]"}, {"within", "Point", "[0,0"}, {"within", "Point", `["0",0]`}, {"within", "Point", "[0]"},
		{"", "Point", "[8,40]"}, {"within", "", "[8,40]"}, {"within", "Point", ""}, {"within", "Point", "[181,0]"}, {"within", "Polygon", "[]"},
	} {
		if _, err := ParseGeo(bad[0], bad[1], json.RawMessage(bad[2]), ""); err == nil {
			t.Errorf("%v: want an error", bad)
		}
	}
	g, err := ParseGeo("near;minDistance==2e3", "MultiPoint", json.RawMessage(" [ [8, 40] , [9,41,100] ] "), "")
	if err != nil || g.MinDistance != 2000 || g.Property != Location {
		t.Errorf("got %+v, %v", g, err)
	}
}

// FuzzGeo: whatever is read does not fail, agrees with itself, and is found in the cells that an index looks in.
func FuzzGeo(f *testing.F) {
	f.Add("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]", `{"type":"Point","coordinates":[0.5,0.5]}`)
	f.Add("near;maxDistance==5000", "Point", "[179.999,89.9]", `{"type":"LineString","coordinates":[[-179.999,89.95],[1,2]]}`)
	f.Add("overlaps", "MultiPolygon", "[[[[0,0],[1,0],[1,1],[0,0]]]]", `{"type":"MultiPoint","coordinates":[[0,0],[0,0]]}`)
	f.Add("equals", "MultiLineString", "[[[0,0],[0,0]],[[1,1],[2,2]]]", `{"type":"Polygon","coordinates":[[[0,0],[0,0],[0,0],[0,0]]]}`)
	f.Fuzz(func(t *testing.T, georel, geometry, coordinates, target string) {
		g, err := ParseGeo(georel, geometry, json.RawMessage(coordinates), "")
		if err != nil {
			return
		}
		at, err := ParseGeometry(json.RawMessage(target))
		if err != nil {
			return
		}
		holds := g.Holds(at)
		if a, b := at.Distance(g.Ref), g.Ref.Distance(at); math.IsNaN(a) || math.Abs(a-b) > 1+a/100 {
			t.Fatalf("%v m one way, %v m the other", a, b)
		}
		positions, areas, ok := g.Cells()
		if !ok || !holds {
			return
		}
		cells, leaf := at.Cells()
		ranges := areas
		if leaf {
			ranges = positions
		}
		for _, c := range cells {
			for _, r := range ranges {
				if r.From <= c && c <= r.To && (!leaf || g.Judge(c) != No) {
					return
				}
			}
		}
		t.Fatalf("%s %s %s holds of %s, which no cell finds", georel, geometry, coordinates, target)
	})
}

func TestStandardsOwnExampleIsAPlaceAtThePole(t *testing.T) {
	g, err := ParseGeo("near;maxDistance==2000", "Point", json.RawMessage("[-1,100]"), "")
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]bool{"[12,89.99]": true, "[-1,80]": false} {
		if got := g.Holds(shape(t, "Point", place)); got != want {
			t.Errorf("%s: got %v, want %v", place, got, want)
		}
	}
}
