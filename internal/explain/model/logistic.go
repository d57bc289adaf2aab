package model

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Logistic is a logistic regression: of two classes by one linear function z (the probability of class 1 is 1/(1+e^-z)), of more by one per class and
// a softmax. It computes in float64. As a Model of two classes its logits are -z/2 and z/2, as a Network's that ends with a Sigmoid.
type Logistic struct {
	inputs, classes int
	intercept       bool
	theta           []float64
}

var _ Differentiable = (*Logistic)(nil)

// NewLogistic makes a model of parameters that were fitted before: of each linear function (one for two classes, else one per class) the inputs'
// weights and then, if there is one, the intercept.
func NewLogistic(inputs, classes int, intercept bool, theta []float64) (*Logistic, error) {
	if inputs < 1 || inputs > maxRecord || classes < 2 || classes > maxRecord {
		return nil, fmt.Errorf("%w: a regression of %d inputs and %d classes", tribune.ErrInvalid, inputs, classes)
	}
	l := &Logistic{inputs: inputs, classes: classes, intercept: intercept, theta: slices.Clone(theta)}
	n, err := volume(maxKernel, l.functions(), l.width())
	if err != nil {
		return nil, err
	}
	if len(theta) != n {
		return nil, fmt.Errorf("%w: %d parameters; %d inputs and %d classes ask for %d", tribune.ErrInvalid, len(theta), inputs, classes, n)
	}
	for i, v := range theta {
		if v-v != 0 {
			return nil, fmt.Errorf("%w: parameter %d is %v", tribune.ErrInvalid, i, v)
		}
	}
	return l, nil
}

// functions is the number of linear functions, width the parameters of one.
func (l *Logistic) functions() int { return functionsOf(l.classes) }
func (l *Logistic) width() int     { return widthOf(l.inputs, l.intercept) }

func functionsOf(classes int) int {
	if classes == 2 {
		return 1
	}
	return classes
}

func widthOf(inputs int, intercept bool) int {
	if intercept {
		return inputs + 1
	}
	return inputs
}

// Inputs is the number of columns that Predict takes.
func (l *Logistic) Inputs() int { return l.inputs }

// Classes is the number of columns that Predict gives.
func (l *Logistic) Classes() int { return l.classes }

// Parameters is a copy of the parameters, in the order of NewLogistic.
func (l *Logistic) Parameters() []float64 { return slices.Clone(l.theta) }

// Intercept says whether each linear function ends with a constant.
func (l *Logistic) Intercept() bool { return l.intercept }

// value is linear function f at a record.
func (l *Logistic) value(f int, record []float32) float64 {
	w := l.theta[f*l.width() : (f+1)*l.width()]
	var z float64
	for i, v := range record {
		z += float64(w[i] * float64(v))
	}
	if l.intercept {
		z += w[l.inputs]
	}
	return z
}

// logits fills z with the class's logits of a record.
func (l *Logistic) logits(record []float32, z []float64) {
	if l.classes == 2 {
		v := l.value(0, record) / 2
		z[0], z[1] = -v, v
		return
	}
	for f := range z {
		z[f] = l.value(f, record)
	}
}

// rows lets visit fill each row of the result.
func (l *Logistic) rows(ctx context.Context, x matrix.Matrix, cols int, visit func(i int, z []float64, out []float32)) (matrix.Matrix, error) {
	if err := CheckInput(l, x); err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, cols)
	each(x.Rows, runtime.GOMAXPROCS(0), func(from, to int) {
		z := make([]float64, l.classes)
		for i := from; i < to && ctx.Err() == nil; i++ {
			l.logits(x.Row(i), z)
			visit(i, z, out.Row(i))
		}
	})
	if ctx.Err() == nil {
		if i := odd(out.Data); i >= 0 {
			return matrix.Matrix{}, fmt.Errorf("%w: the regression gives %v at row %d, column %d", tribune.ErrInvalid, out.Data[i], i/cols, i%cols)
		}
	}
	return out, ctx.Err()
}

// Predict gives the probabilities of the classes.
func (l *Logistic) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	return l.rows(ctx, x, l.classes, func(_ int, z []float64, out []float32) {
		probabilities(z)
		for c, p := range z {
			out[c] = float32(p)
		}
	})
}

// Logits gives what a softmax makes the probabilities of.
func (l *Logistic) Logits(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	return l.rows(ctx, x, l.classes, func(_ int, z []float64, out []float32) {
		for c, v := range z {
			out[c] = float32(v)
		}
	})
}

// Propagate treats the regression as one dense layer; Guided is the gradient, since it has no rectifier.
func (l *Logistic) Propagate(ctx context.Context, x, seed matrix.Matrix, rule Rule, epsilon float32) (matrix.Matrix, error) {
	if seed.Rows != x.Rows || seed.Cols != l.classes {
		return matrix.Matrix{}, fmt.Errorf("%w: a seed of %d x %d for %d records and %d classes", tribune.ErrInvalid, seed.Rows, seed.Cols, x.Rows, l.classes)
	}
	if rule > LRP || !(epsilon >= 0) || epsilon > 1 {
		return matrix.Matrix{}, fmt.Errorf("%w: rule %d, epsilon %v (0 to 1)", tribune.ErrInvalid, rule, epsilon)
	}
	return l.rows(ctx, x, l.inputs, func(i int, z []float64, out []float32) {
		for c, v := range seed.Row(i) {
			z[c] = share(rule, float64(v), z[c], float64(epsilon))
		}
		for j := range out {
			var sum float64
			for c, s := range z {
				sum += float64(s * l.weight(c, j))
			}
			if rule == LRP {
				sum *= float64(x.Row(i)[j])
			}
			out[j] = float32(sum)
		}
	})
}

// weight is d of logit c by input j.
func (l *Logistic) weight(c, j int) float64 {
	if l.classes == 2 {
		return (float64(c) - 0.5) * l.theta[j]
	}
	return l.theta[c*l.width()+j]
}

// share is the seed of one logit, under LRP divided by the logit (see relevance).
func share(rule Rule, seed, z, epsilon float64) float64 {
	if rule != LRP {
		return seed
	}
	if z >= 0 {
		z += epsilon
	} else {
		z -= epsilon
	}
	if z == 0 {
		return 0
	}
	return seed / z
}

// probabilities makes a softmax of logits in place and returns the logarithm of the sum of e^logit.
func probabilities(z []float64) float64 {
	top := slices.Max(z)
	var sum float64
	for _, v := range z {
		sum += exp(v - top)
	}
	for i, v := range z {
		z[i] = exp(v-top) / sum
	}
	return top + log(sum)
}
