package model

import (
	"context"
	"sync/atomic"

	"tribune/internal/explain/matrix"
)

// Losses is the cross-entropy of each row.
func (n *Network) Losses(ctx context.Context, x matrix.Matrix, y []int) ([]float64, error) {
	out, _, err := n.losses(ctx, x, y)
	return out, err
}

// losses also counts the rows whose class is the likeliest.
func (n *Network) losses(ctx context.Context, x matrix.Matrix, y []int) ([]float64, int, error) {
	if err := checkRows(n, x, y); err != nil {
		return nil, 0, err
	}
	out := make([]float64, x.Rows)
	var hits atomic.Int64
	err := n.chunks(ctx, x.Rows, func(t *tape, from, to int) {
		t.forward(x.Slice(from, to))
		d := make([]float32, n.classes)
		for i := from; i < to; i++ {
			loss, hit := entropy(t.last().Row(i-from), d, y[i])
			out[i] = loss
			if hit {
				hits.Add(1)
			}
		}
	})
	return out, int(hits.Load()), err
}
