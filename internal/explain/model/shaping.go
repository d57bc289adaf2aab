package model

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Affine multiplies each number with a constant and adds another: scaling of inputs, ONNX Add of a constant. The constants are not learnt.
type Affine struct {
	Scale, Shift []float32 // one per number of the record; nil: ones, zeros
	size         int
}

// Kind is "affine".
func (*Affine) Kind() string   { return "affine" }
func (*Affine) isLinear() bool { return true }

func (a *Affine) bind(in []Shape) (Shape, error) {
	s, err := one(in)
	if err != nil {
		return nil, err
	}
	a.size = s.Size()
	if a.Scale == nil {
		a.Scale = make([]float32, a.size)
		fill(a.Scale, 1)
	}
	if err := weightsOf(&a.Scale, a.size, "scale"); err != nil {
		return nil, err
	}
	if err := weightsOf(&a.Shift, a.size, "shift"); err != nil {
		return nil, err
	}
	return s, nil
}

func (a *Affine) copy() Layer {
	return &Affine{Scale: slices.Clone(a.Scale), Shift: slices.Clone(a.Shift)}
}

func (a *Affine) forward(c *call) {
	for i := range c.out.Rows {
		out := c.out.Row(i)
		for j, v := range c.in[0].Row(i) {
			out[j] = float32(v*a.Scale[j]) + a.Shift[j]
		}
	}
}

func (a *Affine) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	for i := range dout.Rows {
		to := din[0].Row(i)
		for j, d := range dout.Row(i) {
			to[j] += float32(d * a.Scale[j])
		}
	}
}

// Sum adds up branches of one shape: the skip connection of a residual network.
type Sum struct{}

// Kind is "sum".
func (*Sum) Kind() string   { return "sum" }
func (*Sum) isLinear() bool { return true }
func (*Sum) copy() Layer    { return &Sum{} }

func (*Sum) bind(in []Shape) (Shape, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("%w: a sum of %d branches", tribune.ErrInvalid, len(in))
	}
	for _, s := range in[1:] {
		if !slices.Equal(s, in[0]) {
			return nil, fmt.Errorf("%w: branches of shapes %v and %v", tribune.ErrInvalid, in[0], s)
		}
	}
	return in[0], nil
}

func (*Sum) forward(c *call) {
	for _, in := range c.in {
		add(c.out.Data, in.Data)
	}
}

func (*Sum) backward(_ *call, dout matrix.Matrix, din []matrix.Matrix) {
	for _, d := range din {
		add(d.Data, dout.Data)
	}
}

// Flatten makes a record one-dimensional.
type Flatten struct{}

// Kind is "flatten".
func (*Flatten) Kind() string { return "flatten" }
func (*Flatten) copy() Layer  { return &Flatten{} }

func (*Flatten) bind(in []Shape) (Shape, error) {
	s, err := one(in)
	if err != nil {
		return nil, err
	}
	return Shape{s.Size()}, nil
}

func (*Flatten) forward(c *call) { copy(c.out.Data, c.in[0].Data) }

func (*Flatten) backward(_ *call, dout matrix.Matrix, din []matrix.Matrix) {
	add(din[0].Data, dout.Data)
}

// Reshape gives the same numbers, in the same order, another shape.
type Reshape struct{ To Shape }

// Kind is "reshape".
func (*Reshape) Kind() string  { return "reshape" }
func (r *Reshape) copy() Layer { return &Reshape{To: slices.Clone(r.To)} }

func (r *Reshape) bind(in []Shape) (Shape, error) {
	s, err := one(in)
	if err != nil {
		return nil, err
	}
	if err := r.To.check(); err != nil {
		return nil, err
	}
	if r.To.Size() != s.Size() {
		return nil, fmt.Errorf("%w: %v cannot become %v", tribune.ErrInvalid, s, r.To)
	}
	return slices.Clone(r.To), nil
}

func (*Reshape) forward(c *call) { copy(c.out.Data, c.in[0].Data) }

func (*Reshape) backward(_ *call, dout matrix.Matrix, din []matrix.Matrix) {
	add(din[0].Data, dout.Data)
}

// Softmax may stand at the end of a network and nowhere else. It is taken off when the network is made: a Network's last layer gives logits, and
// Predict always ends with a softmax.
type Softmax struct{}

// Kind is "softmax".
func (*Softmax) Kind() string { return "softmax" }
func (*Softmax) copy() Layer  { return &Softmax{} }

func (*Softmax) bind([]Shape) (Shape, error) {
	return nil, fmt.Errorf("%w: a softmax before the end", tribune.ErrUnsupported)
}
func (*Softmax) forward(*call)                                  {}
func (*Softmax) backward(*call, matrix.Matrix, []matrix.Matrix) {}
