package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func same(term string) (tribune.Name, error) { return tribune.Name(term), nil }

func entity(t *testing.T) *model.Entity {
	t.Helper()
	p := func(v string) []model.Attr { return []model.Attr{{Kind: model.Property, Value: json.RawMessage(v)}} }
	speed := p("55.5")
	speed[0].UnitCode, speed[0].ObservedAt = "KMH", time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	speed[0].Sub = map[tribune.Name][]model.Attr{"accuracy": p("0.9"), "source": {{Kind: model.Property, Value: json.RawMessage(`"gps"`), Sub: map[tribune.Name][]model.Attr{"rank": p("3")}}}}
	return &model.Entity{ID: "urn:e:1", Types: []tribune.Name{"Vehicle", "Car"}, CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Attrs: map[tribune.Name][]model.Attr{
			"speed": speed, "brand": p(`"Merc\"edes"`), "open": p("true"), "tags": p(`["a","b",3]`), "zero": p("0"),
			"address":                       p(`{"city":"Birmingham","geo":{"zone":7},"list":[{"n":1},{"n":2}]}`),
			"seen":                          p(`{"@type":"DateTime","@value":"2018-02-11T00:00:00.00Z"}`),
			"seenText":                      p(`"2018-02-11T00:00:00Z"`),
			"owner":                         {{Kind: model.Relationship, Value: json.RawMessage(`"urn:ngsi-ld:Person:1"`)}},
			"name":                          {{Kind: model.LanguageProperty, Value: json.RawMessage(`{"en":"Park","fr":"Parc"}`)}},
			"two":                           {{Kind: model.Property, Value: json.RawMessage("1")}, {Kind: model.Property, Dataset: "urn:d", Value: json.RawMessage("9")}},
			"plate":                         {{Sealed: &tribune.Sealed{Value: []byte("x")}}},
			"https://example.org/full.name": p("1"),
		}}
}

func TestTermsMatchAsTheStandardSays(t *testing.T) {
	e := entity(t)
	for q, want := range map[string]bool{
		`speed`: true, `nothing`: false, `speed==55.5`: true, `speed!=55.5`: false, `speed!=1`: true, `nothing!=1`: false,
		`speed>50`: true, `speed>55.5`: false, `speed>=55.5`: true, `speed<56`: true, `speed<=55`: false, `speed==50..60`: true,
		`speed==56..60`: false, `speed!=56..60`: true, `speed==1,2,55.5`: true, `speed!=1,55.5`: false, `speed=="55.5"`: false,
		`brand=="Merc\"edes"`: true, `brand~=^Merc`: true, `brand!~=^Merc`: false, `brand~=x`: false, `nothing!~=x`: false,
		`brand~=(Merc|BMW);speed>1`: true, `brand~="a;b"|speed>1`: true, `open==true`: true, `open!=true`: false, `open==false`: false,
		`tags=="b"`: true, `tags==3`: true, `tags=="c"`: false, `tags!="c"`: true, `tags!="a"`: false, `zero==-0`: true,
		`address[city]=="Birmingham"`: true, `address[geo.zone]>6`: true, `address[geo.zone]>7`: false, `address[list.n]==2`: true,
		`address[none]`: false, `address[city]`: true, `address=="Birmingham"`: false, `address[none]!=1`: false,
		`seen==2018-02-11T00:00:00Z`: true, `seen>2018-02-10T23:00:00Z`: true, `seenText<2018-02-11T01:00:00+02:00`: false,
		`seenText==2018-02-11T02:00:00+02:00`: true, `seenText>="2018-02-11"`: true,
		`owner==urn:ngsi-ld:Person:1`: true, `owner=="urn:ngsi-ld:Person:1"`: true, `owner==urn:ngsi-ld:Person:2,urn:ngsi-ld:Person:1`: true,
		`name[en]=="Park"`: true, `name[*]=="Parc"`: true, `name[fr]=="Park"`: false,
		`speed.accuracy>0.8`: true, `speed.source.rank==3`: true, `speed.source=="gps"`: true, `speed.none`: false,
		`speed.unitCode=="KMH"`: true, `speed.observedAt>2026-11-22T09:00:00Z`: true, `speed.observedAt>2026-11-22T10:00:00Z`: false,
		`createdAt>2025-01-01T00:00:00Z`: true, `two==9`: true, `two==1`: true, `two!=1`: true, `two==5`: false,
		`https://example.org/full.name==1`: true,
		`plate`:                            false, `plate!="x"`: false, `plate=="x"|speed>1`: true, `plate.sub`: false, `plate[a]`: false, `plate!~=a`: false,
		`speed>1;brand~=Merc|nothing`: true, `nothing|speed>1;nothing`: false, `(nothing|speed>1);open==true`: true,
		`((speed>1))`: true, `nothing;(speed>1|open==true)`: false,
	} {
		x, err := Parse(q, same)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := x.Match(e); got != want {
			t.Errorf("%s: got %v, want %v", q, got, want)
		}
	}
}

