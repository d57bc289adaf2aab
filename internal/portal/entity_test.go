package portal

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

const zoo = "/entities/urn:ngsi-ld:OffStreetParking:zoo"

func TestEntityShowsValuesWithTimesAndHistory(t *testing.T) {
	cfg := testConfig(t)
	w := get(newPortal(t, cfg), zoo)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	has(t, w.Body.String(),
		"<h1>Zoo</h1>", "Car park <small class=\"hash\">"+vocabulary+"OffStreetParking</small>", "Free places", "Places in all", "22 November 2026, 09:00:00 UTC",
		"History: Free places", "25 values", `<polyline points="`, `<data value="47">47</data>`, `href="/ngsi-ld/v1/entities/urn:ngsi-ld:OffStreetParking:zoo"`,
		`history.csv?attr=availableSpotNumber&amp;range=24h`, "52.49, -1.91",
	)
}

func TestRangesEndWithTheNewestValue(t *testing.T) {
	cfg := testConfig(t)
	tw := cfg.Twin.(*fakeTwin)
	p := newPortal(t, cfg)
	for span, want := range map[string]int{"24h": 25, "7d": 48, "all": 48} {
		body := get(p, zoo+"?attr=occupiedSpotNumber&range="+span).Body.String()
		if n := strings.Count(body, "<data value="); n != want {
			t.Errorf("%s: %d values, want %d", span, n, want)
		}
		if span != "all" && (tw.past.Rel != "between" || !tw.past.End.After(now) || tw.past.End.After(now.Add(time.Minute))) {
			t.Errorf("%s asked %+v", span, *tw.past)
		}
		if tw.past.LastN != shownPoints {
			t.Errorf("%s asks for %d values", span, tw.past.LastN)
		}
	}
	for _, query := range []string{"?range=1h", "?range=9999999d"} {
		if w := get(p, zoo+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s answers %d", query, w.Code)
		}
	}
	for _, query := range []string{"?attr=name", "?attr=nothing", "?attr=location"} {
		if w := get(p, zoo+query); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", query, w.Code)
		}
	}
}

func TestDownloadsAreWholeAndOldestFirst(t *testing.T) {
	cfg := testConfig(t)
	p := newPortal(t, cfg)
	w := get(p, zoo+"/history.csv?attr=availableSpotNumber")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 49 || strings.Join(rows[0], ",") != "observedAt,value,unitCode" || rows[1][0] != "2026-11-20T11:00:00Z" || rows[48][1] != "47" {
		t.Errorf("got %d rows, %v, %v", len(rows), rows[:2], err)
	}
	if d := w.Header().Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("Content-Disposition %q", d)
	}
	var out struct {
		Entity, Attribute string
		Older             bool
		Values            []point
	}
	w = get(p, zoo+"/history.json?attr=availableSpotNumber&range=24h")
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || len(out.Values) != 25 || out.Attribute != vocabulary+"availableSpotNumber" || out.Older || out.Values[0].At.After(out.Values[1].At) {
		t.Errorf("got %s, %v", w.Body, err)
	}
	if w := get(p, zoo+"/history.json"); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("without an attribute: %d %v", w.Code, w.Header())
	}
}

// A unit is text from outside, and a spreadsheet would run it; a negative number is a number.
func TestDownloadsAreNoFormulas(t *testing.T) {
	cfg := testConfig(t)
	v := entity("AirQualityObserved", "urn:cold", map[string]any{"temperature": -60})
	v.Attrs[vocabulary+"temperature"][0].UnitCode = "=cmd|' /C calc'!A0"
	cfg.Twin = &fakeTwin{views: []twin.View{v}}
	body := get(newPortal(t, cfg), "/entities/urn:cold/history.csv?attr=temperature").Body.String()
	if !strings.Contains(body, ",-60,") || strings.Contains(body, ",=cmd") {
		t.Errorf("got %s", body)
	}
}

func TestValuesAreWrittenForPeople(t *testing.T) {
	w := wordsTagged("en")
	for _, c := range []struct {
		kind  model.Kind
		value string
		want  string
	}{
		{model.Property, `12.345678`, "12.3457"}, {model.Property, `1234567`, "1,234,567"}, {model.Property, `-0.5`, "-0.5"}, {model.Property, `"text"`, "text"}, {model.Property, `true`, "yes"},
		{model.Property, `{"@type":"DateTime","@value":"2026-11-22T10:00:00Z"}`, "22 November 2026, 10:00:00 UTC"}, {model.Property, `null`, "null"}, {model.Property, `1e999`, "1e999"},
		{model.GeoProperty, `{"type":"Point","coordinates":[-1.9,52.5]}`, "52.5, -1.9"}, {model.GeoProperty, `{"type":"Point","coordinates":[]}`, `{"type":"Point","coordinates":[]}`},
		{model.LanguageProperty, `{"@none":"x"}`, "x"}, {model.Property, `"` + strings.Repeat("a", 400) + `"`, strings.Repeat("a", 400)}, {model.JSONProperty, `[` + strings.Repeat("1,", 300) + `1]`, `[` + strings.Repeat("1,", 149) + `1…`},
	} {
		if got := w.value(&model.Attr{Kind: c.kind, Value: json.RawMessage(c.value)}); got != c.want {
			t.Errorf("%s %.60s: got %q, want %q", c.kind, c.value, got, c.want)
		}
	}
	for local, want := range map[string]string{"fillingLevel": "Filling level", "PM2.5": "Fine dust, PM2.5", "": "", "x": "X", "éCole": "É cole", "HTTPPort": "HTTPPort"} {
		if got := w.attribute(local); got != want {
			t.Errorf("%q: got %q, want %q", local, got, want)
		}
	}
}

func TestPlacesOutsideTheWorldAreNone(t *testing.T) {
	for value, want := range map[string]bool{
		`{"type":"Point","coordinates":[-1.9,52.5]}`: true, `{"type":"Point","coordinates":[181,0]}`: false, `{"type":"Point","coordinates":[0]}`: false, `{"type":"Polygon","coordinates":[[0,0]]}`: false, `"here"`: false, ``: false,
	} {
		v := entity("OffStreetParking", "urn:x", nil)
		v.Attrs[twin.LocationIRI] = []model.Attr{{Kind: model.GeoProperty, Value: json.RawMessage(value)}}
		if at, _ := placeOf(&v.Entity); (at != nil) != want {
			t.Errorf("%s: got %v", value, at)
		}
	}
}

// A curve through values that are all the same, or through one, has no height to divide by.
func TestCurvesOfFlatAndShortHistories(t *testing.T) {
	for _, values := range [][]float64{{}, {5}, {5, 5, 5}, {1e308, -1e308}, {0, 1}} {
		h := history{}
		for i, v := range values {
			h.Points = append(h.Points, point{now.Add(time.Duration(i) * time.Minute), v})
		}
		h.draw()
		if strings.Contains(h.Curve, "NaN") || strings.Contains(h.Curve, "Inf") {
			t.Errorf("%v: %s", values, h.Curve)
		}
	}
}

func TestSensesCoverTheEntitiesTheyName(t *testing.T) {
	for _, c := range []struct {
		entity, id string
		want       bool
	}{
		{"urn:a", "urn:a", true}, {"urn:a", "urn:ab", false}, {"urn:{1}:x", "urn:7:x", true}, {"urn:{1}:x", "urn::x", false}, {"urn:{1}", "urn:7:x", true}, {"urn:aa{1}aa", "urn:aaa", false},
	} {
		if got := covers(c.entity, c.id); got != c.want {
			t.Errorf("%s, %s: got %v", c.entity, c.id, got)
		}
	}
}
