package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// stored lists the contexts of a kind, with details.
func (c *city) stored(t *testing.T, kind string, headers ...string) (out []map[string]any) {
	t.Helper()
	a := c.must(t, 200, "GET", "/jsonldContexts?details=true&kind="+kind, "", headers...)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func link(url string) string {
	return "Link: <" + url + `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
}

func TestHostedContextIsAddedUsedServedAndDeleted(t *testing.T) {
	c := newCity(t)
	a := c.must(t, 201, "POST", "/jsonldContexts", `{"@context":{"speed":"https://example.org/speed"},"more":1}`)
	at := a.header.Get("Location")
	if !strings.HasPrefix(at, base+"/jsonldContexts/urn:") || a.body != "" {
		t.Fatalf("Location %q, body %q", at, a.body)
	}
	path := strings.TrimPrefix(at, base)
	if a := c.must(t, 200, "GET", path, ""); a.body != `{"@context":{"speed":"https://example.org/speed"}}` || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("served: %s as %s", a.body, a.header.Get("Content-Type"))
	}
	if a := c.must(t, 200, "GET", path, "", "Accept: application/ld+json"); a.header.Get("Content-Type") != "application/ld+json" {
		t.Errorf("served as %s", a.header.Get("Content-Type"))
	}
	hosted := link("http://anything.example" + at)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":5}}`, hosted)
	if a := c.must(t, 200, "GET", "/entities/urn:c:1", ""); !strings.Contains(a.body, `"https://example.org/speed"`) {
		t.Errorf("read without the context: %s", a.body)
	}
	if a := c.must(t, 200, "GET", "/entities/urn:c:1", "", hosted); !strings.Contains(a.body, `"speed"`) || !strings.Contains(a.header.Get("Link"), at) {
		t.Errorf("read with it: %s, Link %s", a.body, a.header.Get("Link"))
	}
	all := c.stored(t, "Hosted")
	if len(all) != 1 || all[0]["URL"] != "http://example.com"+at || !strings.HasSuffix(at, all[0]["localId"].(string)) || all[0]["kind"] != "Hosted" || all[0]["numberOfHits"].(float64) < 2 {
		t.Errorf("listed: %v", all)
	}
	if n := len(c.stored(t, "Hosted", "NGSILD-Tenant: other")); n != 0 {
		t.Errorf("another tenant lists %d", n)
	}
	for _, x := range [][2]string{{"GET", path}, {"GET", path + "?details=true"}, {"DELETE", path}} {
		c.must(t, 404, x[0], x[1], "", "NGSILD-Tenant: other")
	}
	theirs := strings.TrimPrefix(c.must(t, 201, "POST", "/jsonldContexts", `{"@context":{"a":"https://example.org/a"}}`, "NGSILD-Tenant: other").header.Get("Location"), base)
	c.must(t, 200, "GET", theirs, "") // whoever follows a Link knows no tenant
	c.must(t, 200, "GET", theirs, "", "NGSILD-Tenant: other")
	c.must(t, 404, "GET", theirs, "", "NGSILD-Tenant: another")
	c.must(t, 404, "GET", theirs+"?details=true", "")
	c.must(t, 404, "DELETE", theirs, "")
	c.must(t, 204, "DELETE", path, "")
	c.must(t, 404, "DELETE", path, "")
	c.must(t, 504, "GET", "/entities/urn:c:1", "", hosted)
}

func TestCopiesAreListedButNotServed(t *testing.T) {
	c := newCity(t)
	const at = "https://smart-data-models.github.io/dataModel.Parking/context.jsonld"
	path := "/jsonldContexts/" + url.PathEscape(at)
	c.must(t, 422, "GET", path, "")
	a := c.must(t, 200, "GET", path+"?details=true", "")
	if d := a.json(t); d["URL"] != at || d["kind"] != "Cached" || d["createdAt"] == "" {
		t.Errorf("details: %s", a.body)
	}
	c.must(t, 204, "DELETE", path+"?reload=true", "")
	c.must(t, 204, "DELETE", path, "")
	c.must(t, 404, "GET", path+"?details=true", "")
	c.must(t, 200, "GET", "/entities?type=Car", "", link(at)) // the file is still there
	c.must(t, 200, "GET", path+"?details=true", "")
	core := "/jsonldContexts/" + url.PathEscape("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld")
	c.must(t, 200, "GET", core+"?details=true", "")
	c.must(t, 400, "DELETE", core, "")
	c.must(t, 204, "DELETE", core+"?reload=true", "")
	if n := len(c.stored(t, "Cached")); n < 8 {
		t.Errorf("%d copies, want the core context's 8 URLs at least", n)
	}
}

