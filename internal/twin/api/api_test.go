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
		"TransportStation": {"dateLastReported", "is none of"}, "Vehicle": {"battery.observedAt", "UTC"},
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
	if fmt.Sprint(counts) != "map[201:42 400:8 409:1]" {
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

func TestWrites(t *testing.T) {
	c := newCity(t)
	const id = "/entities/urn:ngsi-ld:Car:1"
	got := func() string { return c.do(t, "GET", id+"?options=keyValues", "").body }
	is := func(step, want string) {
		t.Helper()
		if want = `{"id":"urn:ngsi-ld:Car:1","type":"Car"` + want + `}`; got() != want {
			t.Errorf("after %s: got %s, want %s", step, got(), want)
		}
	}
	if a := c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car","speed":1}`); a.header.Get("Location") != base+"/entities/urn:ngsi-ld:Car:1" {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	c.must(t, 409, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car"}`)
	c.must(t, 204, "POST", id+"/attrs", `{"speed":2,"colour":"red"}`)
	is("append", `,"colour":"red","speed":2`)
	a := c.must(t, 207, "POST", id+"/attrs?options=noOverwrite", `{"speed":3,"brand":"b"}`)
	if a.body != `{"updated":["brand"],"notUpdated":[{"attributeName":"speed","reason":"it exists, and noOverwrite was asked for"}]}` {
		t.Errorf("append with noOverwrite: %s", a.body)
	}
	is("noOverwrite", `,"brand":"b","colour":"red","speed":2`)
	a = c.must(t, 207, "PATCH", id+"/attrs", `{"speed":4,"wings":2}`)
	if !strings.Contains(a.body, `"updated":["speed"]`) || !strings.Contains(a.body, `"attributeName":"wings"`) {
		t.Errorf("update: %s", a.body)
	}
	c.must(t, 204, "PATCH", id+"/attrs/speed", `{"value":5}`)
	c.must(t, 404, "PATCH", id+"/attrs/wings", `{"value":5}`)
	c.must(t, 404, "PUT", id+"/attrs/wings", `{"type":"Property","value":5}`)
	c.must(t, 204, "PUT", id+"/attrs/speed", `{"type":"Property","value":6}`)
	c.must(t, 400, "POST", id+"/attrs", `{"speed":{"observedAt":"2026-01-01T00:00:00Z"}}`)
	c.must(t, 400, "PUT", id, `{"type":"Car","speed":"urn:ngsi-ld:null"}`)
	c.must(t, 204, "PATCH", id+"/attrs/speed", `{"@context":{"speed":"https://uri.etsi.org/ngsi-ld/default-context/speed"},"value":6.5}`, "Content-Type: application/ld+json")
	c.must(t, 204, "PATCH", id+"/attrs/speed", `{"observedAt":"2026-01-01T00:00:00Z"}`)
	is("parts of an attribute", `,"brand":"b","colour":"red","speed":6.5`)
	c.must(t, 204, "PATCH", id, `{"brand":"urn:ngsi-ld:null","speed":{"value":7,"unitCode":"KMH"}}`)
	is("merge", `,"colour":"red","speed":7`)
	c.must(t, 204, "DELETE", id+"/attrs/colour", "")
	c.must(t, 404, "DELETE", id+"/attrs/colour", "")
	is("delete attribute", `,"speed":7`)
	c.must(t, 400, "PUT", id, `{"id":"urn:ngsi-ld:Car:2","type":"Car","doors":4}`)
	c.must(t, 204, "PUT", id, `{"type":"Car","doors":4}`)
	is("replace", `,"doors":4`)
	c.must(t, 204, "DELETE", id, "")
	c.must(t, 404, "DELETE", id, "")
	c.must(t, 404, "GET", id, "")
	c.must(t, 404, "PATCH", id, `{"doors":1}`)
}

func TestOnlyIntegratorsWrite(t *testing.T) {
	c := newCity(t)
	const body = `{"id":"urn:ngsi-ld:Car:1","type":"Car"}`
	for status, who := range map[int][]string{401: {}, 403: {as("inspector-ward")}, 201: {as("integrator-1")}} {
		for _, path := range []string{"/entities", "/entityOperations/create"} {
			text := body
			if path != "/entities" {
				text = "[" + strings.Replace(body, "Car:1", "Car:2", 1) + "]"
			}
			if a := c.do(t, "POST", path, text, who...); a.status != status {
				t.Errorf("%s by %v: got %d %s, want %d", path, who, a.status, a.body, status)
			}
		}
	}
	if a := c.do(t, "DELETE", "/entities/urn:ngsi-ld:Car:1", ""); a.status != 401 {
		t.Errorf("an anonymous deletion: got %d", a.status)
	}
}

func TestBatches(t *testing.T) {
	c := newCity(t)
	a := c.must(t, 201, "POST", "/entityOperations/create", `[{"id":"urn:c:1","type":"Car","a":1},{"id":"urn:c:2","type":"Car","a":2}]`)
	if a.body != `["urn:c:1","urn:c:2"]` {
		t.Errorf("create: %s", a.body)
	}
	a = c.must(t, 207, "POST", "/entityOperations/create", `[{"id":"urn:c:1","type":"Car"},{"id":"urn:c:3","type":"Car"},{"id":"urn:c:4","type":"Car","a":{"type":"string","value":1}}]`)
	var res struct {
		Success []string
		Errors  []struct {
			EntityID string
			Error    struct {
				Type   string
				Status int
				Detail string
			}
		}
	}
	if err := json.Unmarshal([]byte(a.body), &res); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(res.Errors, func(x, y struct {
		EntityID string
		Error    struct {
			Type   string
			Status int
			Detail string
		}
	}) int {
		return strings.Compare(x.EntityID, y.EntityID)
	})
	if fmt.Sprint(res.Success) != "[urn:c:3]" || len(res.Errors) != 2 || res.Errors[0].Error.Status != 409 || res.Errors[1].Error.Status != 400 || !strings.Contains(res.Errors[1].Error.Detail, `"a"`) {
		t.Errorf("create of one known, one new, one broken: %s", a.body)
	}
	if a := c.must(t, 201, "POST", "/entityOperations/upsert", `[{"id":"urn:c:1","type":"Car","b":1},{"id":"urn:c:5","type":"Car"}]`); a.body != `["urn:c:5"]` {
		t.Errorf("upsert: %s", a.body)
	}
	if a := c.do(t, "GET", "/entities/urn:c:1?options=keyValues", ""); a.body != `{"id":"urn:c:1","type":"Car","b":1}` {
		t.Errorf("upsert replaces: %s", a.body)
	}
	c.must(t, 204, "POST", "/entityOperations/upsert?options=update", `[{"id":"urn:c:1","type":"Car","a":9}]`)
	c.must(t, 204, "POST", "/entityOperations/update", `[{"id":"urn:c:1","b":2}]`)
	c.must(t, 204, "POST", "/entityOperations/merge", `[{"id":"urn:c:1","a":"urn:ngsi-ld:null"}]`)
	if a := c.do(t, "GET", "/entities/urn:c:1?options=keyValues", ""); a.body != `{"id":"urn:c:1","type":"Car","b":2}` {
		t.Errorf("upsert with update, update, merge: %s", a.body)
	}
	c.must(t, 207, "POST", "/entityOperations/update", `[{"id":"urn:c:1","b":2},{"id":"urn:c:99","b":2},{"b":2}]`)
	c.must(t, 207, "POST", "/entityOperations/delete", `["urn:c:1","urn:c:99"]`)
	c.must(t, 204, "POST", "/entityOperations/delete", `["urn:c:2"]`)
	c.must(t, 400, "POST", "/entityOperations/delete", `[]`)
	c.must(t, 400, "POST", "/entityOperations/upsert", `{"id":"urn:c:1","type":"Car"}`)
	c.must(t, 413, "POST", "/entityOperations/delete", `["urn:c:2"`+strings.Repeat(`,"urn:c:2"`, 1000)+`]`)
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
		{"no content type", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{"Content-Type: "}, 415},
		{"xml", "POST", "/entities", `<x/>`, []string{"Content-Type: text/xml"}, 415},
		{"context in JSON", "POST", "/entities", `{"id":"urn:c:2","type":"Car","@context":{}}`, nil, 400},
		{"JSON-LD without context", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{"Content-Type: application/ld+json"}, 400},
		{"JSON-LD with Link", "POST", "/entities", `{"id":"urn:c:2","type":"Car","@context":{}}`, []string{"Content-Type: application/ld+json", parking}, 400},
		{"unknown context", "POST", "/entities", `{"id":"urn:c:2","type":"Car"}`, []string{`Link: <https://example.org/none>; rel="http://www.w3.org/ns/json-ld#context"`}, 503},
		{"broken Link", "GET", "/entities/urn:c:1", "", []string{"Link: <x"}, 400},
		{"not JSON", "POST", "/entities", `{"id":`, nil, 400},
		{"bad id", "GET", "/entities/car", "", nil, 400},
		{"bad tenant", "GET", "/entities/urn:c:1", "", []string{"NGSILD-Tenant: a/b"}, 400},
		{"other tenant", "GET", "/entities/urn:c:1", "", []string{"NGSILD-Tenant: other"}, 404},
		{"method", "PUT", "/entities", "", nil, 405},
		{"nowhere", "GET", "/subscriptions", "", nil, 404},
		{"unknown parameter", "GET", "/entities?type=Car&foo=1", "", nil, 400},
		{"unsupported parameter", "GET", "/entities?type=Car&scopeQ=/a", "", nil, 422},
		{"parameter twice", "GET", "/entities?type=Car&type=Car", "", nil, 400},
		{"nothing asked", "GET", "/entities", "", nil, 400},
		{"limit too high", "GET", "/entities?type=Car&limit=1001", "", nil, 403},
		{"limit 0", "GET", "/entities?type=Car&limit=0", "", nil, 400},
		{"limit 0 with count", "GET", "/entities?type=Car&limit=0&count=true", "", nil, 200},
		{"broken q", "GET", "/entities?type=Car&q=a==", "", nil, 400},
		{"unsupported georel", "GET", "/entities?type=Car&georel=within&geometry=Polygon&coordinates=[]", "", nil, 422},
		{"near without distance", "GET", "/entities?type=Car&georel=near&geometry=Point&coordinates=[0,0]", "", nil, 400},
		{"coordinates", "GET", "/entities?type=Car&georel=near;maxDistance==5&geometry=Point&coordinates=[0,91]", "", nil, 400},
		{"timerel", "GET", "/temporal/entities/urn:c:1?timerel=after", "", nil, 400},
		{"time", "GET", "/temporal/entities/urn:c:1?timerel=after&timeAt=yesterday", "", nil, 400},
		{"query type", "POST", "/entityOperations/query", `{"entities":[{"type":"Car"}]}`, nil, 400},
		{"query member", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"foo":1}`, nil, 400},
		{"query feature", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"temporalQ":{}}`, nil, 422},
		{"query", "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car","id":"urn:c:1"},{"type":"Car","id":"urn:c:2"}],"geoQ":{"georel":"near;maxDistance==5","geometry":"Point","coordinates":[0,0]}}`, nil, 200},
	} {
		a := c.do(t, x.method, x.path, x.body, append([]string{as("integrator-1")}, x.headers...)...)
		if a.status != x.status {
			t.Errorf("%s: got %d %s, want %d", x.name, a.status, a.body, x.status)
		}
		if a.status >= 400 {
			if p := a.json(t); a.header.Get("Content-Type") != "application/problem+json" || p["title"] == "" || p["type"] == "" {
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
		"?id=urn:c:1,urn:c:3":            "[1 3]",
		"?type=Car&idPattern=[34]$":      "[3 4]",
		"?attrs=speed&limit=2&offset=1":  "[1 2]",
		"?type=Car&georel=near;maxDistance==150000&geometry=Point&coordinates=[0,0]":                                        "[0 1]",
		"?type=Car&georel=near;minDistance==1000;maxDistance==250000&geometry=Point&coordinates=[0,0]&geoproperty=location": "[1 2]",
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
				if target, ok := strings.CutSuffix(part, `>; rel="next"`); ok {
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
		"timerel=after&timeAt=2026-01-01T00:00:03Z":                                     "[4]",
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
