package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"tribune/internal/explain/matrix"
)

// reference is a network a second time, written from the definitions: float64, one number after the other, no matrices. Its weights can be moved by
// amounts that float32 could not show.
type reference struct {
	net      *Network
	weights  [][][]float64 // of each node
	training bool
}

func newReference(n *Network) *reference {
	r := &reference{net: n, weights: make([][][]float64, len(n.nodes))}
	for i, node := range n.nodes {
		var all [][]float32
		switch l := node.Layer.(type) {
		case *BatchNorm:
			all = [][]float32{l.Gamma, l.Beta, l.Mean, l.Var}
		case *Affine:
			all = [][]float32{l.Scale, l.Shift}
		case weighted:
			all = l.weights()
		}
		for _, w := range all {
			r.weights[i] = append(r.weights[i], wide(w))
		}
	}
	return r
}

func wide(s []float32) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = float64(v)
	}
	return out
}

// logits of each record.
func (r *reference) logits(x [][]float64) [][]float64 {
	outs := make([][][]float64, len(r.net.nodes))
	for i, node := range r.net.nodes {
		ins := make([][][]float64, len(node.From))
		for k, f := range node.From {
			if ins[k] = x; f >= 0 {
				ins[k] = outs[f]
			}
		}
		if b, ok := node.Layer.(*BatchNorm); ok {
			outs[i] = r.normalize(b, r.weights[i], ins[0])
			continue
		}
		for row := range x {
			in := make([][]float64, len(ins))
			for k := range ins {
				in[k] = ins[k][row]
			}
			outs[i] = append(outs[i], r.record(i, in))
		}
	}
	return outs[len(outs)-1]
}

func (r *reference) record(i int, in [][]float64) []float64 {
	node, w := r.net.nodes[i], r.weights[i]
	shape, out := r.net.shape(node.From[0]), make([]float64, r.net.shapes[i].Size())
	switch l := node.Layer.(type) {
	case *Dense:
		for o := range out {
			out[o] = w[1][o]
			for j, v := range in[0] {
				out[o] += w[0][o*len(in[0])+j] * v
			}
		}
	case *Conv:
		convolve(l, w, shape, r.net.shapes[i], in[0], out)
	case *Pool:
		pool(l, shape, r.net.shapes[i], in[0], out)
	case *GlobalPool:
		n := shape[1] * shape[2]
		for ch := range out {
			part := in[0][ch*n : (ch+1)*n]
			best, sum := math.Inf(-1), 0.0
			for _, v := range part {
				best, sum = math.Max(best, v), sum+v
			}
			if out[ch] = best; l.Average {
				out[ch] = sum / float64(n)
			}
		}
	case *Affine:
		for j, v := range in[0] {
			out[j] = w[0][j]*v + w[1][j]
		}
	case *Activation:
		for j, v := range in[0] {
			switch l.Function {
			case Relu:
				out[j] = math.Max(v, 0)
			case LeakyRelu:
				if out[j] = v; v < 0 {
					out[j] = v * float64(l.Slope)
				}
			case Tanh:
				out[j] = math.Tanh(v)
			case Sigmoid:
				out[j] = 1 / (1 + math.Exp(-v))
			}
		}
	case *Sum:
		for _, branch := range in {
			for j, v := range branch {
				out[j] += v
			}
		}
	default: // Flatten, Reshape
		copy(out, in[0])
	}
	return out
}

// convolve goes through every output, kernel position and channel of its group.
func convolve(l *Conv, w [][]float64, from, to Shape, in, out []float64) {
	perGroup, outPerGroup := from[0]/l.Groups, l.Out/l.Groups
	for o := range to[0] {
		for y := range to[1] {
			for x := range to[2] {
				sum := w[1][o]
				for c := range perGroup {
					for ky := range l.Kernel[0] {
						for kx := range l.Kernel[1] {
							iy, ix := y*l.Stride[0]-l.Pad[0]+ky*l.Dilation[0], x*l.Stride[1]-l.Pad[1]+kx*l.Dilation[1]
							if iy < 0 || ix < 0 || iy >= from[1] || ix >= from[2] {
								continue
							}
							ch := o/outPerGroup*perGroup + c
							sum += w[0][((o*perGroup+c)*l.Kernel[0]+ky)*l.Kernel[1]+kx] * in[(ch*from[1]+iy)*from[2]+ix]
						}
					}
				}
				out[(o*to[1]+y)*to[2]+x] = sum
			}
		}
	}
}

