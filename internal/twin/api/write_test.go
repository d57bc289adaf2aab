package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

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
	if a.body != `{"updated":["https://uri.etsi.org/ngsi-ld/default-context/brand"],"notUpdated":[{"attributeName":"https://uri.etsi.org/ngsi-ld/default-context/speed","reason":"it exists, and noOverwrite was asked for"}]}` {
		t.Errorf("append with noOverwrite: %s", a.body)
	}
	is("noOverwrite", `,"brand":"b","colour":"red","speed":2`)
	c.must(t, 204, "PATCH", id+"/attrs", `{"speed":4,"doors":2,"brand":"urn:ngsi-ld:null","wheels":"urn:ngsi-ld:null"}`)
	is("update", `,"colour":"red","doors":2,"speed":4`)
	a = c.must(t, 207, "PATCH", id+"/attrs", `{"brand":"b","doors":"urn:ngsi-ld:null","scope":"/a"}`)
	if a.body != `{"updated":["https://uri.etsi.org/ngsi-ld/default-context/brand","https://uri.etsi.org/ngsi-ld/default-context/doors"],"notUpdated":[{"attributeName":"https://uri.etsi.org/ngsi-ld/scope","reason":"the entity has none (clause 5.6.2)"}]}` {
		t.Errorf("update of a scope that is not there: %s", a.body)
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
