package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestChangesOfThePastReachBoth(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, pastOps)
	if _, _, h := here.says(t, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "01=10", "02=20")); h.Get("Location") != "/ngsi-ld/v1/temporal/entities/urn:c:1" {
		t.Errorf("Location %q", h.Get("Location"))
	}
	here.must(t, 204, "POST", "/temporal/entities", evolution("urn:c:1", "colour", "01=7"))
	here.must(t, 204, "POST", "/temporal/entities/urn:c:1/attrs", `{"speed":{"type":"Property","values":[[30,"2026-05-03T00:00:00Z"]]}}`)
	for _, b := range []*broker{here, there} {
		if e := object(t, b.must(t, 200, "GET", "/temporal/entities/urn:c:1?local=true&format=temporalValues", "")); pairs(e, "speed") != "01=10 02=20 03=30" || pairs(e, "colour") != "01=7" {
			t.Errorf("got %v", e)
		}
	}
	here.must(t, 204, "DELETE", "/temporal/entities/urn:c:1/attrs/colour", "")
	there.must(t, 404, "GET", "/temporal/entities/urn:c:1?attrs=colour&local=true", "")

	// An instance is in one place.
	var e struct{ Speed []struct{ InstanceID string } }
	if err := json.Unmarshal([]byte(there.must(t, 200, "GET", "/temporal/entities/urn:c:1", "")), &e); err != nil {
		t.Fatal(err)
	}
	one := "/temporal/entities/urn:c:1/attrs/speed/" + e.Speed[0].InstanceID
	for _, body := range []string{`{"speed":[{"type":"Property","value":11,"observedAt":"2026-05-01T00:00:00Z"}]}`, `[{"type":"Property","value":11,"observedAt":"2026-05-01T00:00:00Z"}]`, `{"type":"Property","value":11,"observedAt":"2026-05-01T00:00:00Z"}`} {
		here.must(t, 204, "PATCH", one, body)
	}
	if e := object(t, here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues", "")); pairs(e, "speed") != "01=11 02=20 03=30" {
		t.Errorf("what was corrected last is not believed: %v", e)
	}
	here.must(t, 204, "DELETE", one, "")
	here.must(t, 404, "DELETE", one, "")
	if e := object(t, there.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues", "")); pairs(e, "speed") != "02=20 03=30" {
		t.Errorf("there is %v", e)
	}
	here.must(t, 204, "DELETE", "/temporal/entities/urn:c:1", "")
	there.must(t, 404, "GET", "/temporal/entities/urn:c:1", "")
	here.must(t, 404, "DELETE", "/temporal/entities/urn:c:1", "")
	here.must(t, 201, "POST", "/temporal/entities?local=true", `{"id":"urn:c:3","type":"Car"}`)
	there.must(t, 404, "DELETE", "/temporal/entities/urn:c:3", "")
}

// What is registered to be held elsewhere does not stay here, and who does not take it stands against it.
func TestProxiedPastIsNotKeptHere(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "exclusive", `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["speed"]}`, pastOps)
	here.registers(t, "now", there.URL, "redirect", `{"entities":[{"type":"Bus"}]}`, "")
	here.must(t, 201, "POST", "/temporal/entities", `{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":1,"observedAt":"2026-05-01T00:00:00Z"}],"colour":[{"type":"Property","value":2,"observedAt":"2026-05-01T00:00:00Z"}]}`)
	for b, want := range map[*broker][2]string{here: {"", "01=2"}, there: {"01=1", ""}} {
		if e := object(t, b.must(t, 200, "GET", "/temporal/entities/urn:c:1?local=true&format=temporalValues", "")); pairs(e, "speed") != want[0] || pairs(e, "colour") != want[1] {
			t.Errorf("got %v, want %v", e, want)
		}
	}
	here.must(t, 204, "DELETE", "/temporal/entities/urn:c:1/attrs/speed", "")
	here.must(t, 404, "DELETE", "/temporal/entities/urn:c:1/attrs/speed", "")
	here.must(t, 409, "POST", "/temporal/entities", strings.Replace(evolution("urn:b:1", "speed", "01=1"), "Car", "Bus", 1))
	here.must(t, 404, "GET", "/entities/urn:b:1?local=true", "")
}

