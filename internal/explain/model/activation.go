package model

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Function is what an Activation does to each number.
type Function uint8

// The activations.
const (
	Relu Function = iota + 1
	LeakyRelu
	Tanh
	Sigmoid
)

func (f Function) String() string {
	switch f {
	case Relu:
		return "relu"
	case LeakyRelu:
		return "leakyrelu"
	case Tanh:
		return "tanh"
	case Sigmoid:
		return "sigmoid"
	}
	return fmt.Sprintf("function %d", uint8(f))
}

// Activation applies a function to each number. Under Guided a Relu lets only positive numbers pass backwards (the other functions, which the method
// does not speak of, pass the gradient); under LRP every activation hands relevance on unchanged.
type Activation struct {
	Function Function
	Slope    float32 // of LeakyRelu below zero
}

// Kind is the function's name.
func (a *Activation) Kind() string { return a.Function.String() }

func (a *Activation) bind(in []Shape) (Shape, error) {
	if a.Function < Relu || a.Function > Sigmoid {
		return nil, fmt.Errorf("%w: an activation without a function", tribune.ErrInvalid)
	}
	if a.Slope-a.Slope != 0 || (a.Slope != 0 && a.Function != LeakyRelu) {
		return nil, fmt.Errorf("%w: slope %v of %v", tribune.ErrInvalid, a.Slope, a.Function)
	}
	return one(in)
}

func (a *Activation) copy() Layer { return &Activation{Function: a.Function, Slope: a.Slope} }

func (a *Activation) forward(c *call) {
	in, out := c.in[0].Data, c.out.Data
	spread(len(in), c.workers, func(from, to int) {
		a.apply(in[from:to], out[from:to])
	})
}

func (a *Activation) apply(in, out []float32) {
	out = out[:len(in)]
	switch a.Function {
	case Relu:
		for i, v := range in {
			out[i] = max(v, 0)
		}
	case LeakyRelu:
		for i, v := range in {
			if v < 0 {
				v *= a.Slope
			}
			out[i] = v
		}
	case Tanh:
		for i, v := range in {
			out[i] = tanh(v)
		}
	case Sigmoid:
		for i, v := range in {
			out[i] = float32(sigmoid(float64(v)))
		}
	}
}

func (a *Activation) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	in, out := c.in[0].Data, c.out.Data
	spread(len(in), c.workers, func(from, to int) {
		a.chain(c.rule, in[from:to], out[from:to], dout.Data[from:to], din[0].Data[from:to])
	})
}

// chain adds what d becomes at the input to sum.
func (a *Activation) chain(rule Rule, in, out, d, sum []float32) {
	out, d, sum = out[:len(in)], d[:len(in)], sum[:len(in)]
	switch {
	case rule == LRP:
		add(sum, d)
	case a.Function == Relu:
		for i, v := range in {
			if v > 0 && (rule != Guided || d[i] > 0) {
				sum[i] += d[i]
			}
		}
	case a.Function == LeakyRelu:
		for i, v := range in {
			if v < 0 {
				sum[i] += float32(a.Slope * d[i])
			} else {
				sum[i] += d[i]
			}
		}
	case a.Function == Tanh:
		for i, y := range out {
			sum[i] += float32(d[i] * (1 - float32(y*y)))
		}
	case a.Function == Sigmoid:
		for i, y := range out {
			sum[i] += float32(d[i] * float32(y*(1-y)))
		}
	}
}

// spread is each over numbers instead of records: below a few thousand one core is quicker.
func spread(n, workers int, run func(from, to int)) {
	each(n, min(workers, n/4096), run)
}
