package model

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Window is how a kernel goes over an image. Zero fields of Stride and Dilation are 1.
type Window struct {
	Kernel   [2]int // height, width
	Stride   [2]int
	Dilation [2]int
	Pad      [4]int // zeros at top, left, bottom, right: the order of ONNX's pads
}

// side is the number of positions along one axis.
func (w Window) side(axis, length int) (int, error) {
	if w.Kernel[axis] < 1 || w.Stride[axis] < 1 || w.Dilation[axis] < 1 || w.Pad[axis] < 0 || w.Pad[axis+2] < 0 {
		return 0, fmt.Errorf("%w: kernel %v, stride %v, dilation %v, padding %v", tribune.ErrInvalid, w.Kernel, w.Stride, w.Dilation, w.Pad)
	}
	if w.Kernel[axis] > maxRecord || w.Dilation[axis] > maxRecord || w.Pad[axis] > maxRecord || w.Pad[axis+2] > maxRecord {
		return 0, fmt.Errorf("%w: kernel %v, dilation %v, padding %v", tribune.ErrTooLarge, w.Kernel, w.Dilation, w.Pad)
	}
	reach := (w.Kernel[axis]-1)*w.Dilation[axis] + 1
	room := length + w.Pad[axis] + w.Pad[axis+2] - reach
	if room < 0 {
		return 0, fmt.Errorf("%w: a kernel that reaches over %d of %d with padding %v", tribune.ErrInvalid, reach, length, w.Pad)
	}
	return room/w.Stride[axis] + 1, nil
}

// ones puts 1 where nothing is said.
func (w *Window) ones() {
	for i := range 2 {
		if w.Stride[i] == 0 {
			w.Stride[i] = 1
		}
		if w.Dilation[i] == 0 {
			w.Dilation[i] = 1
		}
	}
}

// Conv is a two-dimensional convolution (cross-correlation, as every framework has it) over channels x height x width.
type Conv struct {
	Window
	Out    int       // channels that come out
	Groups int       // channels are divided into so many groups, each convolved by itself; 0 is 1
	W      []float32 // Out x (In/Groups) x kernel height x kernel width; nil: to be drawn by Init
	B      []float32 // Out; nil: zeros

	in, height, width int // what goes in
	high, wide        int // positions
}

// Kind is "conv".
func (*Conv) Kind() string   { return "conv" }
func (*Conv) isLinear() bool { return true }

func (v *Conv) bind(in []Shape) (Shape, error) {
	channels, height, width, err := image(in)
	if err != nil {
		return nil, err
	}
	v.ones()
	if v.Groups == 0 {
		v.Groups = 1
	}
	if v.Groups < 1 || v.Out < 1 || channels%v.Groups != 0 || v.Out%v.Groups != 0 {
		return nil, fmt.Errorf("%w: %d channels to %d in %d groups", tribune.ErrInvalid, channels, v.Out, v.Groups)
	}
	high, err := v.side(0, height)
	if err != nil {
		return nil, err
	}
	wide, err := v.side(1, width)
	if err != nil {
		return nil, err
	}
	n, err := volume(maxKernel, v.Out, channels/v.Groups, v.Kernel[0], v.Kernel[1])
	if err != nil {
		return nil, err
	}
	if _, err := volume(8*maxRecord, channels/v.Groups, v.Kernel[0], v.Kernel[1], high, wide); err != nil {
		return nil, fmt.Errorf("all positions of the kernel: %w", err)
	}
	if err := weightsOf(&v.W, n, "W"); err != nil {
		return nil, err
	}
	if err := weightsOf(&v.B, v.Out, "B"); err != nil {
		return nil, err
	}
	v.in, v.height, v.width, v.high, v.wide = channels, height, width, high, wide
	return Shape{v.Out, high, wide}, nil
}

func (v *Conv) copy() Layer {
	return &Conv{Window: v.Window, Out: v.Out, Groups: v.Groups, W: slices.Clone(v.W), B: slices.Clone(v.B)}
}

func (v *Conv) weights() [][]float32 { return [][]float32{v.W, v.B} }

// patch is the numbers under the kernel in one group; spots the positions of the kernel.
func (v *Conv) patch() int { return v.in / v.Groups * v.Kernel[0] * v.Kernel[1] }
func (v *Conv) spots() int { return v.high * v.wide }

// group is group g of w, shaped as the weights: (Out/Groups) x patch.
func (v *Conv) group(w []float32, g int) matrix.Matrix {
	rows := v.Out / v.Groups
	return matrix.Matrix{Rows: rows, Cols: v.patch(), Data: w[g*rows*v.patch() : (g+1)*rows*v.patch()]}
}

