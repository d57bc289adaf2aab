package model

import (
	"context"
	"math"
	"testing"

	"tribune/internal/explain/matrix"
)

// Two steps of one weight, worked out by hand: Adagrad divides by the root of all squares so far, so that the second step is shorter than the first by
// more than the gradient is.
func TestAdagradDividesByWhatItHasSeen(t *testing.T) {
	n, err := NewNetwork(Shape{1}, &Dense{Out: 2, W: []float32{0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	x, y := matrix.Matrix{Rows: 1, Cols: 1, Data: []float32{1}}, []int{1}
	if err := trainer(t, n, x, y, TrainConfig{Epochs: 2, Batch: 1, Optimizer: Adagrad, Rate: 0.1}).Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	// Weights and biases of class 0 and 1 move alike and against each other. The first gradient is 1/2: a step of the whole rate. Then z = 0.2 for class 1, -0.2 for 0.
	g := 1 / (1 + math.Exp(0.4))
	want := 0.1 + 0.1*g/math.Sqrt(0.25+g*g)
	for _, w := range n.Weights() {
		if math.Abs(float64(w[1])-want) > 1e-6 || math.Abs(float64(w[0])+want) > 1e-6 {
			t.Errorf("after two steps %v, want ±%.7f", w, want)
		}
	}
}
