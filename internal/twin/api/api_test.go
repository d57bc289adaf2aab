package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tribune/internal/twin/jsonld"
)

func TestRealEntities(t *testing.T) {
	c := newCity(t)
	broken := map[string][2]string{
		"FloodMonitoring": {"floodLevelStatus", "is none of"}, "NightSkyQuality": {"id", "URI"}, "PhreaticObserved": {"depth", "clause 4.6"},
		"WaterObserved": {"dateObserved", "URI"}, "RestrictionException": {"name", "is none of"}, "SpecialRestriction": {"name", "is none of"},
		"TransportStation": {"dateLastReported", "is none of"}, "Vehicle": {"battery.observedAt", "UTC"}, "VehicleFault": {"observedAt", "is no attribute"},
	}
	files, _ := filepath.Glob("../../../data/entities/*.jsonld")
	counts := map[int]int{}
	for _, file := range files {
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".jsonld"), "-")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := c.do(t, "POST", "/entities", string(text), as("integrator-1"), "Content-Type: application/ld+json")
		counts[a.status]++
		if want, bad := broken[name]; bad {
			p := a.json(t)
			if a.status != 400 || p["type"] != "https://uri.etsi.org/ngsi-ld/errors/BadRequestData" || !strings.Contains(p["detail"].(string), `"`+want[0]) || !strings.Contains(p["detail"].(string), want[1]) {
				t.Errorf("%s: got %d %s, want 400 naming %v", name, a.status, a.body, want)
			}
			continue
		}
		if name == "TrafficEnvironmentImpactForecast" {
			if a.status != 409 {
				t.Errorf("the repeated id: got %d %s, want 409", a.status, a.body)
			}
			continue
		}
		if a.status != 201 {
			t.Errorf("%s: got %d %s", name, a.status, a.body)
			continue
		}
		var in map[string]any
		json.Unmarshal(text, &in)
		got := c.do(t, "GET", strings.TrimPrefix(a.header.Get("Location"), base), "", "Accept: application/ld+json", "Link: "+linkTo(in["@context"]))
		out := got.json(t)
		if got.status != 200 || out["id"] != in["id"] || out["type"] != in["type"] || len(out) != len(in) {
			t.Errorf("%s: got %d with members %d, want %d: %s", name, got.status, len(out), len(in), got.body)
		}
	}
	if fmt.Sprint(counts) != "map[201:41 400:9 409:1]" {
		t.Errorf("statuses %v", counts)
	}
}

