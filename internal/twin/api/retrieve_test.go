package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestRetrieveRefusesWhatContradictsItself(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car","speed":3,"name":{"languageMap":{"en":"x"}}}`)
	const geo = "Accept: application/geo+json"
	for _, q := range []struct {
		query, header string
		status        int
		problem       string
	}{
		{"format=keyValues&options=normalized", "", 200, ""},
		{"options=keyValues,simplified", "", 200, ""},
		{"options=keyValues,concise", "", 400, "InvalidRequest"},
		{"format=keyValues,concise", "", 400, "InvalidRequest"},
		{"format=pretty", "", 400, "InvalidRequest"},
		{"speed=3", "", 400, "InvalidRequest"},
		{"pick=speed&omit=speed", "", 400, "BadRequestData"},
		{"pick=speed&attrs=speed", "", 400, "BadRequestData"},
		{"pick=", "", 400, "BadRequestData"},
		{"pick=other", "", 404, "ResourceNotFound"},
		{"attrs=other", "", 404, "ResourceNotFound"},
		{"omit=id,type,speed,name", "", 404, "ResourceNotFound"},
		{"pick=speed{a}", "", 400, "BadRequestData"},
		{"pick=speed{a{b}}&join=inline", "", 400, "BadRequestData"},
		{"join=sideways", "", 400, "BadRequestData"},
		{"join=inline&joinLevel=0", "", 400, "BadRequestData"},
		{"join=inline&joinLevel=11", "", 403, "TooManyResults"},
		{"joinLevel=1", "", 400, "BadRequestData"},
		{"join=@none&joinLevel=1", "", 200, ""},
		{"join=flat&containedBy=x", "", 400, "BadRequestData"},
		{"datasetId=x", "", 400, "BadRequestData"},
		{"lang=e_n", "", 400, "BadRequestData"},
		{"geometryProperty=location", "", 400, "BadRequestData"},
		{"geometryProperty=location", geo, 200, ""},
		{"type=Car", "", 200, ""},
		{"type=Bus|Car", "", 200, ""},
		{"type=Bus", "", 404, "ResourceNotFound"},
		{"", "Prefer: ngsi-ld=one", 400, "BadRequestData"},
	} {
		var headers []string
		if q.header != "" {
			headers = []string{q.header}
		}
		a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:1?"+strings.ReplaceAll(q.query, "|", "%7C"), "", headers...)
		if a.status != q.status || q.problem != "" && !strings.HasSuffix(a.json(t)["type"].(string), "/"+q.problem) {
			t.Errorf("%s %s: got %d %s, want %d %s", q.query, q.header, a.status, a.body, q.status, q.problem)
		}
	}
}

func TestPreferSaysVersionAndWhereTheContextStands(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car","kind":{"vocab":"Fast"},"location":{"type":"Point","coordinates":[1,2]}}`)
	for _, q := range []struct {
		headers []string
		status  int
		applied string
		holds   string
		inside  bool
	}{
		{[]string{"Prefer: ngsi-ld=1.5"}, 203, "ngsi-ld=1.5", `"kind":{"type":"Property","value":"Fast"}`, false},
		{[]string{"Prefer: ngsi-ld=1.8"}, 200, "ngsi-ld=1.8", `"kind":{"type":"VocabProperty"`, false},
		{[]string{"Accept: application/geo+json"}, 200, "", `"geometry":{"type":"Point"`, true},
		{[]string{"Accept: application/geo+json", "Prefer: body=ld+json"}, 200, "", `"type":"Feature"`, true},
		{[]string{"Accept: application/geo+json", "Prefer: body=json"}, 200, "", `"type":"Feature"`, false},
		{[]string{"Accept: application/geo+json;q=0.5, application/json"}, 200, "", `"type":"Car"`, false},
	} {
		for _, path := range []string{"/entities/urn:ngsi-ld:Car:1", "/entities?type=Car"} {
			for range 2 { // rendered, then perhaps from ready bytes
				a := c.do(t, "GET", path, "", q.headers...)
				inside := strings.Contains(a.body, `"@context"`)
				if a.status != q.status || a.header.Get("Preference-Applied") != q.applied || !strings.Contains(a.body, q.holds) || inside != q.inside || inside == (a.header.Get("Link") != "") {
					t.Errorf("%s %v: got %d, applied %q, Link %q: %s", path, q.headers, a.status, a.header.Get("Preference-Applied"), a.header.Get("Link"), a.body)
				}
			}
		}
	}
}

