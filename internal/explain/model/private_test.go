package model

import (
	"context"
	"math"
	"testing"

	"tribune/internal/explain/matrix"
)

func TestEpsilonIsOpacus(t *testing.T) {
	var rows []struct {
		Rate, Noise, Delta, Whole, Own float64
		Steps                          int
	}
	vectors(t, "epsilon.json", &rows)
	for _, r := range rows {
		got, err := Epsilon(r.Rate, r.Noise, r.Steps, r.Delta)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-r.Whole) > 1e-9*r.Whole {
			t.Errorf("rate %v, noise %v, %d steps: %v, Opacus has %v", r.Rate, r.Noise, r.Steps, got, r.Whole)
		}
		if got < r.Own*(1-1e-9) || got > r.Own*1.12 { // orders between whole ones win a little where epsilon is large
			t.Errorf("rate %v, noise %v, %d steps: %v, with fractional orders Opacus has %v", r.Rate, r.Noise, r.Steps, got, r.Own)
		}
	}
	for _, bad := range [][4]float64{{0, 1, 1, 0.1}, {1.1, 1, 1, 0.1}, {0.1, 0, 1, 0.1}, {0.1, 1, -1, 0.1}, {0.1, 1, 1, 0}, {0.1, 1, 1, math.NaN()}} {
		if got, err := Epsilon(bad[0], bad[1], int(bad[2]), bad[3]); err == nil {
			t.Errorf("%v: epsilon %v", bad, got)
		}
	}
}

// TestNoRowMovesAPrivateNetworkByMoreThanTheClip makes each row's gradient by itself and clips it by the definition.
func TestNoRowMovesAPrivateNetworkByMoreThanTheClip(t *testing.T) {
	x, y := clouds(40, 36, 3, 4)
	x.Row(5)[0] = 1e4 // an outlier without clipping moves everything
	n := network(t, Shape{36}, &Reshape{To: Shape{1, 6, 6}}, &Conv{Window: Window{Kernel: [2]int{3, 3}}, Out: 4}, &Activation{Function: Relu}, &Flatten{}, &Dense{Out: 9}, &Activation{Function: Tanh}, &Dense{Out: 3})
	n.Init(3)
	const clip = 2
	rows := make([]int, 40)
	for i := range rows {
		rows[i] = i
	}
	tr := trainer(t, n, x, y, TrainConfig{Epochs: 1, Batch: 10, Optimizer: SGD, Rate: 1, Private: &Privacy{Clip: clip, Noise: 1, Delta: 1e-3}})
	tr.clipped(rows)

	plain := trainer(t, n.Clone(), x, y, TrainConfig{Epochs: 1, Batch: 10, Optimizer: SGD, Rate: 1})
	want := keep(plain.grads)
	over, under := 0, 0
	for _, i := range rows {
		for _, g := range plain.grads {
			clear(g)
		}
		plain.backward([]int{i}, 1, func(node int, dout matrix.Matrix) { plain.collect(node, dout) })
		var norm float64
		for _, g := range plain.grads {
			norm += square(g)
		}
		scale := math.Min(1, clip/math.Sqrt(norm))
		if scale < 1 {
			over++
		} else {
			under++
		}
		for k, g := range plain.grads {
			for j, v := range g {
				want[k][j] += float32(scale * float64(v))
			}
		}
	}
	if over == 0 || under == 0 {
		t.Fatalf("%d rows were clipped, %d not: both are to be compared", over, under)
	}
	for k := range want {
		compare(t, "the clipped sum", tr.grads[k], wide(want[k]))
	}
}

// TestPrivateNoiseHasItsDeviation looks at a step in which no row was taken: noise alone.
func TestPrivateNoiseHasItsDeviation(t *testing.T) {
	x, y := clouds(100, 36, 3, 4)
	n := network(t, Shape{36}, &Dense{Out: 500}, &Activation{Function: Tanh}, &Dense{Out: 3})
	tr := trainer(t, n, x, y, TrainConfig{Epochs: 2, Batch: 10, Optimizer: SGD, Rate: 1, Private: &Privacy{Clip: 3, Noise: 2, Delta: 1e-3}})
	tr.noise(tr.chance())
	var sum, squares, count float64
	for _, g := range tr.grads {
		for _, v := range g {
			sum, squares, count = sum+float64(v), squares+float64(v)*float64(v), count+1
		}
	}
	mean, deviation := sum/count, math.Sqrt(squares/count)
	// 20,003 numbers: five standard errors of the mean and of the deviation
	if want := 0.6; math.Abs(mean) > 5*want/math.Sqrt(count) || math.Abs(deviation-want) > 5*want/math.Sqrt(2*count) {
		t.Errorf("mean %v, deviation %v of %v numbers; want 0 and %v", mean, deviation, count, want)
	}
}

func TestPrivateTrainingLearnsAndSpends(t *testing.T) {
	x, y := clouds(1000, 36, 3, 4)
	n := network(t, Shape{36}, &Dense{Out: 32}, &Activation{Function: Tanh}, &Dense{Out: 3})
	n.Init(1)
	tr := trainer(t, n, x, y, TrainConfig{Epochs: 8, Batch: 100, Optimizer: SGD, Rate: 0.5, Private: &Privacy{Clip: 1, Noise: 1, Delta: 1e-4}})
	last := Progress{}
	if err := tr.Run(context.Background(), func(p Progress) error {
		if p.Epsilon <= last.Epsilon {
			t.Errorf("epoch %d: epsilon %v after %v", p.Epoch, p.Epsilon, last.Epsilon)
		}
		last = p
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want, err := Epsilon(0.1, 1, 80, 1e-4)
	if err != nil {
		t.Fatal(err)
	}
	if last.Accuracy < 0.95 || last.Epsilon != want {
		t.Errorf("accuracy %v, epsilon %v, want %v for 80 steps", last.Accuracy, last.Epsilon, want)
	}
}
