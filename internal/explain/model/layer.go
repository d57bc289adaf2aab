package model

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Layer is one step of a Network. The kinds are Dense, Conv, Pool, GlobalPool, BatchNorm, Affine, Activation, Sum, Flatten, Reshape and Softmax; a
// layer's exported fields are its description, and weights that are nil are made (zeros, until Network.Init draws them). A layer belongs to the one
// network it was given to.
type Layer interface {
	// Kind is the layer's name in errors and files.
	Kind() string
	// bind checks the shapes of what goes in, makes missing weights, and tells what comes out.
	bind(in []Shape) (Shape, error)
	// forward fills c.out, which is zero, from c.in.
	forward(c *call)
	// backward adds to each of din what dout (d of some scalar by c.out) becomes at c.in: the vector-Jacobian product.
	backward(c *call, dout matrix.Matrix, din []matrix.Matrix)
	// copy is the layer with weights of its own, unbound.
	copy() Layer
}

// weighted is a layer with weights.
type weighted interface {
	Layer
	// weights are views of what is learnt, in the order in which a file holds them.
	weights() [][]float32
	// gradient adds to each of grads, shaped as weights, d of the scalar by the weights, summed over the batch.
	gradient(c *call, dout matrix.Matrix, grads [][]float32)
}

// linear is a layer whose output is a linear function of its input plus a constant: the LRP rule divides its relevance by its output and multiplies it
// with its input. The others hand relevance on as they hand on a gradient (pooling by maximum) or unchanged (activations).
type linear interface {
	Layer
	isLinear() bool
}

// call is one layer at work on one batch: each row of in and out is a record.
type call struct {
	in       []matrix.Matrix
	out      matrix.Matrix
	workers  int
	training bool      // batch normalization by the batch's own mean and variance
	rule     Rule      // how activations go backwards
	winners  []int32   // pooling by maximum: where each output came from
	stats    []float32 // batch normalization while training: mean and 1/deviation per channel
}

// one is the only input's shape.
func one(in []Shape) (Shape, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("%w: takes one input, got %d", tribune.ErrInvalid, len(in))
	}
	return in[0], nil
}

// image is the only input's shape as channels, height, width.
func image(in []Shape) (channels, height, width int, err error) {
	s, err := one(in)
	if err != nil {
		return 0, 0, 0, err
	}
	if len(s) != 3 {
		return 0, 0, 0, fmt.Errorf("%w: takes channels x height x width, got %v", tribune.ErrInvalid, s)
	}
	return s[0], s[1], s[2], nil
}

// weightsOf checks that w has n numbers, or makes them.
func weightsOf(w *[]float32, n int, what string) error {
	if *w == nil {
		*w = make([]float32, n)
	}
	if len(*w) != n {
		return fmt.Errorf("%w: %d numbers of %s; the shapes ask for %d", tribune.ErrInvalid, len(*w), what, n)
	}
	for i, v := range *w {
		if v-v != 0 {
			return fmt.Errorf("%w: number %d of %s is %v", tribune.ErrInvalid, i, what, v)
		}
	}
	return nil
}
