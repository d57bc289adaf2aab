package model

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
)

// RegressionConfig is the objective: C · sum of weight · loss over the rows + half the squared norm of the weights, scikit-learn's convention.
type RegressionConfig struct {
	C                 float64 // 0 is 1, scikit-learn's default; the smaller, the stronger the penalty
	NoIntercept       bool
	PenalizeIntercept bool // as liblinear does; scikit-learn's other solvers do not
}

// Regression is a logistic regression to be fitted: the rows (held sparse: encoded categories are mostly zeros), their classes and the objective. It
// is safe for concurrent use. Parameters theta are laid out as in NewLogistic; weights are one number per row, nil is all ones.
type Regression struct {
	inputs, classes int
	cfg             RegressionConfig
	y               []int
	start           []int // row i is start[i]..start[i+1]-1 of col and val
	col             []int32
	val             []float64
}

// NewRegression checks rows and classes. Errors are tribune.ErrInvalid and name row and column.
func NewRegression(x matrix.Matrix, y []int, classes int, cfg RegressionConfig) (*Regression, error) {
	if cfg.C == 0 {
		cfg.C = 1
	}
	if !(cfg.C > 0 && cfg.C <= 1e12) || cfg.NoIntercept && cfg.PenalizeIntercept {
		return nil, fmt.Errorf("%w: C %v (above 0, to 1e12), no intercept %v, penalized intercept %v", tribune.ErrInvalid, cfg.C, cfg.NoIntercept, cfg.PenalizeIntercept)
	}
	if x.Rows < 1 || x.Cols < 1 || x.Rows != len(y) || classes < 2 {
		return nil, fmt.Errorf("%w: %d rows of %d columns, %d labels, %d classes", tribune.ErrInvalid, x.Rows, x.Cols, len(y), classes)
	}
	if _, err := volume(maxKernel, functionsOf(classes), x.Cols+1); err != nil {
		return nil, err
	}
	if i := odd(x.Data); i >= 0 {
		return nil, fmt.Errorf("%w: row %d, column %d is %v", tribune.ErrInvalid, i/x.Cols, i%x.Cols, x.Data[i])
	}
	r := &Regression{inputs: x.Cols, classes: classes, cfg: cfg, y: append([]int{}, y...), start: make([]int, 1, x.Rows+1)}
	for i := range x.Rows {
		if y[i] < 0 || y[i] >= classes {
			return nil, fmt.Errorf("%w: row %d is of class %d of %d", tribune.ErrInvalid, i, y[i], classes)
		}
		for j, v := range x.Row(i) {
			if v != 0 {
				r.col, r.val = append(r.col, int32(j)), append(r.val, float64(v))
			}
		}
		if !cfg.NoIntercept { // a last column of ones
			r.col, r.val = append(r.col, int32(x.Cols)), append(r.val, 1)
		}
		r.start = append(r.start, len(r.col))
	}
	return r, nil
}

// Width is the number of parameters of one linear function; Parameters the number of all.
func (r *Regression) Width() int      { return widthOf(r.inputs, !r.cfg.NoIntercept) }
func (r *Regression) functions() int  { return functionsOf(r.classes) }
func (r *Regression) Parameters() int { return r.functions() * r.Width() }

// C is the objective's C.
func (r *Regression) C() float64 { return r.cfg.C }

func (r *Regression) row(i int) ([]int32, []float64) {
	return r.col[r.start[i]:r.start[i+1]], r.val[r.start[i]:r.start[i+1]]
}

// linear fills z with the linear functions of row i.
func (r *Regression) linear(theta []float64, i int, z []float64) {
	col, val := r.row(i)
	width := r.Width()
	for f := range z {
		w := theta[f*width : (f+1)*width]
		var sum float64
		for k, c := range col {
			sum += float64(w[c] * val[k])
		}
		z[f] = sum
	}
}

// residual turns linear functions of row i into d of its loss by them (probability less truth), and returns the loss.
func (r *Regression) residual(z []float64, i int) float64 {
	if r.classes == 2 {
		signed := z[0]
		if r.y[i] == 1 {
			signed = -signed
		}
		loss := softplus(signed)
		z[0] = sigmoid(z[0]) - float64(r.y[i])
		return loss
	}
	own := z[r.y[i]]
	loss := probabilities(z) - own
	z[r.y[i]]--
	return loss
}

// softplus is log(1+e^v) without overflow.
func softplus(v float64) float64 {
	if v > 0 {
		return v + log1p(exp(-v))
	}
	return log1p(exp(v))
}

// Losses is the cross-entropy of each row.
func (r *Regression) Losses(theta []float64) []float64 {
	out := make([]float64, len(r.y))
	z := make([]float64, r.functions())
	for i := range out {
		r.linear(theta, i, z)
		out[i] = r.residual(z, i)
	}
	return out
}

