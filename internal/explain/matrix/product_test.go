package matrix

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

func random(r *rand.Rand, rows, cols int) Matrix {
	m := New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

// plain is the definition: one element after the other, products and sums rounded one by one.
func plain(dst Matrix, a, b Strided) {
	for i := range dst.Rows {
		for j := range dst.Cols {
			sum := dst.Data[i*dst.Cols+j]
			for k := range a.Cols {
				sum += float32(a.Data[i*a.RowStep+k*a.ColStep] * b.Data[k*b.RowStep+j*b.ColStep])
			}
			dst.Data[i*dst.Cols+j] = sum
		}
	}
}

func TestProductIsTheSameBitsOnEveryPath(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][3]int{{1, 1, 1}, {6, 16, 5}, {7, 17, 3}, {5, 15, 300}, {13, 33, 257}, {128, 100, 70}, {200, 520, 20}, {1, 1030, 40}, {97, 16, 600}, {30, 2, 1}} {
		rows, cols, deep := shape[0], shape[1], shape[2]
		a, b, start := random(r, rows, deep), random(r, deep, cols), random(r, rows, cols)
		at, bt := random(r, deep, rows), random(r, cols, deep)
		for name, operands := range map[string][2]Strided{
			"a·b": {a.Plain(), b.Plain()}, "aᵀ·b": {at.Transposed(), b.Plain()}, "a·bᵀ": {a.Plain(), bt.Transposed()}, "aᵀ·bᵀ": {at.Transposed(), bt.Transposed()},
		} {
			want := Matrix{Rows: rows, Cols: cols, Data: append([]float32{}, start.Data...)}
			plain(want, operands[0], operands[1])
			for _, workers := range []int{0, 1, 2, 3, 8} {
				got := Matrix{Rows: rows, Cols: cols, Data: append([]float32{}, start.Data...)}
				AddProduct(got, operands[0], operands[1], workers)
				for i := range got.Data {
					if got.Data[i] != want.Data[i] {
						t.Fatalf("%v %s, %d workers: element %d is %v, want %v", shape, name, workers, i, got.Data[i], want.Data[i])
					}
				}
			}
		}
	}
}

func TestProductRefusesShapesThatDoNotFit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("2x3 plus 2x2 times 2x3 was computed as if 3x3 times")
		}
	}()
	AddProduct(New(2, 3), New(2, 2).Plain(), New(3, 3).Plain(), 1)
}

func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{128, 1024, 446}, {1024, 512, 128}, {512, 512, 512}, {16, 1024, 72}} {
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			x, y, z := random(r, size[0], size[2]), random(r, size[2], size[1]), New(size[0], size[1])
			b.Run(fmt.Sprintf("%dx%dx%d/%d", size[0], size[2], size[1], workers), func(b *testing.B) {
				for b.Loop() {
					AddProduct(z, x.Plain(), y.Plain(), workers)
				}
				b.ReportMetric(2*float64(size[0]*size[1]*size[2])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}