// part is group g of one record of what comes out: (Out/Groups) x spots.
func (v *Conv) part(record []float32, g int) matrix.Matrix {
	rows := v.Out / v.Groups
	return matrix.Matrix{Rows: rows, Cols: v.spots(), Data: record[g*rows*v.spots() : (g+1)*rows*v.spots()]}
}

func (v *Conv) forward(c *call) {
	each(c.out.Rows, c.workers, func(from, to int) {
		patches := matrix.New(v.patch(), v.spots())
		for i := from; i < to; i++ {
			out := c.out.Row(i)
			for o, b := range v.B {
				fill(out[o*v.spots():(o+1)*v.spots()], b)
			}
			for g := range v.Groups {
				v.unfold(c.in[0].Row(i), g, patches.Data)
				matrix.AddProduct(v.part(out, g), v.group(v.W, g).Plain(), patches.Plain(), 1)
			}
		}
	})
}

func (v *Conv) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	each(dout.Rows, c.workers, func(from, to int) {
		patches := matrix.New(v.patch(), v.spots())
		for i := from; i < to; i++ {
			for g := range v.Groups {
				clear(patches.Data)
				matrix.AddProduct(patches, v.group(v.W, g).Transposed(), v.part(dout.Row(i), g).Plain(), 1)
				v.fold(patches.Data, din[0].Row(i), g)
			}
		}
	})
}

// lanes is how many partial sums the gradient of a convolution's weights has: fixed, so that the cores do not change the sum.
const lanes = 8

func (v *Conv) gradient(c *call, dout matrix.Matrix, grads [][]float32) {
	n := min(lanes, dout.Rows)
	parts := make([][]float32, n)
	each(n, c.workers, func(from, to int) {
		patches := matrix.New(v.patch(), v.spots())
		for lane := from; lane < to; lane++ {
			parts[lane] = make([]float32, len(v.W))
			for i := lane; i < dout.Rows; i += n {
				for g := range v.Groups {
					v.unfold(c.in[0].Row(i), g, patches.Data)
					matrix.AddProduct(v.group(parts[lane], g), v.part(dout.Row(i), g).Plain(), patches.Transposed(), 1)
				}
			}
		}
	})
	for _, p := range parts {
		add(grads[0], p)
	}
	for i := range dout.Rows {
		row := dout.Row(i)
		for o := range v.Out {
			for _, d := range row[o*v.spots() : (o+1)*v.spots()] {
				grads[1][o] += d
			}
		}
	}
}

// unfold lays what the kernel sees at each position into a column: patch x spots (im2col).
func (v *Conv) unfold(record []float32, g int, patches []float32) {
	v.walk(g, func(at, from, step, n, zeros, rest int) {
		out := patches[at : at+v.wide]
		clear(out[:zeros])
		if step == 1 {
			copy(out[zeros:zeros+n], record[from:from+n])
		} else {
			for i := range n {
				out[zeros+i] = record[from+i*step]
			}
		}
		clear(out[zeros+n : zeros+n+rest])
	})
}

// fold adds each column back to where it was taken from: the transpose of unfold (col2im).
func (v *Conv) fold(patches, record []float32, g int) {
	v.walk(g, func(at, from, step, n, zeros, _ int) {
		for i := range n {
			record[from+i*step] += patches[at+zeros+i]
		}
	})
}

// walk visits every row of positions under every weight of a kernel of group g: at is its place in the patches; of its v.wide numbers the first zeros
// and the last rest lie in the padding, the n between are record[from], record[from+step], ...
func (v *Conv) walk(g int, visit func(at, from, step, n, zeros, rest int)) {
	at, step := 0, v.Stride[1]
	channels := v.in / v.Groups
	for ch := g * channels; ch < (g+1)*channels; ch++ {
		for ky := range v.Kernel[0] {
			for kx := range v.Kernel[1] {
				left := kx*v.Dilation[1] - v.Pad[1] // the column of the image under the first position
				zeros := 0
				if left < 0 {
					zeros = min((-left+step-1)/step, v.wide)
				}
				end := 0 // positions before the right padding
				if left < v.width {
					end = min((v.width-left+step-1)/step, v.wide)
				}
				zeros = min(zeros, end)
				for y := range v.high {
					row := y*v.Stride[0] + ky*v.Dilation[0] - v.Pad[0]
					if row < 0 || row >= v.height || zeros == end {
						visit(at, 0, step, 0, v.wide, 0)
					} else {
						visit(at, (ch*v.height+row)*v.width+left+zeros*step, step, end-zeros, zeros, v.wide-end)
					}
					at += v.wide
				}
			}
		}
	}
}