func TestContextRequestsThatAreRefused(t *testing.T) {
	c := newCity(t)
	at := strings.TrimPrefix(c.must(t, 201, "POST", "/jsonldContexts", `{"@context":{"a":"https://example.org/a"}}`).header.Get("Location"), base)
	for _, x := range []struct {
		name, method, path, body, kind string
		status                         int
	}{
		{"no JSON", "POST", "/jsonldContexts", `{"@context":`, "InvalidRequest", 400},
		{"no context", "POST", "/jsonldContexts", `{"a":"https://example.org/a"}`, "InvalidRequest", 400},
		{"an array", "POST", "/jsonldContexts", `[{"@context":{}}]`, "InvalidRequest", 400},
		{"a number", "POST", "/jsonldContexts", `{"@context":7}`, "BadRequestData", 400},
		{"null", "POST", "/jsonldContexts", `{"@context":null}`, "BadRequestData", 400},
		{"no JSON-LD", "POST", "/jsonldContexts", `{"@context":{"a":7}}`, "BadRequestData", 400},
		{"a relative URL", "POST", "/jsonldContexts", `{"@context":["/context.jsonld"]}`, "BadRequestData", 400},
		{"a bad kind", "GET", "/jsonldContexts?kind=hosted", "", "BadRequestData", 400},
		{"bad details", "GET", "/jsonldContexts?details=yes", "", "BadRequestData", 400},
		{"a bad parameter", "GET", "/jsonldContexts?page=2", "", "InvalidRequest", 400},
		{"an unknown one", "GET", "/jsonldContexts/urn:ngsi-ld:jsonldContext:0", "", "ResourceNotFound", 404},
		{"deleting an unknown one", "DELETE", "/jsonldContexts/nothing", "", "ResourceNotFound", 404},
		{"reloading an unknown one", "DELETE", "/jsonldContexts/nothing?reload=true", "", "ResourceNotFound", 404},
		{"bad reload", "DELETE", at + "?reload=1", "", "BadRequestData", 400},
		{"reloading a hosted one", "DELETE", at + "?reload=true", "", "BadRequestData", 400},
	} {
		a := c.do(t, x.method, x.path, x.body, as("integrator-1"))
		if kind := a.json(t)["type"]; a.status != x.status || kind != "https://uri.etsi.org/ngsi-ld/errors/"+x.kind {
			t.Errorf("%s: %d %v, want %d %s", x.name, a.status, kind, x.status, x.kind)
		}
	}
	if a := c.do(t, "POST", "/jsonldContexts", `{"@context":{}}`); a.status != 401 {
		t.Errorf("whoever is not known adds a context: %d", a.status)
	}
	if a := c.do(t, "DELETE", at, ""); a.status != 401 {
		t.Errorf("whoever is not known deletes a context: %d", a.status)
	}
	// What cannot be had now can be hosted: whoever uses it will hear of it (clause 5.13.2.4).
	c.must(t, 201, "POST", "/jsonldContexts", `{"@context":["https://example.org/not-here.jsonld"]}`)
}

// The reader's context counts, never the creator's (clause 5.5.7), and a header names several by one URL (clause 6.3.6).
func TestAnAnswerInJSONNamesSeveralContextsByOneURL(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","https://example.org/speed":{"type":"Property","value":5}}`)
	a := c.must(t, 200, "POST", "/entityOperations/query", `{"type":"Query","entities":[{"type":"Car"}],"@context":[{"speed":"https://example.org/speed"},{"x":"https://example.org/x"}]}`,
		"Content-Type: application/ld+json", "Accept: application/json")
	if !strings.Contains(a.body, `"speed"`) {
		t.Errorf("answered %s", a.body)
	}
	at, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<http://example.com"+base), ">")
	var doc struct {
		Context []any `json:"@context"`
	}
	if served := c.must(t, 200, "GET", at, ""); json.Unmarshal([]byte(served.body), &doc) != nil || len(doc.Context) != 3 {
		t.Errorf("the Link %s leads to %s", a.header.Get("Link"), served.body)
	}
	if a := c.must(t, 200, "GET", "/entities/urn:c:1", "", link("http://example.com"+base+at)); !strings.Contains(a.body, `"speed"`) {
		t.Errorf("used as a context: %s", a.body)
	}
}
