package onnx

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/model"
)

// gemm is alpha * in * W + beta * B, W constant (out x in with transB, as PyTorch writes it).
func gemm(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	w, err := c.numbers(1)
	if err != nil {
		return x, err
	}
	alpha, err := c.float("alpha", 1)
	if err != nil {
		return x, err
	}
	beta, err := c.float("beta", 1)
	if err != nil {
		return x, err
	}
	transB, err := c.integer("transB", 0)
	if err != nil {
		return x, err
	}
	if err := c.must("transA", 0); err != nil {
		return x, err
	}
	d, err := dense(w, x.shape[0], transB != 0, alpha)
	if err != nil {
		return x, err
	}
	if c.has(2) {
		b, err := c.numbers(2)
		if err != nil {
			return x, err
		}
		if d.B, err = bias(b, d.Out, beta); err != nil {
			return x, err
		}
	}
	return c.layer(d, model.Shape{d.Out}, x)
}

// matMul is in * W, W constant. An Add of a constant that follows becomes its bias: relevance is propagated through the two as one.
func matMul(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	w, err := c.numbers(1)
	if err != nil {
		return x, err
	}
	d, err := dense(w, x.shape[0], false, 1)
	if err != nil {
		return x, err
	}
	v, err := c.layer(d, model.Shape{d.Out}, x)
	if len(c.out) > 0 && c.b.uses[c.out[0]] == 1 {
		v.bare = d
	}
	return v, err
}

// dense makes a layer of w, which is out x in if transposed and in x out if not.
func dense(w *tensor, in int, transposed bool, alpha float32) (*model.Dense, error) {
	if len(w.dims) != 2 || w.size() == 0 {
		return nil, fmt.Errorf("%w: weights of %v dimensions", tribune.ErrUnsupported, w.dims)
	}
	rows, out := w.dims[0], w.dims[1]
	if transposed {
		rows, out = out, rows
	}
	if rows != in {
		return nil, fmt.Errorf("%w: weights of %v for %d features", tribune.ErrInvalid, w.dims, in)
	}
	d := &model.Dense{Out: out, W: make([]float32, len(w.f))}
	for o := range out {
		for i := range in {
			at := i*out + o
			if transposed {
				at = o*in + i
			}
			d.W[o*in+i] = alpha * w.f[at]
		}
	}
	return d, nil
}

// bias is beta * b for each of out numbers; b has one number, or one for each, the same for all records.
func bias(b *tensor, out int, beta float32) ([]float32, error) {
	if !slices.Contains([]int{1, out}, b.size()) || len(b.dims) > 2 || len(b.dims) == 2 && b.dims[0] != 1 ||
		len(b.dims) > 0 && b.dims[len(b.dims)-1] != b.size() {
		return nil, fmt.Errorf("%w: a bias of %v for %d numbers", tribune.ErrInvalid, b.dims, out)
	}
	sum := make([]float32, out)
	for k := range sum {
		sum[k] = beta * b.f[k%b.size()]
	}
	return sum, nil
}
