package onnx

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/model"
)

// axes are the axes of input k (from version since on, an input), or of the attribute: 0 is the records, negative ones count from the end.
func (c *call) axes(k int, since int64) ([]int64, error) {
	given, err := c.ints("axes")
	if err != nil {
		return nil, err
	}
	if c.has(k) {
		if given != nil || c.version < since {
			return nil, fmt.Errorf("%w: axes as an input in version %d", tribune.ErrInvalid, c.version)
		}
		t, err := c.integers(k)
		if err != nil {
			return nil, err
		}
		given = t.i
	}
	x, err := c.value(0)
	if err != nil {
		return nil, err
	}
	rank := int64(len(x.shape) + 1)
	if x.t != nil {
		rank = int64(len(x.t.dims) + len(given)) // Unsqueeze counts in its result
	}
	out := slices.Clone(given)
	for i, a := range out {
		if a < -rank || a >= rank {
			return nil, fmt.Errorf("%w: axis %d of %d", tribune.ErrInvalid, a, rank)
		}
		if a < 0 {
			out[i] = a + rank
		}
	}
	return out, nil
}

func flatten(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	axis, err := c.integer("axis", 1)
	if err != nil {
		return x, err
	}
	if axis != 1 && axis != -int64(len(x.shape)) {
		return x, fmt.Errorf("%w: from axis %d on", tribune.ErrUnsupported, axis)
	}
	return c.flat(x)
}

func (c *call) flat(x value) (value, error) {
	if len(x.shape) == 1 {
		return x, nil
	}
	return c.layer(&model.Flatten{}, model.Shape{x.shape.Size()}, x)
}

// reshape gives records another shape; that the first dimension stays the records must be seen.
func reshape(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	t, err := c.integers(1)
	if err != nil {
		return x, err
	}
	zero, err := c.integer("allowzero", 0)
	if err != nil {
		return x, err
	}
	if len(t.dims) != 1 || len(t.i) < 2 || len(t.i) > maxDims {
		return x, fmt.Errorf("%w: to a shape of %d dimensions", tribune.ErrUnsupported, len(t.i))
	}
	full, rest, open := x.shape.Size(), make(model.Shape, len(t.i)-1), -1
	known := 1
	for k, d := range t.i[1:] {
		if d == 0 && zero == 0 && k < len(x.shape) {
			d = int64(x.shape[k])
		}
		switch {
		case d == -1 && open < 0:
			open = k
		case d < 1 || d > maxRecord || known > maxRecord/int(d):
			return x, fmt.Errorf("%w: to shape %v", tribune.ErrUnsupported, shown(t.i))
		default:
			rest[k] = int(d)
			known *= int(d)
		}
	}
	if open >= 0 {
		rest[open] = full / known
		known *= rest[open]
	}
	if known != full || !c.b.isRecords(t.i[0], zero == 0, open < 0) {
		return x, fmt.Errorf("%w: records of shape %v to shape %v", tribune.ErrUnsupported, x.shape, shown(t.i))
	}
	return c.as(x, rest)
}

// isRecords says that the first dimension of a new shape is the number of records: by name, copied, left over, or the number that the input is fixed to.
func (b *builder) isRecords(d int64, zeroCopies, complete bool) bool {
	return d == batch || d == 0 && zeroCopies || d == -1 && complete || d > 0 && d == b.records
}

func shown(dims []int64) string {
	parts := make([]any, len(dims))
	for k, d := range dims {
		parts[k] = d
		if d == batch {
			parts[k] = "records"
		}
	}
	return fmt.Sprint(parts...)
}

func (c *call) as(x value, shape model.Shape) (value, error) {
	switch {
	case slices.Equal(shape, x.shape):
		return x, nil
	case len(shape) == 1:
		return c.flat(x)
	}
	return c.layer(&model.Reshape{To: shape}, shape, x)
}

func squeeze(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return x, err
	}
	if len(axes) == 0 || len(axes) >= len(x.shape) {
		return x, fmt.Errorf("%w: axes %v of %v", tribune.ErrUnsupported, axes, x.shape)
	}
	var shape model.Shape
	for k, d := range x.shape {
		if !slices.Contains(axes, int64(k+1)) {
			shape = append(shape, d)
		} else if d != 1 {
			return x, fmt.Errorf("%w: an axis of %d", tribune.ErrInvalid, d)
		}
	}
	if slices.Contains(axes, 0) {
		return x, fmt.Errorf("%w: the records' axis", tribune.ErrUnsupported)
	}
	return c.as(x, shape)
}

// shapeOf, gather, unsqueeze and concat compute the shape of a reshape: PyTorch's x.view(x.size(0), -1).
func shapeOf(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	dims := []int64{batch}
	for _, d := range x.shape {
		dims = append(dims, int64(d))
	}
	return value{t: &tensor{dims: []int{len(dims)}, i: dims}}, nil
}

func gather(c *call) (value, error) {
	from, err := c.integers(0)
	if err != nil {
		return value{}, err
	}
	at, err := c.integers(1)
	if err != nil {
		return value{}, err
	}
	if err := c.must("axis", 0); err != nil {
		return value{}, err
	}
	if len(from.dims) != 1 || len(at.dims) > 1 {
		return value{}, fmt.Errorf("%w: of %v by %v", tribune.ErrUnsupported, from.dims, at.dims)
	}
	out := &tensor{dims: slices.Clone(at.dims), i: []int64{}}
	for _, k := range at.i {
		if k < 0 {
			k += int64(len(from.i))
		}
		if k < 0 || k >= int64(len(from.i)) {
			return value{}, fmt.Errorf("%w: number %d of %d", tribune.ErrInvalid, k, len(from.i))
		}
		out.i = append(out.i, from.i[k])
	}
	return value{t: out}, nil
}

// unsqueeze makes one integer a list of one.
func unsqueeze(c *call) (value, error) {
	t, err := c.integers(0)
	if err != nil {
		return value{}, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return value{}, err
	}
	if len(t.dims) != 0 || len(axes) != 1 || len(t.i) != 1 {
		return value{}, fmt.Errorf("%w: of %v", tribune.ErrUnsupported, t.dims)
	}
	return value{t: &tensor{dims: []int{1}, i: t.i}}, nil
}

// concat joins integers; or the two probabilities of a Sigmoid of one number, as skl2onnx writes them.
func concat(c *call) (value, error) {
	axis, err := c.integer("axis", 0)
	if err != nil {
		return value{}, err
	}
	if len(c.in) == 0 {
		return value{}, fmt.Errorf("%w: of nothing", tribune.ErrInvalid)
	}
	first, err := c.value(0)
	if err != nil {
		return first, err
	}
	if first.complement && len(c.in) == 2 && (axis == 1 || axis == -1) {
		second, err := c.data(1)
		if err != nil || second.node != first.node {
			return first, fmt.Errorf("%w: of what belongs to two models", tribune.ErrUnsupported)
		}
		return second, nil
	}
	out := &tensor{i: []int64{}}
	for k := range c.in {
		t, err := c.integers(k)
		if err != nil {
			return value{}, fmt.Errorf("%w; branches cannot be joined side by side", err)
		}
		if axis != 0 || len(t.dims) != 1 || len(out.i)+len(t.i) > maxIntegers {
			return value{}, fmt.Errorf("%w: of %v", tribune.ErrUnsupported, t.dims)
		}
		out.i = append(out.i, t.i...)
	}
	out.dims = []int{len(out.i)}
	return value{t: out}, nil
}
