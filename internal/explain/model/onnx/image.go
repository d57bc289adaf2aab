package onnx

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/model"
)

// maxStep bounds strides, dilations and paddings.
const maxStep = 1 << 12

// window reads the attributes of a kernel that goes over an image of height x width.
func (c *call) window(kernel [2]int, height, width int) (model.Window, error) {
	w := model.Window{Kernel: kernel, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}}
	shape, err := c.ints("kernel_shape")
	if err != nil {
		return w, err
	}
	if shape != nil || kernel == [2]int{} {
		if err := take(w.Kernel[:], shape, 1, maxRecord, "kernel_shape"); err != nil {
			return w, err
		}
		if kernel != [2]int{} && w.Kernel != kernel {
			return w, fmt.Errorf("%w: a kernel of %v with weights of %v", tribune.ErrInvalid, w.Kernel, kernel)
		}
	}
	for _, a := range []struct {
		name string
		to   []int
		low  int64
	}{{"strides", w.Stride[:], 1}, {"dilations", w.Dilation[:], 1}, {"pads", w.Pad[:], 0}} {
		given, err := c.ints(a.name)
		if err != nil {
			return w, err
		}
		if given != nil {
			if err := take(a.to, given, a.low, maxStep, a.name); err != nil {
				return w, err
			}
		}
	}
	auto, err := c.text("auto_pad", "NOTSET")
	if err != nil {
		return w, err
	}
	if auto != "NOTSET" && w.Pad != [4]int{} {
		return w, fmt.Errorf("%w: pads beside auto_pad", tribune.ErrInvalid)
	}
	switch auto {
	case "NOTSET", "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		for axis, length := range []int{height, width} {
			all := max(((length+w.Stride[axis]-1)/w.Stride[axis]-1)*w.Stride[axis]+reach(w, axis)-length, 0)
			w.Pad[axis], w.Pad[axis+2] = all/2, all-all/2
			if auto == "SAME_LOWER" {
				w.Pad[axis], w.Pad[axis+2] = all-all/2, all/2
			}
		}
	default:
		return w, fmt.Errorf("%w: auto_pad %.40q", tribune.ErrUnsupported, auto)
	}
	return w, nil
}

func take(to []int, given []int64, low, high int64, what string) error {
	if len(given) != len(to) {
		return fmt.Errorf("%w: %d numbers of %s; two dimensions are read", tribune.ErrUnsupported, len(given), what)
	}
	for k, v := range given {
		if v < low || v > high {
			return fmt.Errorf("%w: %s of %d", tribune.ErrInvalid, what, v)
		}
		to[k] = int(v)
	}
	return nil
}

// reach is how many pixels a kernel goes over along an axis.
func reach(w model.Window, axis int) int { return (w.Kernel[axis]-1)*w.Dilation[axis] + 1 }

// positions is how many places the window has along an axis of that length.
func positions(w model.Window, axis, length int, ceil bool) (int, error) {
	room := length + w.Pad[axis] + w.Pad[axis+2] - reach(w, axis)
	if room < 0 {
		return 0, fmt.Errorf("%w: a kernel over %d pixels of %d", tribune.ErrInvalid, reach(w, axis), length)
	}
	n := room/w.Stride[axis] + 1
	if ceil && room%w.Stride[axis] != 0 && n*w.Stride[axis] < length+w.Pad[axis] {
		n++ // a last window may begin on the image and reach over it, but not begin in the padding
	}
	return n, nil
}

func conv(c *call) (value, error) {
	x, err := c.image(0)
	if err != nil {
		return x, err
	}
	w, err := c.numbers(1)
	if err != nil {
		return x, err
	}
	if len(w.dims) != 4 || w.size() == 0 {
		return x, fmt.Errorf("%w: weights of %v dimensions; two-dimensional convolutions are read", tribune.ErrUnsupported, w.dims)
	}
	groups, err := c.integer("group", 1)
	if err != nil {
		return x, err
	}
	if groups < 1 || groups > int64(x.shape[0]) || x.shape[0]%int(groups) != 0 || w.dims[0]%int(groups) != 0 || w.dims[1] != x.shape[0]/int(groups) {
		return x, fmt.Errorf("%w: weights of %v over %d channels in %d groups", tribune.ErrInvalid, w.dims, x.shape[0], groups)
	}
	window, err := c.window([2]int{w.dims[2], w.dims[3]}, x.shape[1], x.shape[2])
	if err != nil {
		return x, err
	}
	l := &model.Conv{Window: window, Out: w.dims[0], Groups: int(groups), W: append([]float32(nil), w.f...)}
	if c.has(2) {
		b, err := c.numbers(2)
		if err != nil {
			return x, err
		}
		if len(b.dims) != 1 || b.size() != l.Out {
			return x, fmt.Errorf("%w: a bias of %v for %d channels", tribune.ErrInvalid, b.dims, l.Out)
		}
		l.B = append([]float32(nil), b.f...)
	}
	return c.over(l, window, l.Out, false, x)
}

