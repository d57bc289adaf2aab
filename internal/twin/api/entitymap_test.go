package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestEntityMapsFixWhatPagesShow(t *testing.T) {
	c := newCity(t)
	for i := range 5 {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:ngsi-ld:Car:%d","type":"Car","speed":%d}`, i, i))
	}
	a := c.do(t, "GET", "/entities?type=Car&q=speed%3E=0&limit=2&entityMap=true", "")
	at := a.header.Get("NGSILD-EntityMap")
	if a.status != 201 || !strings.HasPrefix(at, base+"/entityMaps/urn:ngsi-ld:EntityMap:") || strings.Contains(a.header.Get("Link"), "entityMap=") {
		t.Fatalf("got %d, map %q, Link %q", a.status, at, a.header.Get("Link"))
	}
	named := "NGSILD-EntityMap: " + at
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:00","type":"Car","speed":9}`)
	c.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:Car:1", "")
	c.must(t, 204, "PATCH", "/entities/urn:ngsi-ld:Car:2/attrs/speed", `{"value":-1}`)
	a = c.do(t, "GET", "/entities?type=Car&q=speed%3E=0&limit=2&count=true&options=keyValues", "", named)
	if a.status != 200 || a.header.Get("NGSILD-EntityMap") != at || a.header.Get("NGSILD-Results-Count") != "3" || !strings.Contains(a.header.Get("Link"), "offset=2") ||
		a.body != `[{"id":"urn:ngsi-ld:Car:0","type":"Car","speed":0},{"id":"urn:ngsi-ld:Car:3","type":"Car","speed":3}]` {
		t.Errorf("the first page: %d, count %s, Link %q: %s", a.status, a.header.Get("NGSILD-Results-Count"), a.header.Get("Link"), a.body)
	}
	a = c.do(t, "GET", "/entities?type=Car&q=speed%3E=0&limit=2&offset=2&options=keyValues", "", named)
	if a.body != `[{"id":"urn:ngsi-ld:Car:4","type":"Car","speed":4}]` || strings.Contains(a.header.Get("Link"), `rel="next"`) {
		t.Errorf("the last page: %s, Link %q", a.body, a.header.Get("Link"))
	}
	path := strings.TrimPrefix(at, base)
	for id, in := range map[string]bool{"0": true, "1": false, "2": false, "3": true, "4": true, "00": false} {
		if held := c.do(t, "GET", path, "").json(t)["entityMap"].(map[string]any)["urn:ngsi-ld:Car:"+id] != nil; held != in {
			t.Errorf("the map holds Car:%s: %v, want %v", id, held, in)
		}
	}
	for query, status := range map[string]int{"type=Car": 400, "type=Car&q=speed%3E=0&id=urn:ngsi-ld:Car:3": 200} {
		if a := c.do(t, "GET", "/entities?"+query, "", named); a.status != status {
			t.Errorf("%s on the map: got %d %s, want %d", query, a.status, a.body, status)
		}
	}
	if a := c.do(t, "GET", path, "", "NGSILD-Tenant: other"); a.status != 404 {
		t.Errorf("another tenant: got %d", a.status)
	}
	for body, status := range map[string]int{`{"expiresAt":"soon"}`: 400, `{"type":"Car"}`: 400, `[1]`: 400, `{"expiresAt":"2099-01-01T00:00:00Z","entityMap":{"urn:x:y":["@none"]}}`: 204} {
		if a := c.do(t, "PATCH", path, body); a.status != status {
			t.Errorf("PATCH %s: got %d %s, want %d", body, a.status, a.body, status)
		}
	}
	if a := c.do(t, "GET", path, ""); strings.Contains(a.body, "2099") || strings.Contains(a.body, "urn:x:y") {
		t.Errorf("the map is what the client made it: %s", a.body)
	}
	if a := c.do(t, "DELETE", path, ""); a.status != 204 {
		t.Errorf("DELETE: got %d", a.status)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if a := c.do(t, method, path, ""); a.status != 404 {
			t.Errorf("%s after DELETE: got %d", method, a.status)
		}
	}
	if a := c.do(t, "GET", "/entities?type=Car&q=speed%3E=0", "", named); a.status != 201 || a.header.Get("NGSILD-EntityMap") == at {
		t.Errorf("a map that is gone: got %d, map %q", a.status, a.header.Get("NGSILD-EntityMap"))
	}
}

func TestRetrievalsHaveEntityMapsToo(t *testing.T) {
	c := newCity(t)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":"Car"}`)
	a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:1?entityMap=true&entityMapLifetime=PT1M", "")
	at := a.header.Get("NGSILD-EntityMap")
	if a.status != 200 || at == "" {
		t.Fatalf("got %d, map %q", a.status, at)
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:1", "", "NGSILD-EntityMap: "+at); a.header.Get("NGSILD-EntityMap") != at {
		t.Errorf("the same map again: %q", a.header.Get("NGSILD-EntityMap"))
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:1", "", "NGSILD-EntityMap: urn:x:gone"); a.header.Get("NGSILD-EntityMap") == "" || strings.Contains(a.header.Get("NGSILD-EntityMap"), "gone") {
		t.Errorf("a map that is gone: %q", a.header.Get("NGSILD-EntityMap"))
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:1?entityMap=true&entityMapLifetime=soon", ""); a.status != 400 {
		t.Errorf("a lifetime that is none: got %d", a.status)
	}
}

// A map would keep which entities are about a person after the act that looked them up.
func TestNoEntityMapOfPeople(t *testing.T) {
	c := newCity(t)
	park(t, c)
	a := c.do(t, "POST", "/entityOperations/query?entityMap=true", byPlate, enforce...)
	if a.status != 400 || a.header.Get("NGSILD-EntityMap") != "" || c.named.Load() > 1 {
		t.Errorf("got %d %s, map %q", a.status, a.body, a.header.Get("NGSILD-EntityMap"))
	}
}
