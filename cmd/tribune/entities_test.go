package main_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tribune/data"
	"tribune/internal/client"
)

// refused are the examples that break the standard: which attribute, and by which rule, as the refusal must name them.
var refused = map[string][2]string{
	"Environment-FloodMonitoring":         {`"floodLevelStatus"`, "is none of"},
	"Environment-NightSkyQuality":         {`"id"`, "URI"},
	"Environment-PhreaticObserved":        {`"depth`, "clause 4.6"},
	"Environment-WaterObserved":           {`"dateObserved`, "URI"},
	"Transportation-RestrictionException": {`"name`, "is none of"},
	"Transportation-SpecialRestriction":   {`"name`, "is none of"},
	"Transportation-TransportStation":     {`"dateLastReported`, "is none of"},
	"Transportation-VehicleFault":         {`"observedAt"`, "clause"},
	"Transportation-Vehicle":              {`"battery.observedAt"`, "UTC"},
}

// repeated is the example whose id another has.
const repeated = "Environment-TrafficEnvironmentImpactForecast"

// exampleEntities stores the 51 examples as they are published and reads them back under their own context.
func exampleEntities(t *testing.T, c *city) {
	integrator, guest := c.as(t, "integrator-1"), c.as(t, "")
	examples, err := data.Entities()
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(examples, "*.jsonld")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for _, file := range files {
		text, err := fs.ReadFile(examples, file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(file, ".jsonld")
		a := do(t, integrator, http.MethodPost, entities, string(text), "Content-Type: application/ld+json")
		counts[a.Status]++
		if want, bad := refused[name]; bad {
			if kind, detail := problem(t, a); a.Status != http.StatusBadRequest || kind != "https://uri.etsi.org/ngsi-ld/errors/BadRequestData" || !strings.Contains(detail, want[0]) || !strings.Contains(detail, want[1]) {
				t.Errorf("%s: got %d %s, want 400 naming %v", name, a.Status, a.Body, want)
			}
			continue
		}
		if name == repeated {
			if kind, _ := problem(t, a); a.Status != http.StatusConflict || kind != "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists" {
				t.Errorf("%s: got %d %s, want 409", name, a.Status, a.Body)
			}
			continue
		}
		if a.Status != http.StatusCreated {
			t.Errorf("%s: got %d %s", name, a.Status, a.Body)
			continue
		}
		var sent, got map[string]any
		if err := json.Unmarshal(text, &sent); err != nil {
			t.Fatal(err)
		}
		back := get(t, guest, a.Header.Get("Location"), "Accept: application/ld+json", "Link: "+ownContext(t, sent["@context"]))
		if err := json.Unmarshal(back.Body, &got); err != nil || back.Status != http.StatusOK {
			t.Errorf("%s: reading back: got %d %s", name, back.Status, back.Body)
			continue
		}
		if warning := back.Header.Get("NGSILD-Warning"); warning != "" {
			t.Errorf("%s: public by law, and read with a warning: %s", name, warning)
		}
		if got["@context"] == nil {
			t.Errorf("%s: came back without a context", name)
		}
		delete(sent, "@context")
		delete(got, "@context")
		if name == "Transportation-CityWork" {
			trimTypes(sent) // some say "Property ": the one thing we mend
		}
		if !reflect.DeepEqual(sent, got) {
			t.Errorf("%s: sent and read back differ in %v", name, differing(sent, got))
		}
	}
	if want := "map[201:41 400:9 409:1]"; fmt.Sprint(counts) != want {
		t.Errorf("the 51 examples were answered %v, want %s", counts, want)
	}
}

// problem reads problem details, which NGSI-LD sends as JSON.
func problem(t *testing.T, a *client.Answer) (kind, detail string) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || a.Header.Get("Content-Type") != "application/json" || p.Title == "" || p.Status != a.Status {
		t.Errorf("these are not problem details: %d %s %s", a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	return p.Type, p.Detail
}

// ownContext is the Link header that names an entity's own context. A header can name one: the core context is understood
// in any case, and the one that was withdrawn is left out where its successor stands beside it.
func ownContext(t *testing.T, context any) string {
	t.Helper()
	list, ok := context.([]any)
	if !ok {
		list = []any{context}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		return strings.Contains(v.(string), "ngsi-ld-core-context") || strings.Contains(v.(string), "fiware.github.io")
	})
	if len(list) != 1 {
		t.Fatalf("want one context of its own, got %v", list)
	}
	return "<" + list[0].(string) + `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
}

// trimTypes trims what says of which kind an attribute is, attributes of attributes included.
func trimTypes(attrs map[string]any) {
	for name, v := range attrs {
		if text, ok := v.(string); ok && name == "type" && text == "Property " {
			attrs[name] = "Property"
		} else if m, ok := v.(map[string]any); ok {
			trimTypes(m)
		}
	}
}

func differing(a, b map[string]any) (names []string) {
	for name := range a {
		if !reflect.DeepEqual(a[name], b[name]) {
			names = append(names, fmt.Sprintf("%s: sent %v, got %v", name, a[name], b[name]))
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, fmt.Sprintf("%s: not sent, got %v", name, b[name]))
		}
	}
	return names
}

// Words that stand nowhere else: one in an attribute that no class describes, one in a car park's public name.
var (
	secretWord = word("Sealed")
	publicWord = word("Public")
)

// unknownIsSealed stores an entity of a type that no steward has classified.
func unknownIsSealed(t *testing.T, c *city) {
	integrator, guest := c.as(t, "integrator-1"), c.as(t, "")
	for _, body := range []string{
		`{"id":"urn:ngsi-ld:Novelty:1","type":"Novelty","note":"` + secretWord + `","owner":{"value":"` + secretWord + `","since":1999}}`,
		`{"id":"urn:ngsi-ld:OffStreetParking:e2e","type":"OffStreetParking","name":"` + publicWord + `"}`,
	} {
		if a := do(t, integrator, http.MethodPost, entities, body); a.Status != http.StatusCreated {
			t.Fatalf("storing: got %d %s", a.Status, a.Body)
		}
	}
	for path, want := range map[string]string{
		entities + "/urn:ngsi-ld:Novelty:1?options=keyValues":                          `{"id":"urn:ngsi-ld:Novelty:1","type":"Novelty"}`,
		entities + "?type=Novelty&options=keyValues":                                   `[{"id":"urn:ngsi-ld:Novelty:1","type":"Novelty"}]`,
		entities + "?id=urn:ngsi-ld:OffStreetParking:e2e&local=true&options=keyValues": `[{"id":"urn:ngsi-ld:OffStreetParking:e2e","type":"OffStreetParking","name":"` + publicWord + `"}]`,
		entities + "?type=Novelty&q=note&options=keyValues":                            `[]`,
		entities + "?type=Novelty&q=owner[since]==1999&options=keyValues":              `[]`,
		"/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Novelty:1?timeproperty=modifiedAt":  `{"id":"urn:ngsi-ld:Novelty:1","type":"Novelty"}`,
	} {
		a := get(t, guest, path)
		if a.Status != http.StatusOK || string(a.Body) != want {
			t.Errorf("%s: got %d %s, want %s", path, a.Status, a.Body, want)
		}
		seen := strings.Contains(want, "Novelty:1")
		if warning := a.Header.Get("NGSILD-Warning"); seen != strings.Contains(warning, "2 personal attributes") {
			t.Errorf("%s: the warning is %q", path, warning)
		}
	}
	if a := get(t, integrator, entities+"/urn:ngsi-ld:Novelty:1"); strings.Contains(string(a.Body), "note") {
		t.Errorf("who wrote it reads it without purpose: %s", a.Body)
	}
}

// asIfAbsent asks about personal attributes and about attributes that exist nowhere; the answers must not differ.
func asIfAbsent(t *testing.T, c *city) {
	s := park(t, c, "urn:ngsi-ld:ParkingSession:e2e:absent")
	integrator, guest := c.as(t, "integrator-1"), c.as(t, "")
	if a := do(t, integrator, http.MethodPost, entities+"/"+s.id+"/attrs", `{"refParking":{"type":"GeoProperty","value":{"type":"Point","coordinates":[-1.9,52.48]}}}`); a.Status != http.StatusNoContent {
		t.Fatalf("adding a place: got %d %s", a.Status, a.Body)
	}
	here := "georel=near;maxDistance==1000&geometry=Point&coordinates=[-1.9,52.48]&geoproperty="
	for _, x := range []struct{ name, query, value string }{
		{"exists", "q=ATTR", ""}, {"equal", `q=ATTR==VALUE`, `"` + s.plate + `"`}, {"not equal", `q=ATTR!=VALUE`, `"x"`}, {"greater", `q=ATTR>VALUE`, `"A"`},
		{"pattern", `q=ATTR~=VALUE`, `".*"`}, {"beside what is public", `q=synthetic==true;ATTR==VALUE`, `"` + s.plate + `"`},
		{"or what is public", `q=synthetic==true|ATTR==VALUE`, `"` + s.plate + `"`}, {"attrs", "attrs=ATTR", ""}, {"attrs beside", "attrs=synthetic,ATTR", ""},
		{"place", here + "ATTR", ""}, {"order of what is public", "q=synthetic==true&attrs=ATTR", ""},
	} {
		for _, personal := range []string{"licensePlate", "driver", "refParking"} {
			ask := func(attr string) *client.Answer {
				query := strings.NewReplacer("ATTR", attr, "VALUE", url.QueryEscape(x.value)).Replace(x.query)
				return get(t, guest, entities+"?type=ParkingSession&options=keyValues&count=true&limit=1000&"+strings.ReplaceAll(query, "|", "%7C"))
			}
			is, isNot := ask(personal), ask("neverSeen")
			// Drivers come and go meanwhile: what differs because of that does not differ every time.
			for try := 0; try < 5 && string(is.Body) != string(isNot.Body); try++ {
				is, isNot = ask(personal), ask("neverSeen")
			}
			if is.Status != http.StatusOK || is.Status != isNot.Status || string(is.Body) != string(isNot.Body) {
				t.Errorf("%s, %s: got %d %.300s; of an attribute that does not exist %d %.300s", x.name, personal, is.Status, is.Body, isNot.Status, isNot.Body)
			}
			for _, header := range []string{"NGSILD-Results-Count", "NGSILD-Warning", "Content-Length"} {
				if x.name == "attrs beside" && header == "NGSILD-Warning" {
					continue // entities that are found by what is public say that something of theirs is withheld
				}
				if got, want := is.Header.Get(header), isNot.Header.Get(header); got != want {
					t.Errorf("%s, %s: %s is %q; of an attribute that does not exist %q", x.name, personal, header, got, want)
				}
			}
			if is.Header.Get("NGSILD-Results-Count") == "" {
				t.Errorf("%s, %s: no count", x.name, personal)
			}
		}
	}
	control := get(t, guest, entities+"?type=ParkingSession&q=synthetic==true&count=true&id="+s.id)
	if control.Header.Get("NGSILD-Results-Count") != "1" || !strings.Contains(string(control.Body), s.id) {
		t.Errorf("control: got %d %s, count %q, want the session", control.Status, control.Body, control.Header.Get("NGSILD-Results-Count"))
	}
}
