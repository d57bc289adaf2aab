package attribution

import (
	"context"
	"math"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// descend looks for counterfactuals by the gradient.
func (h *hunt) descend(ctx context.Context, d model.Differentiable) error {
	z := matrix.New(h.x.Rows, h.x.Cols)
	copy(z.Data, h.x.Data)
	for range positive(h.c.Rounds, 50) {
		other, err := h.changed(ctx, z)
		if err != nil {
			return err
		}
		h.keep(z, other) // a record that is answered otherwise already is its own counterfactual
		if every(other) {
			break
		}
		margin, slope, err := h.border(ctx, d, z)
		if err != nil {
			return err
		}
		for i, done := range other {
			if !done {
				h.step(z.Row(i), slope.Row(i), overshoot*margin[i]+1e-6)
			}
		}
	}
	other, err := h.changed(ctx, z)
	if err != nil {
		return err
	}
	if err := h.back(ctx, z, other); err != nil {
		return err
	}
	h.keep(z, other)
	return h.slide(ctx, d)
}

func every(v []bool) bool {
	for _, yes := range v {
		if !yes {
			return false
		}
	}
	return true
}

// border is, at each row of z, how far the logit of the record's class is above that of the best other class, and how that difference falls.
func (h *hunt) border(ctx context.Context, d model.Differentiable, z matrix.Matrix) (margin []float64, slope matrix.Matrix, err error) {
	logits, err := d.Logits(ctx, z)
	if err != nil {
		return nil, slope, err
	}
	margin = make([]float64, z.Rows)
	seed := matrix.New(z.Rows, d.Classes())
	for i, c := range h.class {
		l, other := logits.Row(i), -1
		for k, v := range l {
			if k != c && (other < 0 || v > l[other]) {
				other = k
			}
		}
		margin[i] = float64(l[c] - l[other])
		seed.Row(i)[other], seed.Row(i)[c] = 1, -1
	}
	slope, err = d.Propagate(ctx, z, seed, model.Gradient, 0)
	return margin, slope, err
}

// step moves z by the shortest way, in the scaled distance, that lets the linearized margin fall by much. Where the slope all but vanishes (a saturated tanh) the
// way would be endless; it is cut to what a record of this many inputs can be away.
func (h *hunt) step(z, slope []float32, much float64) {
	var norm float64
	for j, g := range slope {
		norm += float64(g) * float64(g) * h.scale[j] * h.scale[j]
	}
	if norm == 0 {
		return
	}
	t := much / norm
	if longest := float64(len(z)); t*t*norm > longest {
		t *= math.Sqrt(longest / (t * t * norm))
	}
	for j, g := range slope {
		z[j] += float32(t * float64(g) * h.scale[j] * h.scale[j])
	}
	h.clamp(z)
}

// slide moves what was found along the border: to where the border's tangent is closest to the record, if that is closer and the answer is still another.
func (h *hunt) slide(ctx context.Context, d model.Differentiable) error {
	z := matrix.New(h.x.Rows, h.x.Cols)
	for range slides {
		_, slope, err := h.border(ctx, d, h.best)
		if err != nil {
			return err
		}
		for i := range z.Rows {
			row, best, g := h.x.Row(i), h.best.Row(i), slope.Row(i)
			var along float64
			for j, v := range g {
				along += float64(v) * float64(best[j]-row[j])
			}
			copy(z.Row(i), row)
			h.step(z.Row(i), g, overshoot*along)
		}
		other, err := h.changed(ctx, z)
		if err != nil {
			return err
		}
		if err := h.back(ctx, z, other); err != nil {
			return err
		}
		h.keep(z, other)
	}
	return nil
}