func TestReadyBytesAreOfTheViewThatIsAskedFor(t *testing.T) {
	c := newCity(t)
	for i := range 3 {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:ngsi-ld:Car:%d","type":"Car","speed":{"value":3,"unitCode":"KMH"},"name":{"languageMap":{"en":"x","de":"y"}},
			"location":{"type":"Point","coordinates":[1,2]},"other":{"type":"Point","coordinates":[3,4]}}`, i))
	}
	seen := map[string]string{}
	for range 2 {
		for _, q := range []string{"", "options=concise", "options=keyValues", "options=sysAttrs", "pick=speed", "omit=speed", "lang=en", "lang=de", "datasetId=urn:d:1", "attrs=name",
			"geo", "geo&options=keyValues", "geo&geometryProperty=other"} {
			accept := "Accept: application/json"
			query, isGeo := strings.CutPrefix(q, "geo")
			if isGeo {
				accept = "Accept: application/geo+json"
			}
			for _, path := range []string{"/entities/urn:ngsi-ld:Car:1?", "/entities?type=Car&"} {
				a := c.do(t, "GET", path+strings.TrimPrefix(query, "&"), "", accept)
				key := path + q
				if before, ok := seen[key]; ok && before != a.body {
					t.Errorf("%s: got %s, before %s", key, a.body, before)
				}
				for other, body := range seen {
					if other != key && body == a.body {
						t.Errorf("%s and %s are answered alike: %s", key, other, body)
					}
				}
				seen[key] = a.body
			}
		}
	}
}

func TestJoinsAreBoundedAndEnd(t *testing.T) {
	c := newCity(t)
	many := func(n int) string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf(`"urn:ngsi-ld:Leaf:%d"`, i)
		}
		return "[" + strings.Join(ids, ",") + "]"
	}
	for from := 0; from < 1001; from += 500 {
		var batch []string
		for i := from; i < min(from+500, 1001); i++ {
			batch = append(batch, fmt.Sprintf(`{"id":"urn:ngsi-ld:Leaf:%d","type":"Leaf","up":{"object":"urn:ngsi-ld:Root:1"}}`, i))
		}
		c.must(t, 201, "POST", "/entityOperations/create", "["+strings.Join(batch, ",")+"]")
	}
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Root:1","type":"Root","down":{"object":`+many(1000)+`}}`)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Root:2","type":"Root","down":{"object":`+many(1001)+`}}`)
	for _, join := range []string{"inline", "flat"} {
		a := c.do(t, "GET", "/entities/urn:ngsi-ld:Root:2?joinLevel=1&join="+join, "")
		if a.status != 403 || !strings.Contains(a.body, "TooManyResults") {
			t.Errorf("%s, 1001 links: got %d %.200s", join, a.status, a.body)
		}
		a = c.do(t, "GET", "/entities/urn:ngsi-ld:Root:1?joinLevel=9&options=keyValues&join="+join, "")
		if n := strings.Count(a.body, `"id":"urn:ngsi-ld:Leaf`); a.status != 200 || n != 1000 || strings.Count(a.body, `"id":"urn:ngsi-ld:Root:1"`) != 1 {
			t.Errorf("%s, links in circles: got %d, %d leaves in %.300s", join, a.status, n, a.body)
		}
	}
	a := c.do(t, "GET", "/entities/urn:ngsi-ld:Root:1?pick=id&joinLevel=1&join=flat", "")
	if a.status != 200 || a.body != `[{"id":"urn:ngsi-ld:Root:1"}]` {
		t.Errorf("a relationship that is not picked is followed: %d %.300s", a.status, a.body)
	}
	skip := url.QueryEscape(strings.Trim(strings.ReplaceAll(many(150), `"`, ""), "[]"))
	if a = c.do(t, "GET", "/entities/urn:ngsi-ld:Root:1?join=flat&containedBy="+skip, ""); strings.Count(a.body, `"id":"urn:ngsi-ld:Leaf`) != 850 {
		t.Errorf("containedBy: got %d leaves, want 850", strings.Count(a.body, `"id":"urn:ngsi-ld:Leaf`))
	}
	if a = c.do(t, "GET", "/entities?type=Root&id=urn:ngsi-ld:Root:1&join=flat&options=keyValues&limit=5", "", "Accept: application/geo+json"); strings.Count(a.body, `"type":"Feature"`) != 1001 {
		t.Errorf("flat features: got %d", strings.Count(a.body, `"type":"Feature"`))
	}
}