func pool(l *Pool, from, to Shape, in, out []float64) {
	for ch := range to[0] {
		for y := range to[1] {
			for x := range to[2] {
				best, sum, inside, padded := math.Inf(-1), 0.0, 0.0, 0.0
				for ky := range l.Kernel[0] {
					for kx := range l.Kernel[1] {
						iy, ix := y*l.Stride[0]-l.Pad[0]+ky*l.Dilation[0], x*l.Stride[1]-l.Pad[1]+kx*l.Dilation[1]
						if iy < from[1]+l.Pad[2] && ix < from[2]+l.Pad[3] {
							padded++
						}
						if iy < 0 || ix < 0 || iy >= from[1] || ix >= from[2] {
							continue
						}
						v := in[(ch*from[1]+iy)*from[2]+ix]
						best, sum, inside = math.Max(best, v), sum+v, inside+1
					}
				}
				at := (ch*to[1]+y)*to[2] + x
				switch {
				case !l.Average:
					out[at] = best
				case l.CountPad:
					out[at] = sum / padded
				default:
					out[at] = sum / inside
				}
			}
		}
	}
}

func (r *reference) normalize(b *BatchNorm, w [][]float64, x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = make([]float64, len(x[i]))
	}
	for ch := range b.channels {
		mean, variance := w[2][ch], w[3][ch]
		if r.training {
			var all []float64
			for i := range x {
				all = append(all, x[i][ch*b.spots:(ch+1)*b.spots]...)
			}
			mean, variance = 0, 0
			for _, v := range all {
				mean += v / float64(len(all))
			}
			for _, v := range all {
				variance += (v - mean) * (v - mean) / float64(len(all))
			}
		}
		for i := range x {
			for s := ch * b.spots; s < (ch+1)*b.spots; s++ {
				out[i][s] = (x[i][s]-mean)/math.Sqrt(variance+float64(b.Epsilon))*w[0][ch] + w[1][ch]
			}
		}
	}
	return out
}

