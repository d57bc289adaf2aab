package record

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkSealAt800 offers 800 acts a second, evenly, whatever becomes of them, with four witnesses in this process of which
// three publish: go test -run - -bench SealAt800 -benchtime 8000x. The time is from the act to its receipt.
func BenchmarkSealAt800(b *testing.B) { benchmarkSeal(b, 800) }

// BenchmarkSealAt1500 is beyond what is promised.
func BenchmarkSealAt1500(b *testing.B) { benchmarkSeal(b, 1500) }

func benchmarkSeal(b *testing.B, perSecond int) {
	g := newRig(b)
	r := g.open(b)
	leaf := testLeaf(b, 1)
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for i := range b.N {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			if _, err := r.Seal(b.Context(), leaf); err != nil {
				b.Errorf("Seal: %v", err)
			}
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "acts/s")
}

// BenchmarkSealAlone is one act at a time after a pause: what a person waits for.
func BenchmarkSealAlone(b *testing.B) {
	g := newRig(b)
	r := g.open(b)
	leaf := testLeaf(b, 1)
	var took []time.Duration
	for b.Loop() {
		time.Sleep(300 * time.Millisecond)
		start := time.Now()
		if _, err := r.Seal(b.Context(), leaf); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
