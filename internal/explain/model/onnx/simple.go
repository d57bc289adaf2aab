package onnx

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/model"
)

func activation(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	l := &model.Activation{}
	switch c.op {
	case "Relu":
		l.Function = model.Relu
	case "Tanh":
		l.Function = model.Tanh
	case "Sigmoid":
		l.Function = model.Sigmoid
	case "LeakyRelu":
		l.Function = model.LeakyRelu
		if l.Slope, err = c.float("alpha", 0.01); err != nil {
			return x, err
		}
	}
	return c.layer(l, x.shape, x)
}

// softmax is Softmax, or its logarithm: both say the same probabilities. Of one dimension, so that their axes before and after version 13 agree.
func softmax(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	axis, err := c.integer("axis", 1)
	if err != nil {
		return x, err
	}
	if axis != 1 && axis != -1 {
		return x, fmt.Errorf("%w: over axis %d", tribune.ErrUnsupported, axis)
	}
	return c.layer(&model.Softmax{}, x.shape, x)
}

// identity is also Dropout, which does nothing where nothing is trained.
func identity(c *call) (value, error) {
	if c.op == "Dropout" {
		if c.has(2) {
			t, err := c.integers(2)
			if err != nil {
				return value{}, err
			}
			if len(t.i) != 1 || t.i[0] != 0 {
				return value{}, fmt.Errorf("%w: training_mode", tribune.ErrUnsupported)
			}
		}
		for _, name := range []string{"ratio", "seed"} { // of training
			if a := c.attrs[name]; a != nil {
				a.used = true
			}
		}
	}
	return c.value(0)
}

// cast is read where it changes nothing: between kinds of floats, and of shapes between kinds of integers.
func cast(c *call) (value, error) {
	v, err := c.value(0)
	if err != nil {
		return v, err
	}
	to, err := c.integer("to", 0)
	if err != nil {
		return v, err
	}
	if err := c.must("saturate", 1); err != nil { // of 8-bit floats
		return v, err
	}
	numbers := v.t == nil || v.t.f != nil
	if numbers && (to == typeFloat || to == typeDouble) || !numbers && (to == typeInt64 || to == typeInt32) {
		return v, nil
	}
	return v, fmt.Errorf("%w: to numbers of type %d", tribune.ErrUnsupported, to)
}

func constant(c *call) (value, error) {
	a, err := c.attr("value", attrTensor)
	if err != nil {
		return value{}, err
	}
	if a != nil && a.t != nil {
		return value{t: a.t}, nil
	}
	if a, err = c.attr("value_int", attrInt); err != nil {
		return value{}, err
	} else if a != nil {
		return value{t: &tensor{i: []int64{a.i}}}, nil
	}
	if a, err = c.attr("value_ints", attrInts); err != nil {
		return value{}, err
	} else if a != nil {
		return value{t: &tensor{dims: []int{len(a.ints)}, i: append([]int64{}, a.ints...)}}, nil
	}
	if a, err = c.attr("value_float", attrFloat); err != nil {
		return value{}, err
	} else if a != nil {
		f, err := c.float("value_float", 0)
		return value{t: &tensor{f: []float32{f}}}, err
	}
	return value{}, fmt.Errorf("%w: a constant that is neither a tensor nor an integer nor a number", tribune.ErrUnsupported)
}
