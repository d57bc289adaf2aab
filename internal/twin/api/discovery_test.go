package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestDiscoveryTellsWhatIsThereInTheReadersWords(t *testing.T) {
	c := newCity(t)
	park(t, c)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:1","type":["Car","Thing"],"speed":[{"value":3},{"value":4,"datasetId":"urn:d:1"}],"spec":{"a":1},"location":{"type":"Point","coordinates":[1,2]}}`)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Car:2","type":"Car","speed":{"object":"urn:ngsi-ld:Car:1"},"name":{"languageMap":{"en":"x"}}}`)
	c.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:Bus:1","type":"Bus","seats":[]}`, "NGSILD-Tenant: other")
	for path, want := range map[string]string{
		"/types":                      `{"typeList":["Car","ParkingSession","Thing"]}`,
		"/types?details=true":         `[{"id":"` + vocabulary + `Car","typeName":"Car","attributeNames":["location","name","spec","speed"]},{"id":"` + vocabulary + `ParkingSession","typeName":"ParkingSession","attributeNames":["synthetic"]},{"id":"` + vocabulary + `Thing","typeName":"Thing","attributeNames":["location","spec","speed"]}]`,
		"/types/Car":                  `{"id":"` + vocabulary + `Car","typeName":"Car","entityCount":2,"attributeDetails":[{"id":"` + vocabulary + `name","type":"Attribute","attributeName":"name","attributeTypes":["LanguageProperty"]},{"id":"` + vocabulary + `spec","type":"Attribute","attributeName":"spec","attributeTypes":["Property"]},{"id":"` + vocabulary + `speed","type":"Attribute","attributeName":"speed","attributeTypes":["Property","Relationship"]},{"id":"https://uri.etsi.org/ngsi-ld/location","type":"Attribute","attributeName":"location","attributeTypes":["GeoProperty"]}]}`,
		"/attributes":                 `{"attributeList":["location","name","spec","speed","synthetic"]}`,
		"/attributes/speed":           `{"id":"` + vocabulary + `speed","attributeName":"speed","attributeCount":3,"attributeTypes":["Property","Relationship"],"typeNames":["Car","Thing"]}`,
		"/attributes/location":        `{"id":"https://uri.etsi.org/ngsi-ld/location","attributeName":"location","attributeCount":1,"attributeTypes":["GeoProperty"],"typeNames":["Car","Thing"]}`,
		"/attributes/spec?local=true": `{"id":"` + vocabulary + `spec","attributeName":"spec","attributeCount":1,"attributeTypes":["Property"],"typeNames":["Car","Thing"]}`,
	} {
		a := c.do(t, "GET", path, "")
		var got, wanted any
		if json.Unmarshal([]byte(a.body), &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		list := false
		for _, one := range append([]any{got}, elementsOf(got)...) {
			if m, ok := one.(map[string]any); ok {
				delete(m, "type")
				if strings.HasSuffix(path, "List") || m["typeList"] != nil || m["attributeList"] != nil {
					list = strings.HasPrefix(m["id"].(string), "urn:ngsi-ld:")
					delete(m, "id")
				}
			}
		}
		if m, ok := wanted.(map[string]any); ok && (m["typeList"] != nil || m["attributeList"] != nil) && !list {
			t.Errorf("%s: a list without an id: %s", path, a.body)
		}
		if a.status != 200 || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: got %d %s\nwant %s", path, a.status, a.body, want)
		}
	}
	for path, status := range map[string]int{"/types/Bus": 404, "/types/Car?details=true": 400, "/attributes/licensePlate": 404, "/attributes/driver": 404, "/attributes/createdAt": 404, "/attributes/id": 404,
		"/attributes?limit=5": 400, "/types?details=perhaps": 400} {
		if a := c.do(t, "GET", path, ""); a.status != status {
			t.Errorf("%s: got %d %s, want %d", path, a.status, a.body, status)
		}
	}
	if a := c.do(t, "GET", "/types", "", "NGSILD-Tenant: other"); !strings.Contains(a.body, `["Bus"]`) {
		t.Errorf("another tenant: %s", a.body)
	}
	c.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:Car:1", "")
	c.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:Car:2", "")
	if a := c.do(t, "GET", "/attributes", ""); !strings.Contains(a.body, `["synthetic"]`) {
		t.Errorf("after everything was deleted: %s", a.body)
	}
}

func elementsOf(v any) []any {
	list, _ := v.([]any)
	return list
}