func TestBadQueriesAreRefusedWithPositionAndHint(t *testing.T) {
	for _, q := range []string{
		"", "==1", "speed==", "speed=1", "speed>", "speed>true", "speed==a", "speed==1,", "speed==1..\"a\"", "speed==true..false",
		"(speed", "speed)", "speed;;a", "speed;", "|speed", "a[b", "a[]==1", "a[b..c]", "a..b==1", "brand==\"x", "brand~=", "brand~=(",
		"speed==1 ", "a b==1", "a{b", "a{}", "a}", "a{b}}", "a{b}[c]", "a.b{c}", "a{:b}", strings.Repeat("a{", 20) + "b" + strings.Repeat("}", 20), "observedAt>2026-11-22T10:00:00Z", "a.observedAt[x]", "speed==\"\\x\"", "\xff",
		strings.Repeat("(", 40) + "a" + strings.Repeat(")", 40), strings.Repeat("a;", 100) + "a", strings.Repeat("a", MaxText+1),
		"a==" + strings.Repeat("1,", 100) + "1", "a~=" + strings.Repeat("a", MaxRegexp+1), "a\x00b==1",
	} {
		_, err := Parse(q, same)
		if !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" || !strings.Contains(err.Error(), "at character") {
			t.Errorf("%.40q: got %v with hint %q, want ErrInvalid with position and hint", q, err, tribune.HintOf(err))
		}
	}
	_, err := Parse("a;bad", func(s string) (tribune.Name, error) {
		if s == "bad" {
			return "", errors.New("no such term")
		}
		return tribune.Name(s), nil
	})
	if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "character 3") {
		t.Errorf("name that does not expand: got %v", err)
	}
}

func TestEqualIsTakenFromConjunctsOnly(t *testing.T) {
	for q, want := range map[string]string{
		`plate=="AB";speed>1`: "AB", `speed>1;(plate=="AB";x)`: "AB", `plate=="AB"`: "AB",
		`plate=="AB"|speed>1`: "", `plate!="AB"`: "", `plate=="AB","CD"`: "", `plate.x=="AB"`: "", `plate[x]=="AB"`: "", `plate=="A".."B"`: "",
		`plate==5`: "",
	} {
		x, err := Parse(q, same)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := x.Equal("plate"); got != want || ok != (want != "") {
			t.Errorf("%s: got %q %v, want %q", q, got, ok, want)
		}
	}
	x, _ := Parse(`plate=="AB";speed>1`, same)
	rest := x.Without("plate")
	if !rest.Match(entity(t)) || len(rest.Attrs()) != 1 {
		t.Errorf("without plate: attrs %v", rest.Attrs())
	}
	x, _ = Parse(`plate=="AB"`, same)
	if rest := x.Without("plate"); rest != nil {
		t.Errorf("without its only term: got %v, want nil", rest.Attrs())
	}
}

func TestTypeExpressions(t *testing.T) {
	types := []tribune.Name{"Vehicle", "Car"}
	for text, want := range map[string]struct {
		match bool
		cand  string
		exact bool
	}{
		"Vehicle": {true, "Vehicle", true}, "A,B": {false, "A,B", true}, "(A|Car)": {true, "A,Car", true}, "Vehicle;Car": {true, "Vehicle", false},
		"A;Car": {false, "A", false}, "(A,Vehicle);Car": {true, "Car", false}, "A,(Vehicle;Car)": {true, "A,Vehicle", false},
	} {
		x, err := ParseTypes(text, same)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var cand []string
		for _, c := range x.Candidates() {
			cand = append(cand, string(c))
		}
		if x.Match(types) != want.match || strings.Join(cand, ",") != want.cand || x.Exact() != want.exact {
			t.Errorf("%s: got %v %v %v, want %v", text, x.Match(types), cand, x.Exact(), want)
		}
	}
	for _, text := range []string{"", ",", "A,", "(A", "A)", "A B", "A;;B", strings.Repeat("(", 50) + "A"} {
		if _, err := ParseTypes(text, same); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%q: got %v, want ErrInvalid with hint", text, err)
		}
	}
}

// An index answers from the order of bytes; were it not the order of values, a query would silently miss entities.
func TestOrderedBytesOrderAsScalars(t *testing.T) {
	var all []Scalar
	for _, f := range []float64{math.Inf(-1), -1e300, -5, -1.5, -1, -1e-300, 0, 1e-300, 1, 1.5, 2, 10, 1e300} {
		all = append(all, Scalar{Kind: Number, Number: f})
	}
	for _, s := range []string{"", "A", "AB", "B", "a", "ä", "日"} {
		all = append(all, Scalar{Kind: Text, Text: s})
	}
	for _, n := range []int64{-1 << 40, -1, 0, 1, 1 << 40} {
		all = append(all, Scalar{Kind: DateTime, Time: time.Unix(n, 5)}, Scalar{Kind: DateTime, Time: time.Unix(n, 6)})
	}
	all = append(all, Scalar{Kind: Bool}, Scalar{Kind: Bool, Bool: true})
	for _, a := range all {
		for _, b := range all {
			if a.Kind != b.Kind {
				continue
			}
			if got, want := bytes.Compare(a.Ordered(), b.Ordered()), a.Compare(b); got != want {
				t.Errorf("%v and %v: bytes %d, scalars %d", a, b, got, want)
			}
		}
	}
	minus := Scalar{Kind: Number, Number: math.Copysign(0, -1)}
	if !bytes.Equal(minus.Ordered(), Scalar{Kind: Number}.Ordered()) {
		t.Error("-0 and 0 have different bytes")
	}
}

