package sim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryValueIsOneAttributeInstance(t *testing.T) {
	twin := &recorder{}
	s := city(t, t.TempDir(), twin, DefaultPeople, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.playTo(t, saturday.Add(6*time.Hour))
	attrs := map[string]map[string]bool{}
	for _, c := range twin.changes {
		var in map[string]json.RawMessage
		if err := json.Unmarshal(c.Value, &in); err != nil {
			t.Fatalf("%s: %v", c.Value, err)
		}
		member := map[string]string{`"Property"`: "value", `"GeoProperty"`: "value", `"Relationship"`: "object"}[string(in["type"])]
		if member == "" || in[member] == nil {
			t.Fatalf("%s %s: %s", c.Entity, c.Attr, c.Value)
		}
		if at := string(in["observedAt"]); (at == "") != c.ObservedAt.IsZero() || at != "" && at != `"`+c.ObservedAt.UTC().Format(time.RFC3339)+`"` {
			t.Fatalf("observedAt %s in the value, %v beside it", at, c.ObservedAt)
		}
		if !regexp.MustCompile(`^urn:ngsi-ld:[A-Za-z]+:[A-Za-z0-9:._-]+$`).MatchString(string(c.Entity)) {
			t.Fatalf("entity %q", c.Entity)
		}
		typ := strings.TrimPrefix(string(c.Types[0]), vocabulary)
		if attrs[typ] == nil {
			attrs[typ] = map[string]bool{}
		}
		attrs[typ][strings.TrimPrefix(strings.TrimPrefix(string(c.Attr), vocabulary), core)] = true
	}
	// The law classes these attributes; one more here would be sealed as unclassified, unnoticed.
	want := map[string]string{
		"OffStreetParking":   "availableSpotNumber dataProvider location name occupancy occupiedSpotNumber source status totalSpotNumber",
		"AirQualityObserved": "atmosphericPressure co dataProvider dewPoint location name no2 o3 pm10 pm25 precipitation so2 source temperature windDirection windSpeed",
		"ParkingSession":     "driver endedAt licensePlate paidUntil refParking startedAt synthetic",
	}
	for typ, names := range want {
		var got []string
		for a := range attrs[typ] {
			got = append(got, a)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != names {
			t.Errorf("%s: got %v, want %s", typ, got, names)
		}
	}
}
