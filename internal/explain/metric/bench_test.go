package metric

import (
	"runtime"
	"testing"
)

func onCores(t *testing.T, n int, run func()) {
	t.Helper()
	before := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(before)
	run()
}

func BenchmarkCurve20000(b *testing.B) {
	s := gaussian(source(1), 10000, 10000, 0.2)
	for b.Loop() {
		if _, err := NewCurve(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeLong20000(b *testing.B) {
	s := gaussian(source(1), 10000, 10000, 0.2)
	for b.Loop() {
		if _, err := Compare(s.Member, s.Score, s.Score); err != nil {
			b.Fatal(err)
		}
	}
}

// 2,000 replicates of two attacks on 20,000 records.
func BenchmarkLeakBeyond20000(b *testing.B) {
	s := gaussian(source(1), 10000, 10000, 0.2)
	for b.Loop() {
		if _, err := (Bootstrap{}).LeakBeyond(b.Context(), s, s, []float64{0.001, 0.01}, Support{}, 0.95); err != nil {
			b.Fatal(err)
		}
	}
}