// A part that fails is told with its registration, beside what was done (clauses 5.2.16 and 5.2.17).
func TestChangesOfThePastThatFailInPart(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		mode   string
		status int // of the request
		part   float64
	}{
		"refused":            {status(403), "inclusive", 207, 502},
		"not there":          {status(404), "inclusive", 207, 404},
		"refused, alone":     {status(403), "redirect", 502, 0},
		"not there, alone":   {status(404), "redirect", 404, 0},
		"a loop":             {status(508), "inclusive", 204, 0},
		"a loop, alone":      {status(508), "redirect", 508, 0},
		"another's ID taken": {status(409), "inclusive", 207, 409},
	} {
		t.Run(name, func(t *testing.T) {
			here, s := newBroker(t, nil), newSource(t, c.answer)
			if c.mode == "inclusive" {
				here.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "01=1"))
			}
			here.registers(t, "s", s.URL, c.mode, cars, pastOps)
			text := here.must(t, c.status, "POST", "/temporal/entities/urn:c:1/attrs", `{"type":"Car","speed":[{"type":"Property","value":2,"observedAt":"2026-05-02T00:00:00Z"}]}`)
			if c.status != 207 {
				return
			}
			out := object(t, text)
			failed := out["errors"].([]any)[0].(map[string]any)
			if len(out["success"].([]any)) != 1 || failed["registrationId"] != "urn:r:s" || failed["entityId"] != "urn:c:1" || failed["error"].(map[string]any)["status"] != c.part {
				t.Errorf("got %v", out)
			}
		})
	}
}

// Each change goes on as clause 6 has it, in the words of the source.
func TestHowChangesOfThePastAreForwarded(t *testing.T) {
	const context = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
	instance := `{"type":"Property","value":1,"observedAt":"2026-05-01T00:00:00Z","unit":{"type":"Property","value":2}}`
	for _, c := range [][6]string{
		{"POST", "/temporal/entities", `{"id":"urn:c:1","type":"Car","speed":[` + instance + `]}`, "/temporal/entities", "", `{"id":"urn:c:1","type":"Car","speed":[` + instance + `]}`},
		{"POST", "/temporal/entities/urn:c:1/attrs", `{"speed":` + instance + `}`, "/temporal/entities/urn:c:1/attrs", "", `{"speed":` + instance + `}`},
		{"DELETE", "/temporal/entities/urn:c:1/attrs/speed?datasetId=urn:d:1", "", "/temporal/entities/urn:c:1/attrs/speed", "datasetId=urn:d:1", ""},
		{"DELETE", "/temporal/entities/urn:c:1/attrs/scope?deleteAll=true", "", "/temporal/entities/urn:c:1/attrs/scope", "deleteAll=true", ""},
		{"PATCH", "/temporal/entities/urn:c:1/attrs/speed/urn:i:1", instance, "/temporal/entities/urn:c:1/attrs/speed/urn:i:1", "", `{"speed":[` + instance + `]}`},
		{"DELETE", "/temporal/entities/urn:c:1/attrs/speed/urn:i:1", "", "/temporal/entities/urn:c:1/attrs/speed/urn:i:1", "", ""},
		{"DELETE", "/temporal/entities/urn:c:1", "", "/temporal/entities/urn:c:1", "", ""},
	} {
		here, s := newBroker(t, nil), newSource(t, status(204))
		here.registers(t, "s", s.URL, "redirect", cars, pastOps)
		here.must(t, 204, c[0], c[1], c[2])
		r, body := s.only(t)
		if r.Method != c[0] || r.URL.Path != "/ngsi-ld/v1"+c[3] || r.URL.RawQuery != c[4] || body != c[5] {
			t.Errorf("%s %s: it was told %s %s %s", c[0], c[1], r.Method, r.URL, body)
		}
	}
	here, s := newBroker(t, nil), newSource(t, status(204))
	here.registers(t, "s", s.URL, "redirect", `{"entities":[{"type":"https://example.org/Car"}]}`, pastOps)
	ld := `{"@context":[{"Auto":"https://example.org/Car","v":"https://example.org/speed"},"` + context + `"],"id":"urn:c:1","type":"Auto","v":[` + instance + `]}`
	here.must(t, 204, "POST", "/temporal/entities", ld, "Content-Type: application/ld+json")
	if _, body := s.only(t); !strings.Contains(body, `"@context"`) || !strings.Contains(body, `"v":[`) {
		t.Errorf("with its context it was told %s", body)
	}
}
