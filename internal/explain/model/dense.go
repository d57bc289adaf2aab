package model

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Dense is a fully connected layer: out = W·in + B. Its input is one-dimensional (put Flatten before it).
type Dense struct {
	Out int       // how many numbers come out
	W   []float32 // Out x In, row-major; nil: to be drawn by Init
	B   []float32 // Out; nil: zeros
	in  int
}

// Kind is "dense".
func (*Dense) Kind() string   { return "dense" }
func (*Dense) isLinear() bool { return true }

func (d *Dense) bind(in []Shape) (Shape, error) {
	s, err := one(in)
	if err != nil {
		return nil, err
	}
	if len(s) != 1 {
		return nil, fmt.Errorf("%w: takes one dimension, got %v (Flatten goes before it)", tribune.ErrInvalid, s)
	}
	n, err := volume(maxKernel, d.Out, s[0])
	if err != nil {
		return nil, err
	}
	if err := weightsOf(&d.W, n, "W"); err != nil {
		return nil, err
	}
	if err := weightsOf(&d.B, d.Out, "B"); err != nil {
		return nil, err
	}
	d.in = s[0]
	return Shape{d.Out}, nil
}

func (d *Dense) copy() Layer {
	return &Dense{Out: d.Out, W: slices.Clone(d.W), B: slices.Clone(d.B)}
}

func (d *Dense) weights() [][]float32  { return [][]float32{d.W, d.B} }
func (d *Dense) matrix() matrix.Matrix { return matrix.Matrix{Rows: d.Out, Cols: d.in, Data: d.W} }

func (d *Dense) forward(c *call) {
	for i := range c.out.Rows {
		copy(c.out.Row(i), d.B)
	}
	matrix.AddProduct(c.out, c.in[0].Plain(), d.matrix().Transposed(), c.workers)
}

func (d *Dense) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	matrix.AddProduct(din[0], dout.Plain(), d.matrix().Plain(), c.workers)
}

func (d *Dense) gradient(c *call, dout matrix.Matrix, grads [][]float32) {
	matrix.AddProduct(matrix.Matrix{Rows: d.Out, Cols: d.in, Data: grads[0]}, dout.Transposed(), c.in[0].Plain(), c.workers)
	for i := range dout.Rows {
		for j, v := range dout.Row(i) {
			grads[1][j] += v
		}
	}
}
