package model

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Predict gives the softmax of the logits.
func (n *Network) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	out, err := n.Logits(ctx, x)
	if err != nil {
		return out, err
	}
	each(out.Rows, runtime.GOMAXPROCS(0), func(from, to int) {
		for i := from; i < to; i++ {
			softmax(out.Row(i), out.Row(i))
		}
	})
	return out, nil
}

// softmax writes the probabilities of logits to out, and returns the logarithm of the sum of e^logit.
func softmax(logits, out []float32) float64 {
	top := float64(slices.Max(logits))
	var sum float64
	for _, z := range logits {
		sum += exp(float64(z) - top)
	}
	for i, z := range logits {
		out[i] = float32(exp(float64(z)-top) / sum)
	}
	return top + log(sum)
}

// Logits gives the numbers that a softmax makes probabilities of.
func (n *Network) Logits(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	if err := CheckInput(n, x); err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, n.classes)
	err := n.chunks(ctx, x.Rows, func(t *tape, from, to int) {
		t.forward(x.Slice(from, to))
		copy(out.Slice(from, to).Data, t.last().Data)
	})
	if err != nil {
		return matrix.Matrix{}, err
	}
	if i := odd(out.Data); i >= 0 {
		return matrix.Matrix{}, fmt.Errorf("%w: the network gives %v for row %d, class %d", tribune.ErrInvalid, out.Data[i], i/n.classes, i%n.classes)
	}
	return out, nil
}

// CheckInput refuses records that m cannot take: a wrong width, or a number that is none (the error names row and column).
func CheckInput(m Model, x matrix.Matrix) error {
	if x.Cols != m.Inputs() {
		return fmt.Errorf("%w: records of %d columns; the model takes %d", tribune.ErrInvalid, x.Cols, m.Inputs())
	}
	if i := odd(x.Data); i >= 0 {
		return fmt.Errorf("%w: row %d, column %d is %v", tribune.ErrInvalid, i/x.Cols, i%x.Cols, x.Data[i])
	}
	return nil
}

// odd is the place of the first number that is not finite, or -1.
func odd(s []float32) int {
	for i, v := range s {
		if v-v != 0 {
			return i
		}
	}
	return -1
}
