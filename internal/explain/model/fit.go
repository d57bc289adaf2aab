package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"tribune"
)

// Fit is a regression's minimum, and what is needed to find the minimum without some of its rows quickly. It is safe for concurrent use.
type Fit struct {
	Theta []float64 // laid out as in NewLogistic
	Steps int       // Newton steps it took

	of      *Regression
	weights []float64
	hessian []float64 // at Theta, made regular; nil above maxDense parameters
	factor  []float64 // Cholesky's lower triangle of it
}

// The numbers of the solver. Newton's method is quadratic near the minimum, so that the tolerance (on the largest entry of the gradient, in units of
// the objective's scale, some hundred times its rounding) costs one step more than a loose one and makes leave-one-out differences of 1e-7 mean
// something.
const (
	maxSteps  = 200
	tolerance = 1e-12
	maxDense  = 1500 // parameters up to which the Hessian is held (18 MB); above, conjugate gradient
)

// Fit minimizes the objective from start (nil: zeros). The same input gives the same bits, whatever the cores. A class without any weight under an
// intercept that is not penalized has no minimum: tribune.ErrInvalid names it.
func (r *Regression) Fit(ctx context.Context, weights, start []float64) (*Fit, error) {
	if err := r.check(weights, start); err != nil {
		return nil, err
	}
	f := &Fit{Theta: make([]float64, r.Parameters()), of: r, weights: slices.Clone(weights)}
	copy(f.Theta, start)
	if err := f.descend(ctx); err != nil {
		return nil, err
	}
	if r.Parameters() <= maxDense {
		return f, f.hold()
	}
	return f, nil
}

func (r *Regression) check(weights, start []float64) error {
	if weights != nil && len(weights) != len(r.y) || start != nil && len(start) != r.Parameters() {
		return fmt.Errorf("%w: %d weights for %d rows, a start of %d numbers for %d parameters", tribune.ErrInvalid, len(weights), len(r.y), len(start), r.Parameters())
	}
	present := make([]float64, r.classes)
	for i, c := range r.y {
		w := r.weight(weights, i)
		if !(w >= 0) || w > 1e12 {
			return fmt.Errorf("%w: weight %v of row %d", tribune.ErrInvalid, w, i)
		}
		present[c] += w
	}
	for c, w := range present {
		if w == 0 && !r.cfg.NoIntercept && !r.cfg.PenalizeIntercept {
			return tribune.Hint(fmt.Errorf("%w: no row of class %d: its intercept has no minimum", tribune.ErrInvalid, c), "leave the class out, or penalize the intercept")
		}
	}
	return nil
}

// Model is the fitted regression.
func (f *Fit) Model() *Logistic {
	return &Logistic{inputs: f.of.inputs, classes: f.of.classes, intercept: !f.of.cfg.NoIntercept, theta: slices.Clone(f.Theta)}
}

// enough is the largest entry of the gradient at which a point counts as the minimum.
func (f *Fit) enough() float64 {
	var sum float64
	for i := range f.of.y {
		sum += f.of.weight(f.weights, i)
	}
	return tolerance * max(1, f.of.cfg.C*sum)
}

// descend is Newton's method with backtracking.
func (f *Fit) descend(ctx context.Context) error {
	n := len(f.Theta)
	grad, next, trial := make([]float64, n), make([]float64, n), make([]float64, n)
	value := f.of.Gradient(f.Theta, f.weights, grad)
	small := f.enough()
	for ; f.Steps < maxSteps; f.Steps++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if largest(grad) <= small {
			return nil
		}
		step, err := f.direction(grad)
		if err != nil {
			return err
		}
		slope := dot(grad, step)
		for length := 1.0; ; length /= 2 {
			for i := range trial {
				trial[i] = f.Theta[i] - float64(length*step[i])
			}
			v := f.of.Gradient(trial, f.weights, next)
			// Near the minimum the objective's last digits are rounding; there the gradient decides.
			if v <= value-float64(1e-4*length*slope) || largest(next) < largest(grad) && v <= value+float64(1e-12*math.Abs(value)) {
				value = v
				break
			}
			if length < 1e-10 {
				if largest(grad) <= 1e3*small {
					return nil // rounding allows no better
				}
				return f.stuck(largest(grad))
			}
		}
		f.Theta, trial = trial, f.Theta
		grad, next = next, grad
	}
	return f.stuck(largest(grad))
}

func (f *Fit) stuck(gradient float64) error {
	return tribune.Hint(fmt.Errorf("%w: the regression did not converge in %d steps: its gradient is still %.3g", tribune.ErrInvalid, f.Steps, gradient),
		"bring the columns to similar scales, or choose a smaller C")
}

// direction is the Hessian's inverse times grad: by Cholesky's factor, or by conjugate gradient where the Hessian would be too large.
func (f *Fit) direction(grad []float64) ([]float64, error) {
	if len(grad) > maxDense {
		precision := min(0.1, math.Sqrt(largest(grad)/max(1, f.of.cfg.C*float64(len(f.of.y)))))
		return f.conjugate(grad, precision), nil
	}
	if err := f.hold(); err != nil {
		return nil, err
	}
	out := slices.Clone(grad)
	substitute(f.factor, out)
	return out, nil
}

// hold computes Hessian and factor at Theta.
func (f *Fit) hold() error {
	f.hessian = f.of.Hessian(f.Theta, f.weights)
	f.regular(f.hessian)
	f.factor = slices.Clone(f.hessian)
	if at := cholesky(f.factor, len(f.Theta)); at >= 0 {
		return tribune.Hint(fmt.Errorf("%w: the regression's Hessian is singular at parameter %d (column %d)", tribune.ErrInvalid, at, at%f.of.Width()),
			"choose a smaller C, or leave out a column that others make up")
	}
	return nil
}

// regular adds u·uᵀ to a Hessian, where u is 1 at each intercept, if that direction is flat: adding one number to all intercepts of a softmax changes
// nothing. No gradient has a part in that direction, so no solution changes.
func (f *Fit) regular(h []float64) {
	if !f.flat() {
		return
	}
	n, width := len(f.Theta), f.of.Width()
	for a := width - 1; a < n; a += width {
		for b := width - 1; b < n; b += width {
			h[a*n+b]++
		}
	}
}

func (f *Fit) flat() bool {
	return f.of.classes > 2 && !f.of.cfg.NoIntercept && !f.of.cfg.PenalizeIntercept
}

// Solve is the inverse of the Hessian at the minimum times b: the heart of an influence function. (In a softmax's flat direction, see Hessian, b must
// have no part; gradients of losses have none.)
func (f *Fit) Solve(b []float64) ([]float64, error) {
	if len(b) != len(f.Theta) {
		return nil, fmt.Errorf("%w: %d numbers for %d parameters", tribune.ErrInvalid, len(b), len(f.Theta))
	}
	if f.factor == nil {
		return f.conjugate(b, 1e-10), nil
	}
	out := slices.Clone(b)
	substitute(f.factor, out)
	return out, nil
}

// conjugate solves Hessian · x = b until the residual is precision times b. The penalty makes the Hessian positive, and in a flat direction b has no
// part, so nothing breaks down.
func (f *Fit) conjugate(b []float64, precision float64) []float64 {
	x, _ := Conjugate(b, precision, 10*len(b), func(p, q []float64) error { // which never fails
		f.of.HessianProduct(f.Theta, f.weights, p, q)
		return nil
	}, nil)
	return x
}
