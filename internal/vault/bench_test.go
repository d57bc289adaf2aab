package vault

import (
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

func BenchmarkSealInOpenSegment(b *testing.B) {
	f := newFixture(b)
	f.put(b, tribune.Place{}, subjectNo(1), "x")
	items := []tribune.Item{item("urn:ngsi-ld:ParkingSession:1", "https://uri.etsi.org/ngsi-ld/default-context/licensePlate", `{"type":"Property","value":"AB12 CDE"}`)}
	for b.Loop() {
		if _, _, _, err := f.Seal(b.Context(), tribune.Place{}, tribune.Class{ID: testClass}, subjectNo(1), items); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealNewSegment(b *testing.B) {
	f := newFixture(b)
	items := []tribune.Item{item("e", "a", "x")}
	n := 0
	for b.Loop() {
		n++
		if _, _, _, err := f.Seal(b.Context(), tribune.Place{}, tribune.Class{ID: testClass}, subjectNo(n), items); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPseudonyms(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("uncached=%d/incl-3-guardians", n), func(b *testing.B) {
			f := newFixture(b)
			round := 0
			for b.Loop() {
				round++
				names := make([]string, n)
				for i := range names {
					names[i] = fmt.Sprint(round, "/", i)
				}
				if _, err := f.Pseudonyms(b.Context(), "plate", names); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/name")
		})
	}
	b.Run("cached", func(b *testing.B) {
		f := newFixture(b)
		for b.Loop() {
			if _, err := f.Pseudonyms(b.Context(), "plate", []string{"A"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for _, c := range []struct{ segments, values int }{{1, 1}, {1, 100}, {100, 1}, {1000, 1}} {
		b.Run(fmt.Sprintf("segments=%d/values=%d", c.segments, c.values), func(b *testing.B) {
			f := newFixture(b)
			var sealed []tribune.Sealed
			for i := range c.segments {
				items := make([]tribune.Item, c.values)
				for j := range items {
					items[j] = item(fmt.Sprint("e", j), "a", "clear")
				}
				s, writes, committed, err := f.Seal(b.Context(), tribune.Place{}, tribune.Class{ID: testClass}, subjectNo(i), items)
				if err != nil {
					b.Fatal(err)
				}
				var batch store.Batch
				batch.Add(writes...)
				if err := f.store.Commit(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
				committed()
				sealed = append(sealed, s...)
			}
			f.clock.add(time.Minute)
			keys := f.dealer.keysOf(b, f.Vault, f.clock.Now(), sealed...)
			for b.Loop() {
				if _, err := f.Open(b.Context(), clone(keys), sealed); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*c.segments), "µs/segment")
		})
	}
}
