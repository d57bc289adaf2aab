package twin

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"tribune"
	"tribune/internal/twin/query"
)

// BenchmarkFind100k asks for pages of 20 among 100,000 entities from all processors.
func BenchmarkFind100k(b *testing.B) {
	tw := city(b, 100_000)
	park := query.Type(vocabulary + "OffStreetParking")
	name := func(s string) (tribune.Name, error) { return tribune.Name(vocabulary + s), nil }
	q := func(text string) *query.Expr {
		x, err := query.Parse(text, name)
		if err != nil {
			b.Fatal(err)
		}
		return x
	}
	order, err := query.OrderTerms{By: []string{"availableSpotNumber;desc"}, Attr: name}.Parse()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		of   func(i int) Query
	}{
		{"equal", func(i int) Query { return Query{Q: q(fmt.Sprintf("availableSpotNumber==%d", 1+i%500))} }},
		{"equal-any-type", func(i int) Query {
			return Query{Types: query.TypeExpr{}, Q: q(fmt.Sprintf("availableSpotNumber==%d", 1+i%500))}
		}},
		{"greater-half", func(i int) Query { return Query{Q: q(fmt.Sprintf("availableSpotNumber>%d", 200+i%100))} }},
		{"greater-few", func(i int) Query { return Query{Q: q(fmt.Sprintf("availableSpotNumber>%d", 490+i%9))} }},
		{"greater-none", func(i int) Query { return Query{Q: q("availableSpotNumber>1000")} }},
		{"equal-count", func(i int) Query {
			return Query{Q: q(fmt.Sprintf("availableSpotNumber==%d", 1+i%500)), Count: true, Limit: 20}
		}},
		{"pattern", func(i int) Query { return Query{Q: q(`name~="7$"`)} }},
		{"offset-5000", func(i int) Query { return Query{Q: q(`status=="open"`), Offset: 5000} }},
		{"near-100m", func(i int) Query {
			return Query{Geo: near(b, -1.9+float64(i%100)/1000, 52.4+float64(i/100%1000)/1000, 100)}
		}},
		{"near-1km", func(i int) Query {
			return Query{Geo: near(b, -1.9+float64(i%100)/1000, 52.4+float64(i/100%1000)/1000, 1000)}
		}},
		{"near-all", func(i int) Query { return Query{Geo: near(b, -1.85, 52.9, 500_000)} }},
		{"within", func(i int) Query {
			x, y := -1.9+float64(i%90)/1000, 52.4+float64(i/90%900)/1000
			return Query{Geo: geo(b, "within", "Polygon", fmt.Sprintf("[[[%v,%v],[%v,%[2]v],[%[3]v,%v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]", x, y, x+.01, y+.01))}
		}},
		{"ordered", func(i int) Query { return Query{Q: q("availableSpotNumber>490"), Order: order} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					query := c.of(int(n.Add(1)) * 7919)
					if c.name != "equal-any-type" {
						query.Types = park
					}
					if _, err := tw.Find(context.Background(), query); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}
