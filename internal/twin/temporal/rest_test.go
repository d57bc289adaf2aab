package temporal_test

import (
	"fmt"
	"testing"
	"time"

	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// Page after page everything is read, each instance at least once, and it ends.
func TestRestReadsEverythingOnce(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	var all []model.Attr
	for n := 1; n <= 20; n++ {
		all = append(all, model.Attr{Value: fmt.Append(nil, n), ObservedAt: day(n)})
	}
	for name, q := range map[string]temporal.Query{
		"all": {}, "before": {Rel: temporal.Before, At: day(15)}, "after": {Rel: temporal.After, At: day(5)}, "between": {Rel: temporal.Between, At: day(5), End: day(15)},
		"last": {LastN: 50}, "last before": {Rel: temporal.Before, At: day(15), LastN: 50}, "last after": {Rel: temporal.After, At: day(5), LastN: 50}, "last between": {Rel: temporal.Between, At: day(5), End: day(15), LastN: 50},
	} {
		want, seen := q.Keep(all), map[string]bool{}
		when := q
		for pages := 0; ; pages++ {
			page := when.Keep(all)
			cut := len(page) > 3
			page = page[:min(3, len(page))]
			if pages > 20 {
				t.Fatalf("%s: it does not end", name)
			}
			var first, last time.Time
			for i := range page {
				seen[string(page[i].Value)] = true
				if at := page[i].ObservedAt; first.IsZero() || at.Before(first) {
					first = at
				}
				if at := page[i].ObservedAt; at.After(last) {
					last = at
				}
			}
			next, ok := when.Rest(first, last)
			if !cut || !ok {
				break
			}
			when = next
		}
		if len(seen) != len(want) || len(want) < 5 {
			t.Errorf("%s: read %d instances, want %d", name, len(seen), len(want))
		}
	}
	if next, ok := (temporal.Query{Rel: temporal.After, At: day(3)}).Rest(day(3), day(3)); !ok || next.Holds(day(3)) || !next.Holds(day(3).Add(1)) {
		t.Errorf("after a page of one moment comes %+v", next)
	}
	for name, c := range map[string]struct {
		q           temporal.Query
		first, last time.Time
	}{
		"nothing":                {temporal.Query{}, time.Time{}, time.Time{}},
		"nothing, last":          {temporal.Query{LastN: 1}, time.Time{}, time.Time{}},
		"behind":                 {temporal.Query{Rel: temporal.After, At: day(3)}, day(2), day(2)},
		"no progress, last":      {temporal.Query{Rel: temporal.Before, At: day(3), LastN: 1}, day(3), day(3)},
		"back at the start":      {temporal.Query{Rel: temporal.After, At: day(3), LastN: 1}, day(3), day(9)},
		"beyond what was asked":  {temporal.Query{Rel: temporal.Between, At: day(3), End: day(5)}, day(9), day(9)},
		"before, beyond the end": {temporal.Query{Rel: temporal.Before, At: day(3)}, day(9), day(9)},
	} {
		if next, ok := c.q.Rest(c.first, c.last); ok {
			t.Errorf("%s: it goes on with %+v", name, next)
		}
	}
}
