package api_test

import (
	"slices"
	"testing"
)

// dead is an address where nobody listens.
const dead = "http://127.0.0.1:1"

// A source that only reads is not asked to change, and then nobody has: that is no success.
func TestAChangeThatNobodyMakesIsNotFound(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, "")
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":50}}`)
	here.must(t, 200, "GET", "/entities/urn:c:1", "")
	for _, x := range [][3]string{
		{"PATCH", "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":9}}`},
		{"POST", "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":9}}`},
		{"PATCH", "/entities/urn:c:1", `{"speed":{"type":"Property","value":9}}`},
		{"PATCH", "/entities/urn:c:1/attrs/speed", `{"value":9}`},
		{"DELETE", "/entities/urn:c:1/attrs/speed", ""},
		{"DELETE", "/entities/urn:c:1", ""},
	} {
		here.must(t, 404, x[0], x[1], x[2])
	}
	if e := object(t, there.must(t, 200, "GET", "/entities/urn:c:1?options=keyValues", "")); e["speed"] != 50.0 {
		t.Errorf("the source has %v", e)
	}
}

// An update that fails in part names the attributes, as an UpdateResult (clauses 5.2.18 and 5.2.19).
func TestAnUpdateThatFailsInPartNamesTheAttributes(t *testing.T) {
	here := newBroker(t, nil)
	here.registers(t, "gone", dead, "redirect", `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["speed"]}`, allOps)
	here.must(t, 201, "POST", "/entities?local=true", `{"id":"urn:c:1","type":"Car","brand":{"type":"Property","value":"X"}}`)
	for _, method := range []string{"PATCH", "POST"} {
		got := object(t, here.must(t, 207, method, "/entities/urn:c:1/attrs", `{"speed":{"type":"Property","value":9},"brand":{"type":"Property","value":"Y"}}`))
		updated, _ := got["updated"].([]any)
		not, _ := got["notUpdated"].([]any)
		if len(got) != 2 || !slices.Equal(updated, []any{name("brand")}) || len(not) != 1 {
			t.Fatalf("%s: got %v", method, got)
		}
		if one := not[0].(map[string]any); one["attributeName"] != name("speed") || one["registrationId"] != "urn:r:gone" || one["reason"] == "" || len(one) != 3 {
			t.Errorf("%s: not updated is %v", method, one)
		}
	}
}

// name is a term that no context defines.
func name(term string) string { return "https://uri.etsi.org/ngsi-ld/default-context/" + term }

// That an entity is nowhere is told with who could not be asked: it may be there (clause 6.3.17).
func TestWhatIsNotFoundIsToldWithItsWarnings(t *testing.T) {
	here := newBroker(t, nil)
	here.registers(t, "gone", dead, "redirect", cars, "")
	status, _, h := here.says(t, "GET", "/entities/urn:c:1", "")
	if status != 404 || len(h.Values("NGSILD-Warning")) != 1 {
		t.Errorf("got %d %v", status, h)
	}
}

// An entity map says who holds each entity (clause 5.2.39).
func TestEntityMapsNameTheSources(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, "")
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:here","type":"Car"}`)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:both","type":"Car"}`)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:both","type":"Car"}`)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:c:there","type":"Car"}`)
	_, _, h := here.says(t, "GET", "/entities?type=Car&entityMap=true", "")
	got, _ := object(t, here.must(t, 200, "GET", h.Get("NGSILD-EntityMap")[len("/ngsi-ld/v1"):], ""))["entityMap"].(map[string]any)
	for id, want := range map[string][]any{"urn:c:here": {"@none"}, "urn:c:both": {"@none", "urn:r:there"}, "urn:c:there": {"urn:r:there"}} {
		if list, _ := got[id].([]any); !slices.Equal(list, want) {
			t.Errorf("%s: got %v, want %v", id, list, want)
		}
	}
}