func TestDistanceAndCells(t *testing.T) {
	geo := func(s string) *Geometry {
		g, err := ParseGeometry(json.RawMessage(s))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	point := geo(`{"type":"Point","coordinates":[-1.8904,52.4862]}`)
	from := func(lon, lat float64) *Geometry {
		return geo(fmt.Sprintf(`{"type":"Point","coordinates":[%v,%v]}`, lon, lat))
	}
	if d := point.Distance(from(-1.8904, 52.4952)); math.Abs(d-1000.75) > 1 {
		t.Errorf("0.009 degrees of latitude: got %.1f m, want 1000.8", d)
	}
	square := geo(`{"type":"Polygon","coordinates":[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]]]}`)
	if d := square.Distance(from(0.05, 0.05)); d != 0 {
		t.Errorf("inside a polygon: got %f m", d)
	}
	if d := square.Distance(from(0.05, 0.109)); math.Abs(d-1000.75) > 2 {
		t.Errorf("north of a polygon: got %.1f m, want 1000.8", d)
	}
	line := geo(`{"type":"LineString","coordinates":[[0,0],[0.1,0]]}`)
	if d := line.Distance(from(0.05, 0.009)); math.Abs(d-1000.75) > 1 {
		t.Errorf("beside a line: got %.1f m, want 1000.8", d)
	}
	huge := geo(`{"type":"Polygon","coordinates":[[[0,0],[50,0],[50,50],[0,50],[0,0]]]}`)
	// whatever lies within the distance must lie in the intervals
	for _, g := range []*Geometry{point, square, line, huge} {
		for _, at := range [][2]float64{{-1.8904, 52.4862}, {0.05, 0.05}, {0.05, 0.109}, {-1.9, 52.49}, {0.3, 0.3}, {20, 20}} {
			for _, metres := range []float64{1, 100, 1500, 20000, 300000} {
				q, err := ParseGeo(fmt.Sprintf("near;maxDistance==%v", metres), "Point", json.RawMessage(fmt.Sprintf("[%v,%v]", at[0], at[1])), "")
				if err != nil {
					t.Fatal(err)
				}
				positions, areas, ok := q.Cells()
				if !ok {
					t.Fatalf("%v m: no ranges", metres)
				}
				cells, leaf := g.Cells()
				ranges := areas
				if leaf {
					ranges = positions
				}
				found := false
				for _, c := range cells {
					for _, r := range ranges {
						found = found || r.From <= c && c <= r.To && (!leaf || q.Judge(c) != No)
					}
				}
				if q.Holds(g) && !found {
					t.Errorf("%v within %.0f m of %v is not in the cells", g.lines, metres, at)
				}
			}
		}
	}
	for _, bad := range []string{`{}`, `5`, `{"type":"Point","coordinates":[1]}`, `{"type":"Point","coordinates":[200,0]}`, `{"type":"Round"}`, `{"type":"LineString","coordinates":[]}`, `{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]}]}`} {
		if _, err := ParseGeometry(json.RawMessage(bad)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`speed>50;brand=="x"|(a.b[c.d]~=^x(a|b);e==1..2)`, `a!~="x"`, `p==urn:x:1,2.5e3`, `t>=2026-11-22T10:00:00Z`, `a[*]!=true`} {
		f.Add(s)
	}
	e := &model.Entity{Attrs: map[tribune.Name][]model.Attr{"a": {{Value: json.RawMessage(`[1,{"b":2}]`)}}}}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Parse(s, same)
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("%q: %v is not ErrInvalid", s, err)
			}
			return
		}
		x.Match(e)
		for _, term := range x.Conjuncts() {
			spans, ok := term.Spans()
			if ok && len(spans) == 0 {
				t.Fatalf("%q: spans that cover nothing", s)
			}
			if x.Match(e) && !term.Match(e) {
				t.Fatalf("%q matches but its conjunct %+v does not", s, term)
			}
		}
	})
}

func FuzzParseTypes(f *testing.F) {
	f.Add("A,(B;C)|D")
	f.Fuzz(func(t *testing.T, s string) {
		x, err := ParseTypes(s, same)
		if err == nil && len(x.Candidates()) == 0 {
			t.Fatalf("%q has no candidates", s)
		}
	})
}

func FuzzGeometry(f *testing.F) {
	f.Add(`{"type":"Polygon","coordinates":[[[0,0],[0.1,0],[0.1,0.1],[0,0]]]}`)
	f.Fuzz(func(t *testing.T, s string) {
		if g, err := ParseGeometry(json.RawMessage(s)); err == nil {
			if cells, _ := g.Cells(); len(cells) == 0 {
				t.Fatalf("%s has no cells", s)
			}
			g.Distance(g)
		}
	})
}
