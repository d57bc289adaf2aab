package jsonld_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

const data = "../../../data"

// contexts is what a hub has that maps the smart data models' contexts to its own files. IndoorEnvironmentObserved
// names a context that its publisher has withdrawn; its successor takes its place.
func contexts(tb testing.TB) *jsonld.Contexts {
	tb.Helper()
	successor, err := os.ReadFile(filepath.Join(data, "contexts", "dataModel.Environment.jsonld"))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := jsonld.New(jsonld.Config{
		Map:   filepath.Join(data, "contexts", "map.json"),
		Files: map[string][]byte{"https://fiware.github.io/data-models/context.jsonld": successor},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// broken are the example entities that break the standard, and what the refusal must name: attribute and rule.
var broken = map[string][2]string{
	"Environment-FloodMonitoring":         {`"floodLevelStatus"`, `type "string" is none of`},
	"Environment-NightSkyQuality":         {`"id"`, "must be a URI"},
	"Environment-PhreaticObserved":        {`"depth`, "clause 4.6"},
	"Environment-WaterObserved":           {`"dateObserved"`, "must be a URI"},
	"Transportation-RestrictionException": {`"name"`, `type "string" is none of`},
	"Transportation-SpecialRestriction":   {`"name"`, `type "string" is none of`},
	"Transportation-TransportStation":     {`"dateLastReported"`, `type "DateTime" is none of`},
	"Transportation-Vehicle":              {`"battery.observedAt"`, "in UTC"},
	"Transportation-VehicleFault":         {`"observedAt"`, "is no attribute"},
}

func TestRealEntitiesRoundTripOrAreRefusedByRule(t *testing.T) {
	c := contexts(t)
	files, err := filepath.Glob(filepath.Join(data, "entities", "*.jsonld"))
	if err != nil || len(files) != 51 {
		t.Fatalf("found %d example entities (%v), want 51", len(files), err)
	}
	good, ids := 0, map[tribune.EntityID]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonld")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonld.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			raw, ok := doc.Member("@context")
			if !ok {
				t.Fatal("no @context")
			}
			ctx, err := c.Of(t.Context(), raw.Raw())
			if err != nil {
				t.Fatal(err)
			}
			e, err := ctx.Entity(doc, jsonld.Form{})
			if want, bad := broken[name]; bad {
				if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), want[0]) || !strings.Contains(err.Error(), want[1]) {
					t.Fatalf("got %v, want a refusal that names %s and says %s", err, want[0], want[1])
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ctx.Append(nil, &e, jsonld.View{LD: true})
			if want, have := canonical(t, text), canonical(t, got); !reflect.DeepEqual(want, have) {
				t.Errorf("in  %v\nout %v", want, have)
			}
			if _, again := ids[e.ID]; !again {
				good++
			}
			ids[e.ID] = name
		})
	}
	if good != 41 {
		t.Errorf("%d entities round-trip under their own id, want 41", good)
	}
}

// canonical decodes an entity and takes away what may differ without meaning anything: zeros after a second's point,
// white space around a type (CityWork has "Property "), and the core context at the end of @context.
func canonical(t *testing.T, text []byte) any {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	list, ok := e["@context"].([]any)
	if !ok {
		list = []any{e["@context"]}
	}
	e["@context"] = slices.DeleteFunc(list, func(v any) bool { s, _ := v.(string); return strings.Contains(s, "ngsi-ld-core-context") })
	var tidy func(v any)
	tidy = func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		for _, k := range slices.Collect(maps.Keys(m)) {
			if s, ok := m[k].(string); ok && k == "observedAt" {
				at, ok := jsonld.Time(s)
				if !ok {
					t.Errorf("observedAt %q", s)
				}
				m[k] = at
			} else if ok && k == "type" {
				m[k] = strings.TrimSpace(s)
			}
			tidy(m[k])
		}
	}
	tidy(e)
	return e
}
