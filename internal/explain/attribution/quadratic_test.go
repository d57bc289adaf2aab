package attribution

import (
	"context"
	"math"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// quadratic is a model whose derivatives are known by heart: logit c = bias[c] + sum_j linear[c][j] x_j + the pairs' w x_j x_k.
type quadratic struct {
	inputs int
	bias   []float64
	linear [][]float64
	pair   [][]product
}

type product struct {
	j, k int
	w    float64
}

var _ model.Differentiable = quadratic{}

func (q quadratic) Inputs() int  { return q.inputs }
func (q quadratic) Classes() int { return len(q.bias) }

func (q quadratic) Logits(_ context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	out := matrix.New(x.Rows, q.Classes())
	for i := range x.Rows {
		row := x.Row(i)
		for c, sum := range q.bias {
			for j, w := range q.linear[c] {
				sum += w * float64(row[j])
			}
			for _, p := range q.pair[c] {
				sum += p.w * float64(row[p.j]) * float64(row[p.k])
			}
			out.Row(i)[c] = float32(sum)
		}
	}
	return out, nil
}

func (q quadratic) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	out, err := q.Logits(ctx, x)
	for i := range out.Rows {
		var sum float64
		for _, v := range out.Row(i) {
			sum += math.Exp(float64(v))
		}
		for c, v := range out.Row(i) {
			out.Row(i)[c] = float32(math.Exp(float64(v)) / sum)
		}
	}
	return out, err
}

func (q quadratic) Propagate(_ context.Context, x, seed matrix.Matrix, _ model.Rule, _ float32) (matrix.Matrix, error) {
	out := matrix.New(x.Rows, x.Cols)
	for i := range x.Rows {
		row, into := x.Row(i), out.Row(i)
		for c, s := range seed.Row(i) {
			for j, w := range q.linear[c] {
				into[j] += s * float32(w)
			}
			for _, p := range q.pair[c] {
				into[p.j] += s * float32(p.w) * row[p.k]
				into[p.k] += s * float32(p.w) * row[p.j]
			}
		}
	}
	return out, nil
}

// blackBox hides a model's layers.
type blackBox struct{ model.Model }

func linearModel() quadratic {
	return quadratic{inputs: 4, bias: []float64{0.5, -0.25}, linear: [][]float64{{1, -2, 0, 0.5}, {-1, 1, 0, 2}}, pair: make([][]product, 2)}
}

func curvedModel() quadratic {
	q := linearModel()
	// Inputs 0 and 1 are alike in class 0; input 2 plays no part in either class.
	q.linear = [][]float64{{1, 1, 0, 0.5}, {-1, 1, 0, 2}}
	q.pair = [][]product{{{0, 1, 0.7}, {0, 3, -0.3}, {1, 3, -0.3}}, {{0, 0, 0.4}}}
	return q
}

func points() matrix.Matrix {
	return shaped([]float32{0.5, 0.5, -2, 1, 1.5, -0.5, 3, 0.25, -1, -1, 0, 0.75}, 4)
}
