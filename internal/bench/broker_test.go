package bench

import (
	"context"
	"testing"
	"time"
)

// TestBrokerSmoke measures every row for a moment, at two sizes, and holds that figures are there and answers right.
func TestBrokerSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker and loads it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	bc := BrokerConfig{Config: Config{Binary: built(t), Dir: t.TempDir(), Duration: 500 * time.Millisecond, Connections: 4, Log: t.Output()},
		Sizes: []int{1100, 1300}, Points: 12_000, Soak: 2 * time.Second}
	for _, k := range BrokerRows() { // those of a single size, too
		bc.Rows = append(bc.Rows, k.Name)
	}
	seen := map[string]int{}
	err := MeasureBroker(ctx, bc, func(r Result) error {
		seen[r.Bench]++
		if r.Errors != 0 || r.FirstError != "" || r.Ops == 0 || r.OpsPerS <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.RSS <= 0 || r.Entities < 1100 {
			t.Errorf("a result that cannot be: %+v", r)
		}
		if (r.StartS > 0) != (r.Bench == "broker-start") {
			t.Errorf("%s took %v s to start", r.Bench, r.StartS)
		}
		if (r.Disk > 0) != (r.Bench == "broker-load") || (r.Soak != nil) != (r.Bench == "broker-soak") || r.RSSPeak < r.RSS {
			t.Errorf("disk, soak or memory of %s: %+v", r.Bench, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range BrokerRows() {
		if seen[k.Name] != len(bc.Sizes) {
			t.Errorf("%s was measured %d times", k.Name, seen[k.Name])
		}
	}
}

// TestBrokerBenchKnowsWrongAnswers: a broker that holds nothing of what is asked is no fast one.
func TestBrokerBenchKnowsWrongAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	b, err := openBroker(t.Context(), BrokerConfig{Config: Config{Binary: built(t), Dir: t.TempDir(), Duration: 300 * time.Millisecond, Connections: 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	b.held = 100 // as if
	for _, name := range []string{"broker-get", "broker-update", "broker-query", "broker-near"} {
		if _, err := b.run(t.Context(), Kind{Name: name, run: b.row(name, 100)}); err == nil {
			t.Errorf("%s has a figure although every answer was wrong", name)
		}
	}
}