func pool(c *call) (value, error) {
	x, err := c.image(0)
	if err != nil {
		return x, err
	}
	window, err := c.window([2]int{}, x.shape[1], x.shape[2])
	if err != nil {
		return x, err
	}
	ceil, err := c.integer("ceil_mode", 0)
	if err != nil {
		return x, err
	}
	l := &model.Pool{Window: window, Ceil: ceil != 0}
	if c.op == "AveragePool" {
		count, err := c.integer("count_include_pad", 0)
		if err != nil {
			return x, err
		}
		l.Average, l.CountPad = true, count != 0
	} else if err := c.must("storage_order", 0); err != nil {
		return x, err
	}
	return c.over(l, window, x.shape[0], l.Ceil, x)
}

// over adds a layer that goes over an image.
func (c *call) over(l model.Layer, w model.Window, channels int, ceil bool, x value) (value, error) {
	high, err := positions(w, 0, x.shape[1], ceil)
	if err != nil {
		return x, err
	}
	wide, err := positions(w, 1, x.shape[2], ceil)
	if err != nil {
		return x, err
	}
	return c.layer(l, model.Shape{channels, high, wide}, x)
}

func globalPool(c *call) (value, error) {
	x, err := c.image(0)
	if err != nil {
		return x, err
	}
	return c.layer(&model.GlobalPool{Average: c.op == "GlobalAveragePool"}, model.Shape{x.shape[0], 1, 1}, x)
}

// reduceMean over height and width is how PyTorch's newer exporter writes adaptive average pooling to 1 x 1.
func reduceMean(c *call) (value, error) {
	x, err := c.image(0)
	if err != nil {
		return x, err
	}
	axes, err := c.axes(1, 18)
	if err != nil {
		return x, err
	}
	if err := c.must("noop_with_empty_axes", 0); err != nil {
		return x, err
	}
	keep, err := c.integer("keepdims", 1)
	if err != nil {
		return x, err
	}
	if len(axes) != 2 || axes[0]+axes[1] != 5 || axes[0] < 2 || axes[1] < 2 {
		return x, fmt.Errorf("%w: the mean over axes %v; height and width together are read", tribune.ErrUnsupported, axes)
	}
	channels := x.shape[0]
	x, err = c.layer(&model.GlobalPool{Average: true}, model.Shape{channels, 1, 1}, x)
	if err != nil || keep != 0 {
		return x, err
	}
	return c.layer(&model.Flatten{}, model.Shape{channels}, x)
}

// batchNorm normalizes with the running mean and variance.
func batchNorm(c *call) (value, error) {
	x, err := c.data(0)
	if err != nil {
		return x, err
	}
	l := &model.BatchNorm{}
	for k, to := range []*[]float32{&l.Gamma, &l.Beta, &l.Mean, &l.Var} {
		t, err := c.numbers(k + 1)
		if err != nil {
			return x, err
		}
		if len(t.dims) != 1 || t.size() != x.shape[0] {
			return x, fmt.Errorf("%w: input %d of %v for %d channels", tribune.ErrInvalid, k+1, t.dims, x.shape[0])
		}
		*to = append([]float32(nil), t.f...)
	}
	if l.Epsilon, err = c.float("epsilon", 1e-5); err != nil {
		return x, err
	}
	if !(l.Epsilon > 0) { // the layer would take 0 for its default
		return x, fmt.Errorf("%w: an epsilon of %v", tribune.ErrUnsupported, l.Epsilon)
	}
	if _, err := c.float("momentum", 0.9); err != nil { // of training
		return x, err
	}
	if err := c.must("training_mode", 0); err != nil {
		return x, err
	}
	if err := c.must("spatial", 1); err != nil { // until version 8
		return x, err
	}
	return c.layer(l, x.shape, x)
}