func linkTo(context any) string {
	list, ok := context.([]any)
	if !ok {
		list = []any{context}
	}
	list = slices.DeleteFunc(list, func(v any) bool {
		return strings.Contains(v.(string), "ngsi-ld-core-context") || strings.Contains(v.(string), "fiware.github.io")
	})
	return `<` + list[0].(string) + `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
}

func TestNegotiation(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","a":1}`)
	parking := `Link: <https://smart-data-models.github.io/dataModel.Parking/context.jsonld>; rel="http://www.w3.org/ns/json-ld#context"`
	for _, x := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
	}{
		{"any", "GET", "/entities/urn:c:1", "", []string{"Accept: */*"}, 200},
		{"browser", "GET", "/entities/urn:c:1", "", []string{"Accept: text/html,application/*;q=0.8"}, 200},
		{"html only", "GET", "/entities/urn:c:1", "", []string{"Accept: text/html"}, 406},
		{"none", "GET", "/entities/urn:c:1", "", []string{"Accept: application/json;q=0"}, 406},
		{"a weight that is none", "GET", "/entities/urn:c:1", "", []string{"Accept: application/ld+json;q=much"}, 200},
		{"one refused of all", "GET", "/entities/urn:c:1", "", []string{"Accept: application/json;q=0, application/ld+json;q=0, */*"}, 406},
		{"no content type", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{"Content-Type: "}, 400},
		{"xml", "POST", "/entities", `<x/>`, []string{"Content-Type: text/xml"}, 415},
		{"context in JSON", "POST", "/entities", `{"id":"urn:c:2","type":"Car","@context":{}}`, nil, 400},
		{"JSON-LD without context", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{"Content-Type: application/ld+json"}, 400},
		{"JSON-LD with Link", "POST", "/entities", `{"id":"urn:c:2","type":"Car","@context":{}}`, []string{"Content-Type: application/ld+json", parking}, 400},
		{"unknown context", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{`Link: <https://example.org/none>; rel="http://www.w3.org/ns/json-ld#context"`}, 504},
		{"broken Link", "GET", "/entities/urn:c:1", "", []string{"Link: <x"}, 400},
		{"not JSON", "POST", "/entities", `{"id":`, nil, 400},
		{"bad id", "GET", "/entities/car", "", nil, 400},
		{"bad tenant", "GET", "/entities/urn:c:1", "", []string{"NGSILD-Tenant: a/b"}, 400},
		{"other tenant", "GET", "/entities/urn:c:1", "", []string{"NGSILD-Tenant: other"}, 404},
		{"method", "PUT", "/entities", "", nil, 405},
		{"nowhere", "GET", "/subscriptions", "", nil, 404},
		{"unknown parameter", "GET", "/entities?type=Car&foo=1", "", nil, 400},
		{"scope", "GET", "/entities?type=Car&scopeQ=/a/", "", nil, 400},
		{"parameter twice", "GET", "/entities?type=Car&type=Car", "", nil, 400},
		{"nothing asked", "GET", "/entities", "", nil, 400},
		{"limit too high", "GET", "/entities?type=Car&limit=1001", "", nil, 403},
		{"limit 0", "GET", "/entities?type=Car&limit=0", "", nil, 400},
		{"limit 0 with count", "GET", "/entities?type=Car&limit=0&count=true", "", nil, 200},
		{"broken q", "GET", "/entities?type=Car&q=a==", "", nil, 400},
		{"nothing to be within", "GET", "/entities?type=Car&georel=within&geometry=Polygon&coordinates=[]", "", nil, 400},
		{"near without distance", "GET", "/entities?type=Car&georel=near&geometry=Point&coordinates=[0,0]", "", nil, 400},
		{"coordinates", "GET", "/entities?type=Car&georel=near;maxDistance==5&geometry=Point&coordinates=[181,0]", "", nil, 400},
		{"timerel", "GET", "/temporal/entities/urn:c:1?timerel=after", "", nil, 400},
		{"time", "GET", "/temporal/entities/urn:c:1?timerel=after&timeAt=yesterday", "", nil, 400},
		{"query type", "POST", "/entityOperations/query", `{"entities":[{"type":"Car"}]}`, nil, 400},
		{"query member", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"foo":1}`, nil, 400},
		{"query feature", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"temporalQ":{}}`, nil, 400},
		{"query", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car","id":"urn:c:1"},{"type":"Car","id":"urn:c:2"}],"geoQ":{"georel":"near;maxDistance==5","geometry":"Point","coordinates":[0,0]}}`, nil, 200},
	} {
		a := c.do(t, x.method, x.path, x.body, append([]string{as("integrator-1")}, x.headers...)...)
		if a.status != x.status {
			t.Errorf("%s: got %d %s, want %d", x.name, a.status, a.body, x.status)
		}
		switch {
		case a.status == 415: // says no more (clause 6.3.4)
			if a.body != "" {
				t.Errorf("%s: %s", x.name, a.body)
			}
		case a.status >= 400: // as JSON (clause 6.3.3)
			if p := a.json(t); a.header.Get("Content-Type") != "application/json" || p["title"] == "" || p["type"] == "" {
				t.Errorf("%s: not a problem: %s", x.name, a.body)
			}
		}
	}
	a := c.do(t, "GET", "/entities/urn:c:1", "", "Accept: application/json")
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Link") != `<`+jsonld.CoreURL+`>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"` {
		t.Errorf("JSON: %v", a.header)
	}
	a = c.do(t, "GET", "/entities/urn:c:1", "", "Accept: application/ld+json", parking)
	if a.header.Get("Content-Type") != "application/ld+json" || a.header.Get("Link") != "" || !strings.Contains(a.body, `"@context":["https://smart-data-models`) {
		t.Errorf("JSON-LD: %v %s", a.header, a.body)
	}
}

