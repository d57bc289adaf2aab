package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"tribune/internal/store"
)

// Sizes of the benchmarks: what one attribute update of the twin comes to, and a city's worth of entities.
const (
	benchOps     = 4
	benchValue   = 256
	benchEntries = 50_000
)

// Bench measures durable commits by 1, 8 and 64 writers, and gets and scans over 50,000 entries.
func Bench(b *testing.B, factory Factory) {
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("Commit/writers=%d", n), func(b *testing.B) {
			commits(b, benchStore(b, factory), n, false)
		})
		b.Run(fmt.Sprintf("CompareAndSet/writers=%d", n), func(b *testing.B) {
			commits(b, benchStore(b, factory), n, true)
		})
	}
	b.Run("Read", func(b *testing.B) {
		s := benchStore(b, factory)
		value := make([]byte, benchValue)
		for i := 0; i < benchEntries; {
			var batch store.Batch
			for range 1_000 {
				batch.Put(benchKey(i), value)
				i++
			}
			if err := s.Commit(b.Context(), &batch); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("Get", func(b *testing.B) { gets(b, s) })
		b.Run("Scan20", func(b *testing.B) { scans(b, s, store.Range{Limit: 20}) })
		b.Run("ScanKeys20", func(b *testing.B) { scans(b, s, store.Range{Limit: 20, KeysOnly: true}) })
	})
}

func benchStore(b *testing.B, factory Factory) store.Store {
	s, err := factory(b)()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func benchKey(i int) []byte { return key(0, "bench", fmt.Sprintf("urn:ngsi-ld:Thing:%08d", i)) }

// commits has n writers commit batches of four puts, each to entities of its own; conditional ones also expect the
// version they wrote last. One operation of the benchmark is one batch.
func commits(b *testing.B, s store.Store, n int, conditional bool) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, n)
	b.ReportAllocs()
	b.ResetTimer()
	for w := range n {
		wg.Go(func() {
			value := make([]byte, benchValue)
			place := uint16(w) % s.Partitions()
			head := key(place, "bench", "writer", fmt.Sprint(w))
			for version := uint64(0); next.Add(1) <= int64(b.N); version++ {
				var batch store.Batch
				if conditional && version == 0 {
					batch.ExpectAbsent(head)
				} else if conditional {
					batch.ExpectPrefix(head, number(version-1))
				}
				copy(value, number(version))
				batch.Put(head, value)
				for i := range uint64(benchOps - 1) {
					batch.Put(key(place, "bench", "row", fmt.Sprintf("%d %012d", w, version*benchOps+i)), value)
				}
				if errs[w] = s.Commit(b.Context(), &batch); errs[w] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	for _, err := range errs {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func gets(b *testing.B, s store.Store) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Get(b.Context(), benchKey(rand.IntN(benchEntries))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func scans(b *testing.B, s store.Store, r store.Range) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := r
		r.To = store.After(key(0, "bench"))
		for pb.Next() {
			r.From = benchKey(rand.IntN(benchEntries - r.Limit))
			n := 0
			for _, err := range s.Scan(b.Context(), r) {
				if err != nil {
					b.Error(err)
					return
				}
				n++
			}
			if n != r.Limit {
				b.Errorf("scan of %d pairs, want %d", n, r.Limit)
				return
			}
		}
	})
}
