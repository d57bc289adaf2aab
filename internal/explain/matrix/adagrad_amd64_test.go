package matrix

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

func TestAdagradIsTheSameBitsOnEveryPath(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	number := func() float32 { // any bits, denormals and infinities too
		if r.IntN(4) == 0 {
			return math.Float32frombits(r.Uint32())
		}
		return float32(r.NormFloat64())
	}
	for _, n := range []int{1, 7, 8, 15, 16, 17, 48, 1000} {
		w, g, sum := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range w {
			w[i], g[i], sum[i] = number(), number(), number()*number()
		}
		wantW, wantSum := append([]float32{}, w...), append([]float32{}, sum...)
		adagradGo(wantW, g, wantSum, 0.01, 0.001, 1e-7)
		check := func(name string, move func(w, g, sum []float32)) {
			gotW, gotSum := append([]float32{}, w...), append([]float32{}, sum...)
			move(gotW, g, gotSum)
			for i := range gotW {
				if !same(gotW[i], wantW[i]) || !same(gotSum[i], wantSum[i]) {
					t.Fatalf("%s, %d numbers: number %d is %x and %x, want %x and %x", name, n, i, gotW[i], gotSum[i], wantW[i], wantSum[i])
				}
			}
		}
		check("Adagrad", func(w, g, sum []float32) { Adagrad(w, g, sum, 0.01, 0.001, 1e-7) })
		if cpu.X86.HasAVX2 && n%8 == 0 {
			check("AVX2", func(w, g, sum []float32) { adagradAVX2(&w[0], &g[0], &sum[0], n, 0.01, 0.001, 1e-7) })
		}
	}
}

func BenchmarkAdagrad(b *testing.B) {
	w, g, sum := make([]float32, 1<<16), make([]float32, 1<<16), make([]float32, 1<<16)
	for i := range g {
		w[i], g[i], sum[i] = 1, float32(i%7)-3, 1
	}
	for name, move := range map[string]func(w, g, sum []float32, rate, decay, epsilon float32){"vectors": Adagrad, "Go": adagradGo} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(12 << 16)
			for b.Loop() {
				move(w, g, sum, 0.01, 0, 1e-7)
			}
		})
	}
}
