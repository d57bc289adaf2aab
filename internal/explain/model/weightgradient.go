package model

import (
	"context"
	"fmt"
	"runtime"

	"tribune"
	"tribune/internal/explain/matrix"
)

// WeightGradient is d by the weights (all of Weights, one after the other) of the scalar of which seed (rows x Classes) is d by the logits, summed over
// the rows: what influence functions and per-record attacks on the training ask of a network. Batch normalization is refused: while it trains, one
// record changes what the others give.
func (n *Network) WeightGradient(ctx context.Context, x, seed matrix.Matrix) ([]float64, error) {
	if err := CheckInput(n, x); err != nil {
		return nil, err
	}
	if seed.Rows != x.Rows || seed.Cols != n.classes {
		return nil, fmt.Errorf("%w: a seed of %d x %d for %d records and %d classes", tribune.ErrInvalid, seed.Rows, seed.Cols, x.Rows, n.classes)
	}
	return n.weightGradient(ctx, x, func(from, to int, _ *tape) matrix.Matrix { return seed.Slice(from, to) })
}

// LossGradient is WeightGradient of the cross-entropy, summed over the rows.
func (n *Network) LossGradient(ctx context.Context, x matrix.Matrix, y []int) ([]float64, error) {
	if err := checkRows(n, x, y); err != nil {
		return nil, err
	}
	return n.weightGradient(ctx, x, func(from, to int, t *tape) matrix.Matrix {
		seed := matrix.New(to-from, n.classes)
		for i := from; i < to; i++ {
			entropy(t.last().Row(i-from), seed.Row(i-from), y[i])
		}
		return seed
	})
}

// weightGradient goes through the rows in chunks, one after the other, so that sums do not depend on the cores.
func (n *Network) weightGradient(ctx context.Context, x matrix.Matrix, seed func(from, to int, t *tape) matrix.Matrix) ([]float64, error) {
	grads, total := n.weightSpace()
	for i, node := range n.nodes {
		if _, ok := node.Layer.(*BatchNorm); ok {
			return nil, fmt.Errorf("%s: %w: its weights' gradient outside of training", node.title(i), tribune.ErrUnsupported)
		}
	}
	out := make([]float64, total)
	t := n.tape(runtime.GOMAXPROCS(0))
	t.inside = true
	size := min(chunkRows, max(1, chunkFloats/n.floats))
	for from := 0; from < x.Rows; from += size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+size, x.Rows)
		t.forward(x.Slice(from, to))
		t.backward(seed(from, to, t), Gradient, 0, func(node int, dout matrix.Matrix) {
			if l, ok := n.nodes[node].Layer.(weighted); ok {
				l.gradient(&t.calls[node], dout, grads[node])
			}
		})
		at := 0
		for _, node := range grads {
			for _, g := range node {
				for i, v := range g {
					out[at+i] += float64(v)
				}
				at += len(g)
				clear(g)
			}
		}
	}
	return out, nil
}

// weightSpace is zeros in the weights' shapes, by node, and how many.
func (n *Network) weightSpace() (grads [][][]float32, total int) {
	grads = make([][][]float32, len(n.nodes))
	for i, node := range n.nodes {
		if l, ok := node.Layer.(weighted); ok {
			for _, w := range l.weights() {
				grads[i] = append(grads[i], make([]float32, len(w)))
				total += len(w)
			}
		}
	}
	return grads, total
}