func TestQueriesPagesAndCounts(t *testing.T) {
	c := newCity(t)
	for i := range 5 {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":%d,"location":{"type":"Point","coordinates":[%d,0]}}`, i, i*10, i))
	}
	ids := func(a answer) (out []string) {
		var all []map[string]any
		if err := json.Unmarshal([]byte(a.body), &all); err != nil {
			t.Fatalf("%v in %d %s", err, a.status, a.body)
		}
		for _, e := range all {
			out = append(out, e["id"].(string)[6:])
		}
		return out
	}
	for path, want := range map[string]string{
		"?type=Car":                      "[0 1 2 3 4]",
		"?type=Bus":                      "[]",
		"?type=Car&q=speed>=20;speed<40": "[2 3]",
		"?type=Car&q=speed==0|speed==40": "[0 4]",
		"?id=urn:c:1,urn:c:3&local=true": "[1 3]",
		"?type=Car&idPattern=[34]$":      "[3 4]",
		"?attrs=speed&limit=2&offset=1":  "[1 2]",
		"?type=Car&georel=near;maxDistance==150000&geometry=Point&coordinates=[0,0]":                      "[0 1]",
		"?type=Car&georel=near;minDistance==150000&geometry=Point&coordinates=[0,0]&geoproperty=location": "[2 3 4]",
	} {
		if a := c.do(t, "GET", "/entities"+path, ""); a.status != 200 || fmt.Sprint(ids(a)) != want {
			t.Errorf("%s: got %d %v, want %s", path, a.status, ids(a), want)
		}
	}
	a := c.do(t, "GET", "/entities?type=Car&limit=2&count=true", "")
	var seen []string
	for pages := 0; ; pages++ {
		seen = append(seen, ids(a)...)
		if a.header.Get("NGSILD-Results-Count") != "5" || pages > 5 {
			t.Fatalf("page %d: %v", pages, a.header)
		}
		next := ""
		for _, link := range a.header.Values("Link") {
			for part := range strings.SplitSeq(link, ", ") {
				if target, ok := strings.CutSuffix(part, `>;rel="next";type="application/json"`); ok {
					next = strings.TrimPrefix(target, "<"+base)
				}
			}
		}
		if next == "" {
			break
		}
		a = c.do(t, "GET", next, "")
	}
	if fmt.Sprint(seen) != "[0 1 2 3 4]" {
		t.Errorf("all pages: %v", seen)
	}
	if a := c.do(t, "GET", "/entities?type=Car&attrs=speed&options=keyValues,sysAttrs&limit=1", ""); !strings.Contains(a.body, `"createdAt":`) || strings.Contains(a.body, "location") {
		t.Errorf("representation: %s", a.body)
	}
}

func TestTemporal(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"value":1,"observedAt":"2026-01-01T00:00:01Z"}}`)
	for i := 2; i <= 4; i++ {
		c.must(t, 204, "PATCH", "/entities/urn:c:1/attrs", fmt.Sprintf(`{"speed":{"value":%d,"observedAt":"2026-01-01T00:00:0%dZ"}}`, i, i))
	}
	for query, want := range map[string]string{
		"":        "[1 2 3 4]",
		"lastN=2": "[3 4]",
		"timerel=before&timeAt=2026-01-01T00:00:03Z":                                    "[1 2]",
		"timerel=after&timeAt=2026-01-01T00:00:03Z":                                     "[3 4]",
		"timerel=between&timeAt=2026-01-01T00:00:02Z&endTimeAt=2026-01-01T00:00:04Z":    "[2 3]",
		"attrs=speed&timerel=after&timeAt=" + url.QueryEscape("2026-01-01T00:00:02.5Z"): "[3 4]",
	} {
		a := c.do(t, "GET", "/temporal/entities/urn:c:1?options=temporalValues&"+query, "")
		if a.status != 200 {
			t.Errorf("%s: got %d %s", query, a.status, a.body)
			continue
		}
		var got []int
		for _, pair := range a.json(t)["speed"].(map[string]any)["values"].([]any) {
			got = append(got, int(pair.([]any)[0].(float64)))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", query, got, want)
		}
	}
	if a := c.do(t, "GET", "/temporal/entities/urn:c:1?lastN=1", ""); !strings.Contains(a.body, `"speed":[{"type":"Property","value":4,"observedAt":"2026-01-01T00:00:04Z"`) {
		t.Errorf("normalized: %s", a.body)
	}
	if a := c.do(t, "GET", "/temporal/entities/urn:c:2", ""); a.status != 404 {
		t.Errorf("nobody's history: got %d", a.status)
	}
}