// Gradient fills grad with d of the objective by theta, and returns the objective.
func (r *Regression) Gradient(theta, weights, grad []float64) float64 {
	clear(grad)
	z := make([]float64, r.functions())
	var value float64
	for i := range r.y {
		w := r.weight(weights, i)
		if w == 0 {
			continue
		}
		r.linear(theta, i, z)
		value += float64(w * r.residual(z, i))
		r.spread(i, w, z, grad)
	}
	value *= r.cfg.C
	for f := range r.functions() {
		for j := range r.Width() {
			at := f*r.Width() + j
			grad[at] *= r.cfg.C
			if r.penalized(j) {
				grad[at] = float64(grad[at]) + theta[at]
				value += float64(theta[at] * theta[at] / 2)
			}
		}
	}
	return value
}

// RowGradient fills grad with d of row i's loss (without C, weight and penalty) by theta, and returns the loss.
func (r *Regression) RowGradient(theta []float64, i int, grad []float64) float64 {
	clear(grad)
	z := make([]float64, r.functions())
	r.linear(theta, i, z)
	loss := r.residual(z, i)
	r.spread(i, 1, z, grad)
	return loss
}

// spread adds w · d[f] · row i to each linear function's part of sum.
func (r *Regression) spread(i int, w float64, d, sum []float64) {
	col, val := r.row(i)
	width := r.Width()
	for f, v := range d {
		v *= w
		to := sum[f*width : (f+1)*width]
		for k, c := range col {
			to[c] += float64(v * val[k])
		}
	}
}

func (r *Regression) weight(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

// penalized says whether column j of a linear function is in the penalty.
func (r *Regression) penalized(j int) bool { return j < r.inputs || r.cfg.PenalizeIntercept }

// curvature fills s with probabilities of row i such that the Hessian by its linear functions is diag(s) - s·sᵀ (two classes: s[0] alone, p(1-p)).
func (r *Regression) curvature(theta []float64, i int, s []float64) {
	r.linear(theta, i, s)
	if r.classes == 2 {
		p := sigmoid(s[0])
		s[0] = p * (1 - p)
		return
	}
	probabilities(s)
}

// bend turns v, one number per linear function, into the row's Hessian times v.
func (r *Regression) bend(s, v []float64) {
	if r.classes == 2 {
		v[0] *= s[0]
		return
	}
	var mean float64
	for f := range v {
		mean += float64(s[f] * v[f])
	}
	for f := range v {
		v[f] = s[f] * (v[f] - mean)
	}
}

// HessianProduct fills out with the objective's Hessian at theta times v.
func (r *Regression) HessianProduct(theta, weights, v, out []float64) {
	clear(out)
	s, z := make([]float64, r.functions()), make([]float64, r.functions())
	for i := range r.y {
		w := r.weight(weights, i)
		if w == 0 {
			continue
		}
		r.curvature(theta, i, s)
		r.linear(v, i, z)
		r.bend(s, z)
		r.spread(i, float64(w*r.cfg.C), z, out)
	}
	for at := range out {
		if r.penalized(at % r.Width()) {
			out[at] += v[at]
		}
	}
}

// Hessian is the objective's at theta: Parameters x Parameters, row-major. With more than two classes and an intercept that is not penalized it is
// singular in one direction (all intercepts together); see Fit.Solve.
func (r *Regression) Hessian(theta, weights []float64) []float64 {
	n, width := r.Parameters(), r.Width()
	out := make([]float64, n*n)
	s := make([]float64, r.functions())
	for i := range r.y {
		w := float64(r.weight(weights, i) * r.cfg.C)
		if w == 0 {
			continue
		}
		r.curvature(theta, i, s)
		for f := range s {
			for g := range f + 1 {
				r.outer(i, float64(w*r.cross(s, f, g)), out[f*width*n+g*width:], n)
			}
		}
	}
	for a := range n {
		if r.penalized(a % width) {
			out[a*n+a]++
		}
		for b := range a { // the blocks below the diagonal are filled, the ones above mirror them
			out[b*n+a] = out[a*n+b]
		}
	}
	return out
}

// cross is entry f, g of a row's Hessian by its linear functions.
func (r *Regression) cross(s []float64, f, g int) float64 {
	switch {
	case r.classes == 2:
		return s[0]
	case f == g:
		return s[f] * (1 - s[f])
	}
	return -s[f] * s[g]
}

// outer adds w · row·rowᵀ to the block that begins at to.
func (r *Regression) outer(i int, w float64, to []float64, stride int) {
	col, val := r.row(i)
	for a, ca := range col {
		v := float64(w * val[a])
		line := to[int(ca)*stride:]
		for b, cb := range col {
			line[cb] += float64(v * val[b])
		}
	}
}
