package twin

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// BenchmarkAggregate is what 1,000,000 points of one attribute come to, packed but for the latest: by day with all methods
// that read summaries, by periods shorter than a block, with distinctCount, which looks at every number, and one day of them.
func BenchmarkAggregate(b *testing.B) {
	const points = 1_000_000
	st, err := pebble.Open(pebble.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	tw := open(b, Config{Store: st, Now: time.Now})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := model.Entity{ID: "urn:ngsi-ld:Sensor:1", Types: []tribune.Name{vocabulary + "Sensor"}}
	for at := 0; at < points; at += maxPast {
		list := make([]model.Attr, maxPast)
		for i := range list {
			list[i] = model.Attr{Kind: model.Property, UnitCode: "CEL", Value: json.RawMessage(fmt.Sprintf("%.2f", 20+5*math.Sin(float64(at+i)/500))), ObservedAt: start.Add(time.Duration(at+i) * 10 * time.Second)}
		}
		e.Attrs = map[tribune.Name][]model.Attr{vocabulary + "temperature": list}
		must(b, tw.Evolve(b.Context(), Past{Entity: e}))
	}
	b.Logf("%d rows packed", packAll(b, tw, e.ID))
	numbers := temporal.Avg | temporal.Min | temporal.Max | temporal.Sum | temporal.Stddev | temporal.TotalCount
	for name, q := range map[string]EvolutionQuery{
		"day":      {Aggregate: &Aggregation{Methods: numbers, Every: temporal.Duration{Span: 24 * time.Hour}}},
		"minutes":  {Aggregate: &Aggregation{Methods: numbers, Every: temporal.Duration{Span: 10 * time.Minute}}},
		"distinct": {Aggregate: &Aggregation{Methods: temporal.DistinctCount, Every: temporal.Duration{Months: 1}}},
		"one day":  {Time: temporal.Query{Rel: temporal.Between, At: start.Add(50 * 24 * time.Hour), End: start.Add(51 * 24 * time.Hour)}, Aggregate: &Aggregation{Methods: numbers, Every: temporal.Duration{Span: time.Hour}}},
	} {
		q.Query = Query{IDs: []tribune.EntityID{e.ID}}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				got, err := tw.Evolutions(b.Context(), q)
				if err != nil || len(got.List) != 1 {
					b.Fatal(len(got.List), err)
				}
			}
		})
	}
}
