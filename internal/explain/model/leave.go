package model

import (
	"context"
	"fmt"
	"slices"

	"tribune"
)

// Without is the minimum without the rows named, exact to the same tolerance as Fit: exact leave-one-out, as a refit. The result cannot be asked
// Without or Solve again.
//
// It is quick because the Hessian at the full minimum, less the rows' part, is nearly the Hessian at the new minimum: with it held fixed each round
// multiplies the error by about the move's length, and costs one gradient. A direction needs a few conjugate gradient steps, since Cholesky's factor
// of the full Hessian is wrong by the rows' rank only. Where that does not converge in a few rounds Newton's method goes on from there.
func (f *Fit) Without(ctx context.Context, rows ...int) (*Fit, error) {
	weights := slices.Clone(f.weights)
	if weights == nil {
		weights = make([]float64, len(f.of.y))
		for i := range weights {
			weights[i] = 1
		}
	}
	for _, i := range rows {
		if i < 0 || i >= len(weights) {
			return nil, fmt.Errorf("%w: row %d of %d", tribune.ErrInvalid, i, len(weights))
		}
		weights[i] = 0
	}
	if err := f.of.check(weights, nil); err != nil {
		return nil, err
	}
	out := &Fit{Theta: slices.Clone(f.Theta), of: f.of, weights: weights}
	if f.factor != nil && f.chord(out, rows) {
		return out, nil
	}
	err := out.descend(ctx)
	out.hessian, out.factor = nil, nil
	return out, err
}

// chord moves out to its minimum with f's Hessian less the rows' part, and says whether it came there.
func (f *Fit) chord(out *Fit, rows []int) bool {
	const rounds = 12
	less := f.parts(rows)
	grad := make([]float64, len(out.Theta))
	small, last := out.enough(), 0.0
	for out.Steps = 0; out.Steps < rounds; out.Steps++ {
		out.of.Gradient(out.Theta, out.weights, grad)
		now := largest(grad)
		if now <= small {
			return true
		}
		if out.Steps > 0 && now > last/4 {
			return false
		}
		last = now
		step := f.nearly(less, grad)
		for i := range step {
			out.Theta[i] -= step[i]
		}
	}
	return false
}

// part is what a row adds to the Hessian.
type part struct {
	row   int
	scale float64
	s     []float64
}

func (f *Fit) parts(rows []int) []part {
	var out []part
	for k, i := range rows {
		w := f.of.weight(f.weights, i)
		if w == 0 || slices.Contains(rows[:k], i) {
			continue
		}
		s := make([]float64, f.of.functions())
		f.of.curvature(f.Theta, i, s)
		out = append(out, part{i, w * f.of.cfg.C, s})
	}
	return out
}

// nearly solves (Hessian - parts) · x = b by conjugate gradient, preconditioned with the Hessian's own factor.
func (f *Fit) nearly(less []part, b []float64) []float64 {
	n := len(b)
	v := make([]float64, f.of.functions())
	x, _ := Conjugate(b, 1e-12, len(less)*len(v)+10, func(p, q []float64) error { // which never fails
		for i := range q {
			q[i] = dot(f.hessian[i*n:(i+1)*n], p)
		}
		for _, l := range less {
			f.of.linear(p, l.row, v)
			f.of.bend(l.s, v)
			f.of.spread(l.row, -l.scale, v, q)
		}
		return nil
	}, func(z []float64) { substitute(f.factor, z) })
	return x
}
