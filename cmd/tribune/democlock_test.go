package main_test

import (
	"encoding/json"
	"testing"
	"time"
)

// The demo's clock runs ahead of the true one, and its devices go by it: were they held against the true one, the hub would
// put aside everything they report from the first demo hour on, and the city would stand still.
func TestDemoCityDoesNotStandStill(t *testing.T) {
	c := newCity(t)
	c.start(t, "--speed", "3600")
	anyone := c.as(t, "")
	ahead := time.Now().Add(3 * time.Hour)
	c.until(t, "an observation of demo time", func() bool {
		var found []struct {
			PM25 struct {
				ObservedAt time.Time `json:"observedAt"`
			} `json:"pm25"`
		}
		a := get(t, anyone, entities+"?type=AirQualityObserved&limit=100")
		if err := json.Unmarshal(a.Body, &found); err != nil || len(found) == 0 {
			t.Fatalf("air stations: %d %.200s (%v)", a.Status, a.Body, err)
		}
		for _, one := range found {
			if one.PM25.ObservedAt.After(ahead) {
				return true
			}
		}
		return false
	})
	c.interrupt(t)
}
