package twin

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

// city is a twin on disk with n car parks of nine attributes.
func city(b *testing.B, n int) *Twin {
	b.Helper()
	st, err := pebble.Open(pebble.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	tw := open(b, Config{Store: st, Now: time.Now, ClassOf: func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{ID: "car-park"} }})
	var ms []Mutation
	for i := range n {
		e := model.Entity{ID: parkID(i), Types: []tribune.Name{vocabulary + "OffStreetParking"}, Attrs: map[tribune.Name][]model.Attr{
			vocabulary + "name": prop(fmt.Sprintf(`"Park %d"`, i)), vocabulary + "totalSpotNumber": prop("500"), vocabulary + "occupiedSpotNumber": prop(fmt.Sprint(i % 500)),
			vocabulary + "availableSpotNumber": prop(fmt.Sprint(500 - i%500)), vocabulary + "occupancy": prop("0.5"), vocabulary + "status": prop(`"open"`),
			vocabulary + "category": prop(`["public","underground"]`), vocabulary + "dataProvider": prop(`"Birmingham City Council"`),
			LocationIRI: {{Kind: model.GeoProperty, Value: json.RawMessage(fmt.Sprintf(`{"type":"Point","coordinates":[%f,%f]}`, -1.9+float64(i%100)/1000, 52.4+float64(i/100)/1000))}}}}
		ms = append(ms, Mutation{Mode: Upsert, Entity: e})
	}
	for _, r := range tw.Mutate(b.Context(), ms) {
		must(b, r)
	}
	return tw
}

func parkID(i int) tribune.EntityID {
	return tribune.EntityID(fmt.Sprintf("urn:ngsi-ld:OffStreetParking:birmingham:%05d", i))
}

// BenchmarkUpdate is a durable update of one attribute by 64 writers.
func BenchmarkUpdate(b *testing.B) {
	tw := city(b, 10000)
	ctx := context.Background()
	var n atomic.Int64
	b.SetParallelism(32) // times GOMAXPROCS 2
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			r := tw.Mutate(ctx, []Mutation{{Mode: Update, Entity: model.Entity{ID: parkID(i * 7919 % 10000), Attrs: map[tribune.Name][]model.Attr{
				vocabulary + "availableSpotNumber": {{Kind: model.Property, Value: json.RawMessage(fmt.Sprint(i % 500)), ObservedAt: time.Unix(int64(i), 0)}}}}}})[0]
			if r.Err != nil {
				b.Error(r.Err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkCreate(b *testing.B) {
	tw := city(b, 10)
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := model.Entity{ID: parkID(100000 + int(n.Add(1))), Types: []tribune.Name{vocabulary + "OffStreetParking"}, Attrs: map[tribune.Name][]model.Attr{
				vocabulary + "name": prop(`"Park"`), vocabulary + "totalSpotNumber": prop("500"), vocabulary + "availableSpotNumber": prop("7")}}
			if r := tw.Mutate(context.Background(), []Mutation{{Mode: Create, Entity: e}})[0]; r.Err != nil {
				b.Error(r.Err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkReady(b *testing.B) {
	tw := city(b, 10000)
	render := func(v View) ([]byte, error) { return make([]byte, 1000), nil }
	var n atomic.Int64
	for i := range 10000 {
		tw.Ready(b.Context(), "", parkID(i), "k", render)
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := tw.Ready(context.Background(), "", parkID(int(n.Add(1))%10000), "k", render); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkFind(b *testing.B) {
	tw := city(b, 10000)
	park := query.Type(vocabulary + "OffStreetParking")
	spots := func(text string) *query.Expr {
		x, err := query.Parse(text, func(s string) (tribune.Name, error) { return tribune.Name(vocabulary + s), nil })
		if err != nil {
			b.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"equal-20-hits", Query{Types: park, Q: spots("availableSpotNumber==77")}},
		{"equal-20-hits-count", Query{Types: park, Q: spots("availableSpotNumber==77"), Count: true, Limit: 20}},
		{"half", Query{Types: park, Q: spots("availableSpotNumber>250")}},
		{"half-count", Query{Types: park, Q: spots("availableSpotNumber>250"), Count: true, Limit: 20}},
		{"none-of-10000", Query{Types: park, Q: spots(`status~=^closed`)}},
		{"type", Query{Types: park}},
		{"type-count", Query{Types: park, Count: true, Limit: 20}},
		{"near-500m", Query{Types: park, Geo: near(b, -1.85, 52.45, 500), Limit: 20}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := tw.Find(context.Background(), c.q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}
