package api_test

import (
	"strings"
	"testing"
	"time"
)

func TestTypeSelectsWhichEntityMayBeChanged(t *testing.T) {
	c := newCity(t)
	const id = "/entities/urn:c:1"
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":["Car","Taxi"],"a":1}`)
	for _, w := range []struct{ method, path, body string }{
		{"PATCH", id, `{"a":2}`}, {"PUT", id, `{"type":"Car","a":2}`}, {"POST", id + "/attrs", `{"a":2}`}, {"PATCH", id + "/attrs", `{"a":2}`},
		{"PATCH", id + "/attrs/a", `{"value":2}`}, {"PUT", id + "/attrs/a", `{"value":2}`}, {"DELETE", id + "/attrs/a", ""}, {"DELETE", id, ""},
	} {
		c.must(t, 404, w.method, w.path+"?type=Bus", w.body)
		c.must(t, 404, w.method, w.path+"?type=(Car;Bus)", w.body)
		c.must(t, 400, w.method, w.path+"?type=((", w.body)
		if got := c.do(t, "GET", id+"?options=keyValues", "").body; got != `{"id":"urn:c:1","type":["Car","Taxi"],"a":1}` {
			t.Fatalf("%s %s with another type changed %s", w.method, w.path, got)
		}
	}
	c.must(t, 204, "PATCH", id+"?type=(Car;Taxi)", `{"a":2}`)
	c.must(t, 204, "DELETE", id+"?type=Bus|Taxi", "")
}

func TestPathsThatLackAnID(t *testing.T) {
	c := newCity(t)
	for _, w := range []struct{ method, path string }{
		{"POST", "/entities//attrs"}, {"PATCH", "/entities//attrs/"}, {"PATCH", "/entities//attrs/a"}, {"DELETE", "/entities//attrs/a"}, {"PATCH", "/entities/"}, {"PUT", "/entities/"},
	} {
		if a := c.do(t, w.method, w.path, `{"a":1}`, as("integrator-1")); a.status != 400 || !strings.Contains(a.body, "BadRequestData") {
			t.Errorf("%s %s: got %d %s", w.method, w.path, a.status, a.body)
		}
	}
	c.must(t, 201, "POST", "/entities", `{"id":"http://example.org//x","type":"Car","a":1}`)
	c.must(t, 204, "PATCH", "/entities/http:%2F%2Fexample.org%2F%2Fx/attrs/a", `{"value":2}`)
}

func TestMergeParameters(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","says":{"languageMap":{"en":"yes"}},"speed":{"value":1,"observedAt":"2026-01-01T00:00:00Z"},"owner":{"object":"urn:p:1"}}`)
	c.must(t, 204, "PATCH", "/entities/urn:c:1?format=simplified&lang=fr&observedAt=2026-02-01T00:00:00Z", `{"says":"oui","speed":2,"owner":"urn:p:2"}`)
	want := `{"id":"urn:c:1","type":"Car","owner":{"object":"urn:p:2"},"says":{"languageMap":{"en":"yes","fr":"oui"}},"speed":{"value":2,"observedAt":"2026-02-01T00:00:00Z"}}`
	if got := c.do(t, "GET", "/entities/urn:c:1?format=concise", "").body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.must(t, 400, "PATCH", "/entities/urn:c:1?lang=d_e", `{}`)
	c.must(t, 400, "PATCH", "/entities/urn:c:1?observedAt=now", `{}`)
	c.must(t, 400, "PATCH", "/entities/urn:c:1", `{"owner":5}`)
	c.must(t, 400, "PATCH", "/entities/urn:c:1?options=keyValues", `{"owner":{"json":{}}}`)
	c.must(t, 400, "POST", "/entities/urn:c:1/attrs", `{"owner":"urn:ngsi-ld:null"}`)
}

func TestScopeIsNoAttribute(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","scope":["/a","/b"]}`)
	c.must(t, 400, "PATCH", "/entities/urn:c:1/attrs/scope", `{"value":"/c"}`)
	c.must(t, 400, "PUT", "/entities/urn:c:1/attrs/scope", `{"value":"/c"}`)
	c.must(t, 204, "DELETE", "/entities/urn:c:1/attrs/scope", "")
	c.must(t, 404, "DELETE", "/entities/urn:c:1/attrs/scope", "")
}

func TestDeletionByDataset(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","a":[{"value":1},{"value":2,"datasetId":"urn:d:1"},{"value":3,"datasetId":"urn:d:2"}]}`)
	c.must(t, 400, "DELETE", "/entities/urn:c:1/attrs/a?datasetId=x", "")
	c.must(t, 404, "DELETE", "/entities/urn:c:1/attrs/a?datasetId=urn:d:9", "")
	c.must(t, 204, "DELETE", "/entities/urn:c:1/attrs/a?datasetId=urn:d:1", "")
	c.must(t, 204, "DELETE", "/entities/urn:c:1/attrs/a?datasetId=@none", "")
	c.must(t, 404, "DELETE", "/entities/urn:c:1/attrs/a", "")
	c.must(t, 204, "DELETE", "/entities/urn:c:1/attrs/a?deleteAll=true", "")
	c.must(t, 404, "DELETE", "/entities/urn:c:1/attrs/a?deleteAll=true", "")
}