// networks are the layers one by one and together.
func networks(t *testing.T) map[string]*Network {
	t.Helper()
	act := func(f Function) *Activation { return &Activation{Function: f} }
	window := func(k, s int, pad ...int) Window {
		w := Window{Kernel: [2]int{k, k}, Stride: [2]int{s, s}}
		copy(w.Pad[:], pad)
		return w
	}
	out := map[string]*Network{}
	chain := func(name string, in Shape, layers ...Layer) {
		n, err := NewNetwork(in, layers...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = n
	}
	chain("dense", Shape{7}, &Dense{Out: 3})
	chain("relu", Shape{6}, &Dense{Out: 9}, act(Relu), &Dense{Out: 3})
	chain("leaky relu", Shape{6}, &Dense{Out: 9}, &Activation{Function: LeakyRelu, Slope: 0.1}, &Dense{Out: 2})
	chain("tanh", Shape{20}, &Dense{Out: 40}, act(Tanh), &Dense{Out: 30}, act(Tanh), &Dense{Out: 5}, &Softmax{})
	chain("sigmoid", Shape{6}, &Dense{Out: 9}, act(Sigmoid), &Dense{Out: 3})
	chain("one sigmoid at the end", Shape{6}, &Dense{Out: 5}, act(Relu), &Dense{Out: 1}, act(Sigmoid))
	chain("batch norm of features", Shape{5}, &Dense{Out: 6}, &BatchNorm{}, act(Relu), &Dense{Out: 3})
	chain("affine", Shape{4}, &Affine{Scale: []float32{1, 2, -3, 0.5}, Shift: []float32{0, 1, 0, -2}}, &Dense{Out: 3})
	chain("conv", Shape{2, 5, 6}, &Conv{Window: window(3, 1), Out: 3}, &Flatten{}, &Dense{Out: 3})
	chain("conv with stride and uneven padding", Shape{2, 7, 6}, &Conv{Window: Window{Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Pad: [4]int{1, 0, 2, 1}}, Out: 3}, &Flatten{}, &Dense{Out: 3})
	chain("conv in groups", Shape{4, 5, 5}, &Conv{Window: window(3, 1, 1, 1, 1, 1), Out: 6, Groups: 2}, act(Tanh), &Flatten{}, &Dense{Out: 2})
	chain("depthwise, dilated, wide padding", Shape{3, 6, 6}, &Conv{Window: Window{Kernel: [2]int{2, 2}, Dilation: [2]int{3, 2}, Pad: [4]int{4, 4, 4, 4}}, Out: 3, Groups: 3}, &Flatten{}, &Dense{Out: 2})
	chain("max pool", Shape{2, 5, 6}, &Pool{Window: window(2, 2, 1, 0, 1, 1)}, &Flatten{}, &Dense{Out: 3})
	chain("max pool, ceil", Shape{2, 6, 5}, &Pool{Window: window(3, 2), Ceil: true}, &Flatten{}, &Dense{Out: 3})
	chain("average pool", Shape{2, 5, 6}, &Pool{Window: window(3, 2, 1, 1, 1, 1), Average: true}, &Flatten{}, &Dense{Out: 3})
	chain("average pool with padding, ceil", Shape{2, 6, 5}, &Pool{Window: window(3, 2, 1, 1, 1, 1), Average: true, CountPad: true, Ceil: true}, &Flatten{}, &Dense{Out: 3})
	chain("global average", Shape{3, 4, 5}, &GlobalPool{Average: true}, &Flatten{}, &Dense{Out: 3})
	chain("global maximum", Shape{3, 4, 5}, &GlobalPool{}, &Flatten{}, &Dense{Out: 3})
	chain("reshape", Shape{12}, &Dense{Out: 12}, &Reshape{To: Shape{3, 2, 2}}, &Conv{Window: window(2, 1), Out: 4}, &Reshape{To: Shape{4}})
	chain("all of a small image network", Shape{1, 8, 8}, &Conv{Window: window(3, 1, 1, 1, 1, 1), Out: 4}, &BatchNorm{}, act(Relu), &Pool{Window: window(2, 2)},
		&Conv{Window: window(3, 1), Out: 6, Groups: 2}, act(Tanh), &Pool{Window: window(2, 1), Average: true}, &Flatten{}, &Dense{Out: 8}, act(Sigmoid), &Dense{Out: 4}, &Softmax{})
	skip, err := NewGraph(Shape{2, 4, 4},
		Node{Layer: &Conv{Window: window(3, 1, 1, 1, 1, 1), Out: 2}}, Node{Layer: act(Relu)}, Node{Layer: &Conv{Window: window(3, 1, 1, 1, 1, 1), Out: 2}},
		Node{Layer: &Sum{}, From: []int{2, -1}}, Node{Layer: act(Tanh)}, Node{Layer: &Sum{}, From: []int{4, 0, 4}}, Node{Layer: &Flatten{}}, Node{Layer: &Dense{Out: 3}})
	if err != nil {
		t.Fatal(err)
	}
	out["skip connections"] = skip
	seed := uint64(1)
	for _, n := range out {
		n.Init(seed)
		r := rand.New(rand.NewPCG(7, 7))
		for _, node := range n.nodes {
			if b, ok := node.Layer.(*BatchNorm); ok {
				for ch := range b.Mean {
					b.Mean[ch], b.Var[ch] = float32(r.NormFloat64()/3), float32(0.5+r.Float64())
					b.Gamma[ch], b.Beta[ch] = float32(0.5+r.Float64()), float32(r.NormFloat64()/3)
				}
			}
		}
	}
	return out
}

func normal(r *rand.Rand, rows, cols int) matrix.Matrix {
	m := matrix.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

func rowsOf(m matrix.Matrix) [][]float64 {
	out := make([][]float64, m.Rows)
	for i := range out {
		out[i] = wide(m.Row(i))
	}
	return out
}
