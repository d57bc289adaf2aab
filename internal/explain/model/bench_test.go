package model

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"tribune/internal/explain/matrix"
)

// synthetic is rows of one-hot categories and a few numbers, as encoded records are.
func synthetic(rows, categories, numbers, classes int, seed uint64) (matrix.Matrix, []int) {
	r := rand.New(rand.NewPCG(seed, 1))
	x, y := matrix.New(rows, 4*categories+numbers), make([]int, rows)
	w := make([]float64, classes*x.Cols)
	for i := range w {
		w[i] = r.NormFloat64()
	}
	for i := range rows {
		row := x.Row(i)
		for c := range categories {
			row[4*c+r.IntN(4)] = 1
		}
		for j := 4 * categories; j < x.Cols; j++ {
			row[j] = float32(r.NormFloat64())
		}
		best := math.Inf(-1)
		for c := range classes {
			var z float64
			for j, v := range row {
				z += w[c*x.Cols+j] * float64(v)
			}
			if z -= math.Log(-math.Log(r.Float64())); z > best {
				best, y[i] = z, c
			}
		}
	}
	return x, y
}

func BenchmarkLeaveOneOut(b *testing.B) {
	x, y := synthetic(2000, 14, 40, 2, 3)
	r, err := NewRegression(x, y, 2, RegressionConfig{})
	if err != nil {
		b.Fatal(err)
	}
	f, err := r.Fit(context.Background(), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("fit", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Fit(context.Background(), nil, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("without", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := f.Without(context.Background(), i%2000); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLocationSized(b *testing.B) {
	x, y := clouds(1600, 446, 30, 1)
	n := network(b, Shape{446}, &Dense{Out: 1024}, &Activation{Function: Tanh}, &Dense{Out: 512}, &Activation{Function: Tanh}, &Dense{Out: 256}, &Activation{Function: Tanh}, &Dense{Out: 30})
	n.Init(1)
	b.Run("epoch", func(b *testing.B) {
		tr := trainer(b, n, x, y, TrainConfig{Epochs: 1e6, Batch: 64, Optimizer: SGD, Rate: 0.01, Momentum: 0.9})
		for b.Loop() {
			if _, err := tr.Epoch(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("private epoch", func(b *testing.B) {
		tr := trainer(b, n, x, y, TrainConfig{Epochs: 1e6, Batch: 64, Optimizer: SGD, Rate: 0.01, Private: &Privacy{Clip: 1, Noise: 1, Delta: 1e-4}})
		for b.Loop() {
			if _, err := tr.Epoch(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("predict", func(b *testing.B) {
		for b.Loop() {
			if _, err := n.Predict(context.Background(), x); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gradient", func(b *testing.B) {
		seed := matrix.New(x.Rows, 30)
		fill(seed.Data, 1)
		for b.Loop() {
			if _, err := n.Propagate(context.Background(), x, seed, Gradient, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
