package onnx

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/model"
)

// arithmetic is Add, Sub, Mul, Div and Sum: of records with a constant, or of branches.
func arithmetic(c *call) (value, error) {
	if c.op == "Sum" {
		return c.sum(c.in)
	}
	if len(c.in) != 2 {
		return value{}, fmt.Errorf("%w: %d inputs", tribune.ErrInvalid, len(c.in))
	}
	x, err := c.value(0)
	if err != nil {
		return x, err
	}
	y, err := c.value(1)
	if err != nil {
		return y, err
	}
	switch {
	case x.t != nil && y.t != nil:
		return value{}, fmt.Errorf("%w: of two constants", tribune.ErrUnsupported)
	case x.t == nil && y.t == nil:
		return c.branches(x, y)
	case y.t != nil:
		return c.withConstant(1)
	}
	return c.constantFirst()
}

func (c *call) branches(x, y value) (value, error) {
	switch {
	case x.complement || y.complement:
	case c.op == "Add":
		return c.sum(c.in)
	case c.op == "Sub":
		n, err := size(y.shape)
		if err != nil {
			return y, err
		}
		if y, err = c.affine(y, filled(n, -1), nil); err != nil {
			return y, err
		}
		return c.join(x, y)
	}
	return value{}, fmt.Errorf("%w: of two branches", tribune.ErrUnsupported)
}

func (c *call) sum(names []string) (value, error) {
	all := make([]value, len(names))
	for k := range names {
		var err error
		if all[k], err = c.data(k); err != nil {
			return value{}, err
		}
	}
	return c.join(all...)
}

func (c *call) join(all ...value) (value, error) {
	if len(all) < 2 {
		return value{}, fmt.Errorf("%w: a sum of %d", tribune.ErrUnsupported, len(all))
	}
	for _, v := range all[1:] {
		if !slices.Equal(v.shape, all[0].shape) {
			return value{}, fmt.Errorf("%w: branches of %v and %v", tribune.ErrUnsupported, all[0].shape, v.shape)
		}
	}
	return c.layer(&model.Sum{}, all[0].shape, all...)
}

// withConstant is records (op) constant, the constant as input k.
func (c *call) withConstant(k int) (value, error) {
	x, err := c.data(1 - k)
	if err != nil {
		return x, err
	}
	t, err := c.numbers(k)
	if err != nil {
		return x, err
	}
	if c.op == "Add" && x.bare != nil && (len(t.dims) == 0 || t.dims[len(t.dims)-1] == t.size()) {
		if b, err := bias(t, x.bare.Out, 1); err == nil {
			x.bare.B, x.bare = b, nil
			return x, nil
		}
	}
	by, err := c.b.broadcast(t, x.shape)
	if err != nil {
		return x, err
	}
	switch c.op {
	case "Sub":
		for i := range by {
			by[i] = -by[i]
		}
		fallthrough
	case "Add":
		return c.affine(x, nil, by)
	case "Div":
		for i, v := range by {
			if v == 0 {
				return x, fmt.Errorf("%w: a division by 0 at number %d", tribune.ErrInvalid, i)
			}
			by[i] = 1 / v
		}
	}
	return c.affine(x, by, nil)
}

// constantFirst is constant (op) records.
func (c *call) constantFirst() (value, error) {
	if c.op == "Add" || c.op == "Mul" {
		return c.withConstant(0)
	}
	x, err := c.data(1)
	if err != nil {
		return x, err
	}
	t, err := c.numbers(0)
	if err != nil {
		return x, err
	}
	if c.op != "Sub" {
		return x, fmt.Errorf("%w: a constant by the records", tribune.ErrUnsupported)
	}
	if c.b.isProbability(x) && t.size() == 1 && t.f[0] == 1 {
		x.complement = true
		return x, nil
	}
	by, err := c.b.broadcast(t, x.shape)
	if err != nil {
		return x, err
	}
	return c.affine(x, filled(len(by), -1), by)
}

// isProbability: v is a Sigmoid of one number.
func (b *builder) isProbability(v value) bool {
	if v.node < 0 || len(v.shape) != 1 || v.shape[0] != 1 {
		return false
	}
	a, ok := b.nodes[v.node].Layer.(*model.Activation)
	return ok && a.Function == model.Sigmoid
}

func (c *call) affine(x value, scale, shift []float32) (value, error) {
	return c.layer(&model.Affine{Scale: scale, Shift: shift}, x.shape, x)
}

func filled(n int, v float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// broadcast is t for every number of a record, by ONNX's rules (those of NumPy): t's dimensions are the record's last, or 1; the one for the records
// must be 1.
func (b *builder) broadcast(t *tensor, shape model.Shape) ([]float32, error) {
	full := append([]int{1}, shape...)
	if len(t.dims) > len(full) || t.size() == 0 {
		return nil, fmt.Errorf("%w: a constant of %v with records of %v", tribune.ErrUnsupported, t.dims, shape)
	}
	strides := make([]int, len(full))
	step := 1
	for k := 1; k <= len(t.dims); k++ {
		d := t.dims[len(t.dims)-k]
		switch at := len(full) - k; {
		case d == 1:
		case d == full[at]:
			strides[at] = step
		default:
			return nil, fmt.Errorf("%w: a constant of %v with records of %v", tribune.ErrUnsupported, t.dims, shape)
		}
		step *= d
	}
	n, err := size(shape)
	if err != nil {
		return nil, err
	}
	if err := b.constants(n); err != nil {
		return nil, err
	}
	out := make([]float32, n)
	for i := range out {
		from, rest := 0, i
		for k := len(full) - 1; k > 0; k-- {
			from += rest % full[k] * strides[k]
			rest /= full[k]
		}
		out[i] = t.f[from]
	}
	return out, nil
}