func TestBatchesOfTheSameEntityApplyInOrder(t *testing.T) {
	c := newCity(t)
	a := c.must(t, 207, "POST", "/entityOperations/create", `[{"id":"urn:c:1","type":"Car","a":1},{"id":"urn:c:1","type":"Car","a":2}]`)
	if !strings.Contains(a.body, `"success":["urn:c:1"]`) || !strings.Contains(a.body, "AlreadyExists") {
		t.Errorf("the same id twice: %s", a.body)
	}
	c.must(t, 204, "POST", "/entityOperations/merge", `[{"id":"urn:c:1","a":2,"b":1},{"id":"urn:c:1","a":3}]`)
	if got := c.do(t, "GET", "/entities/urn:c:1?options=keyValues", "").body; got != `{"id":"urn:c:1","type":"Car","a":3,"b":1}` {
		t.Errorf("merged in order: %s", got)
	}
	a = c.must(t, 207, "POST", "/entityOperations/update?options=noOverwrite", `[{"id":"urn:c:1","a":9,"c":1}]`)
	if !strings.Contains(a.body, `"success":[]`) || !strings.Contains(a.body, "noOverwrite") {
		t.Errorf("noOverwrite: %s", a.body)
	}
	c.must(t, 400, "POST", "/entityOperations/upsert", `[{"id":"urn:c:7","type":"Car"},null]`)
	c.must(t, 404, "GET", "/entities/urn:c:7", "")
	c.must(t, 207, "POST", "/entityOperations/delete", `["urn:c:1","urn:c:1"]`)
}

func TestPurge(t *testing.T) {
	c := newCity(t)
	fill := func() {
		c.must(t, 201, "POST", "/entityOperations/upsert", `[{"id":"urn:c:1","type":"Car","speed":1,"brand":"x"},{"id":"urn:c:2","type":"Car","speed":2},{"id":"urn:b:1","type":"Bus","speed":3,"brand":"y"}]`)
	}
	left := func(want string) {
		t.Helper()
		if got := c.do(t, "GET", "/entities?idPattern=urn&local=true&options=keyValues", "").body; got != want {
			t.Errorf("left are %s, want %s", got, want)
		}
	}
	for _, bad := range []string{"", "?id=urn:c:1", "?idPattern=.*", "?attrs=createdAt", "?q=modifiedAt>%222020-01-01T00:00:00Z%22", "?type=Car&drop=a&keep=b", "?type=*&local=false", "?type=Car&drop=a{b}"} {
		c.must(t, 400, "DELETE", "/entities"+bad, "")
	}
	fill()
	c.must(t, 204, "DELETE", "/entities?type=Car&q=speed>1", "")
	left(`[{"id":"urn:b:1","type":"Bus","brand":"y","speed":3},{"id":"urn:c:1","type":"Car","brand":"x","speed":1}]`)
	c.must(t, 204, "DELETE", "/entities?type=Car,Bus&drop=brand", "")
	left(`[{"id":"urn:b:1","type":"Bus","speed":3},{"id":"urn:c:1","type":"Car","speed":1}]`)
	c.must(t, 204, "DELETE", "/entities?type=Car,Bus&keep=brand", "")
	left(`[{"id":"urn:b:1","type":"Bus"},{"id":"urn:c:1","type":"Car"}]`)
	c.must(t, 204, "DELETE", "/entities?local=true", "")
	left(`[]`)
	if a := c.do(t, "DELETE", "/entities?local=true", ""); a.status != 401 {
		t.Errorf("an anonymous purge: got %d", a.status)
	}
}

func TestTransientEntitiesSayWhenTheyGo(t *testing.T) {
	c := newCity(t)
	soon := time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04:05Z")
	c.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","expiresAt":"`+soon+`","a":{"value":1,"expiresAt":"`+soon+`"}}`)
	if a := c.do(t, "GET", "/entities/urn:c:1?options=sysAttrs", ""); strings.Count(a.body, `"expiresAt":"`+soon+`"`) != 2 {
		t.Errorf("with sysAttrs: %s", a.body)
	}
	if a := c.do(t, "GET", "/entities/urn:c:1", ""); strings.Contains(a.body, "expiresAt") {
		t.Errorf("without sysAttrs: %s", a.body)
	}
	c.must(t, 204, "PATCH", "/entities/urn:c:1", `{"expiresAt":"urn:ngsi-ld:null","a":{"expiresAt":"urn:ngsi-ld:null"}}`)
	if a := c.do(t, "GET", "/entities/urn:c:1?options=sysAttrs", ""); strings.Contains(a.body, "expiresAt") {
		t.Errorf("after it was taken away: %s", a.body)
	}
}