func TestLinkedEntitiesAreFetchedFromWhereTheirTypeIsRegistered(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, allOps)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":5}`)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"Person","drives":{"object":"urn:c:1","objectType":"Car"},"saw":{"object":"urn:c:1"}}`)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:p:2","type":"Person","saw":{"object":"urn:c:1"}}`)
	for path, want := range map[string]bool{"urn:p:1?join=flat": true, "urn:p:1?join=inline&pick=id,drives{speed}": true, "urn:p:1?join=flat&local=true": false, "urn:p:2?join=flat": false} {
		if got := here.must(t, 200, "GET", "/entities/"+path, ""); strings.Contains(got, `"speed":{"type":"Property","value":5}`) != want {
			t.Errorf("%s: the linked entity is there: %v; want %v: %s", path, !want, want, got)
		}
	}
}

func TestSealedAttributesOfLinkedEntitiesStaySealed(t *testing.T) {
	c := newCity(t)
	park(t, c)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Spot:1","type":"Spot","taken":{"object":"urn:ngsi-ld:ParkingSession:1"}}`)
	for _, join := range []string{"inline", "flat", "inline&options=keyValues", "flat&options=concise"} {
		for _, headers := range [][]string{nil, enforce} {
			a := c.do(t, "GET", "/entities/urn:ngsi-ld:Spot:1?join="+join, "", headers...)
			if a.status != 200 || strings.Contains(a.body, plate) || strings.Contains(a.body, "licensePlate") || !strings.Contains(a.body, "synthetic") {
				t.Errorf("%s: got %d %s", join, a.status, a.body)
			}
			if !strings.Contains(a.header.Get("NGSILD-Warning"), "3 personal") {
				t.Errorf("%s: warning %q", join, a.header.Get("NGSILD-Warning"))
			}
		}
	}
	// Who has picked nothing but what is sealed is told that there is nothing.
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:ParkingSession:1?pick=licensePlate", ""); a.status != 404 {
		t.Errorf("pick of a sealed attribute: got %d %s", a.status, a.body)
	}
	// With a purpose it is what the act is about, and nothing else.
	a := c.do(t, "GET", "/entities/urn:ngsi-ld:ParkingSession:1?pick=licensePlate", "", enforce...)
	a = c.do(t, "GET", "/entities/urn:ngsi-ld:ParkingSession:1?pick=licensePlate", "", append(sign(t, c, a), enforce...)...)
	if a.status != 200 || !strings.Contains(a.body, plate) || strings.Contains(a.body, driver) {
		t.Errorf("an opened pick: got %d %s", a.status, a.body)
	}
}

func TestMomentsAreAnsweredAsTheyWereWritten(t *testing.T) {
	c := newCity(t)
	const entity = "/entities/urn:ngsi-ld:Car:1"
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car","speed":{"type":"Property","value":3,"observedAt":"2026-11-22T12:00:00.000Z",
		"by":{"type":"Property","value":1,"observedAt":"2026-11-22T12:00:00.50Z"}},"rpm":{"type":"Property","value":1,"observedAt":"2026-11-22T12:00:00Z"}}`)
	for path, want := range map[string][]string{
		entity:               {`"2026-11-22T12:00:00.000Z"`, `"2026-11-22T12:00:00.50Z"`, `"2026-11-22T12:00:00Z"`},
		"/temporal" + entity: {`"2026-11-22T12:00:00.000Z"`, `"2026-11-22T12:00:00.50Z"`, `"2026-11-22T12:00:00Z"`},
		"/temporal" + entity + "?format=temporalValues": {`[3,"2026-11-22T12:00:00.000Z"]`},
	} {
		for _, text := range want {
			if a := c.must(t, 200, "GET", path, ""); !strings.Contains(string(a.body), text) {
				t.Errorf("%s: got %s, want %s in it", path, a.body, text)
			}
		}
	}
	c.must(t, 204, "PATCH", entity+"/attrs/speed", `{"value":4,"observedAt":"2026-11-22T12:00:00Z"}`)
	if a := c.must(t, 200, "GET", entity, ""); strings.Contains(string(a.body), ".000Z") {
		t.Errorf("got %s, want the moment as it was written last", a.body)
	}
}
