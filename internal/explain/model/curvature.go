package model

import (
	"context"
	"fmt"
	"runtime"

	"tribune"
	"tribune/internal/explain/matrix"
)

// HessianProduct is the Hessian, by the weights (all of Weights, one after the other), of the cross-entropy summed over the rows, times v: exactly, by
// Pearlmutter's operator (1994, 10.1162/neco.1994.6.1.147), for about the cost of two gradients. At the kink of a rectifier or a maximum the curvature
// counts as none. Batch normalization is tribune.ErrUnsupported.
func (n *Network) HessianProduct(ctx context.Context, x matrix.Matrix, y []int, v []float64) ([]float64, error) {
	w, err := n.way(x, y, v)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(v))
	err = w.chunks(ctx, x, func(from, to int) {
		seed, moved := matrix.New(to-from, n.classes), matrix.New(to-from, n.classes)
		for i := from; i < to; i++ {
			p := seed.Row(i - from)
			softmax(w.tape.last().Row(i-from), p)
			turn(p, w.moved[len(n.nodes)].Row(i-from), moved.Row(i-from))
			p[y[i]]--
		}
		w.backward(seed, moved, out)
	})
	return out, err
}

// Slopes is, of each row's cross-entropy, d along v in the space of weights: exactly, in one pass. Batch normalization is tribune.ErrUnsupported.
func (n *Network) Slopes(ctx context.Context, x matrix.Matrix, y []int, v []float64) ([]float64, error) {
	w, err := n.way(x, y, v)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.Rows)
	d := make([]float32, n.classes)
	err = w.chunks(ctx, x, func(from, to int) {
		for i := from; i < to; i++ {
			entropy(w.tape.last().Row(i-from), d, y[i])
			for c, moved := range w.moved[len(n.nodes)].Row(i - from) {
				out[i] += float64(float64(d[c]) * float64(moved))
			}
		}
	})
	return out, err
}

// turn is how the softmax's probabilities p move when the logits do.
func turn(p, logits, out []float32) {
	var mean float64
	for c, v := range logits {
		mean += float64(float64(p[c]) * float64(v))
	}
	for c, v := range logits {
		out[c] = float32(float64(p[c]) * (float64(v) - mean))
	}
}

// way is a network and a direction in the space of its weights.
type way struct {
	tape  *tape
	along *Network         // its weights are the direction
	bare  *Network         // the network without what is added: biases and shifts
	moved []matrix.Matrix  // how what each node gives moves; [0] is the input, which does not
	grads [2][][][]float32 // by node: of the movement, and of the movement of what goes in
}

func (n *Network) way(x matrix.Matrix, y []int, v []float64) (*way, error) {
	if err := checkRows(n, x, y); err != nil {
		return nil, err
	}
	w := &way{tape: n.tape(runtime.GOMAXPROCS(0)), along: n.Clone(), bare: n.Clone(), moved: make([]matrix.Matrix, len(n.nodes)+1)}
	total := 0
	w.grads[0], total = n.weightSpace()
	w.grads[1], _ = n.weightSpace()
	if len(v) != total {
		return nil, fmt.Errorf("%w: a direction of %d numbers; the network has %d weights", tribune.ErrInvalid, len(v), total)
	}
	at := 0
	for _, list := range w.along.Weights() {
		for i := range list {
			list[i] = float32(v[at+i])
		}
		at += len(list)
	}
	for i, node := range w.bare.nodes {
		switch l := node.Layer.(type) {
		case *Dense:
			clear(l.B)
		case *Conv:
			clear(l.B)
		case *Affine:
			clear(l.Shift)
		case *BatchNorm:
			return nil, fmt.Errorf("%s: %w: its weights' curvature outside of training", node.title(i), tribune.ErrUnsupported)
		}
	}
	return w, nil
}

// chunks goes through the rows, one chunk after the other, so that sums do not depend on the cores.
func (w *way) chunks(ctx context.Context, x matrix.Matrix, run func(from, to int)) error {
	size := min(chunkRows, max(1, chunkFloats/w.tape.net.floats))
	for from := 0; from < x.Rows; from += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+size, x.Rows)
		w.tape.forward(x.Slice(from, to))
		w.forward()
		run(from, to)
	}
	return nil
}

// moving is node i's call with the movement of its inputs in their place.
func (w *way) moving(i int) *call {
	c := w.tape.calls[i]
	c.in = nil
	for _, f := range w.tape.net.nodes[i].From {
		c.in = append(c.in, w.moved[f+1])
	}
	c.out = matrix.New(c.out.Rows, c.out.Cols)
	return &c
}

// forward fills moved: a linear layer hands its input's movement on, and adds what the movement of its weights does to its input.
func (w *way) forward() {
	w.moved[0] = matrix.New(w.tape.x.Rows, w.tape.x.Cols)
	for i, node := range w.tape.net.nodes {
		still, c := &w.tape.calls[i], w.moving(i)
		w.moved[i+1] = c.out
		l, isLinear := node.Layer.(linear)
		if a, ok := node.Layer.(*Activation); ok {
			a.chain(Gradient, still.in[0].Data, still.out.Data, c.in[0].Data, c.out.Data)
			continue
		}
		if isLinear && !l.isLinear() { // a maximum moves as its winner
			for k, winner := range still.winners {
				c.out.Data[k] = c.in[0].Row(k / c.out.Cols)[winner]
			}
			continue
		}
		w.bare.nodes[i].Layer.forward(c)
		if _, ok := node.Layer.(weighted); ok {
			other := *still
			other.out = matrix.New(c.out.Rows, c.out.Cols)
			w.along.nodes[i].Layer.forward(&other)
			add(c.out.Data, other.out.Data)
		}
	}
}

// backward takes seed and its movement back, and adds the movement of the weights' gradient to out.
func (w *way) backward(seed, moved matrix.Matrix, out []float64) {
	nodes := w.tape.net.nodes
	d, r := make([]matrix.Matrix, len(nodes)+1), make([]matrix.Matrix, len(nodes)+1)
	for i := range d {
		size := w.tape.net.shape(i - 1).Size()
		d[i], r[i] = matrix.New(seed.Rows, size), matrix.New(seed.Rows, size)
	}
	copy(d[len(nodes)].Data, seed.Data)
	copy(r[len(nodes)].Data, moved.Data)
	for i := len(nodes) - 1; i >= 0; i-- {
		still := &w.tape.calls[i]
		still.rule = Gradient
		var din, rin []matrix.Matrix
		for _, f := range nodes[i].From {
			din, rin = append(din, d[f+1]), append(rin, r[f+1])
		}
		l := nodes[i].Layer
		if heavy, ok := l.(weighted); ok {
			heavy.gradient(still, r[i+1], w.grads[0][i])
			heavy.gradient(w.moving(i), d[i+1], w.grads[1][i])
			w.along.nodes[i].Layer.backward(still, d[i+1], rin)
		}
		if a, ok := l.(*Activation); ok {
			a.bend(still, w.moved[nodes[i].From[0]+1].Data, d[i+1].Data, rin[0].Data)
		}
		l.backward(still, d[i+1], din)
		l.backward(still, r[i+1], rin)
	}
	w.drain(out)
}

// drain adds the gradients to out and clears them. What went in moved only what is multiplied with it: the last list of a layer is its bias.
func (w *way) drain(out []float64) {
	at := 0
	for i, node := range w.grads[0] {
		for k, g := range node {
			other := w.grads[1][i][k]
			for j, v := range g {
				out[at+j] += float64(v)
				if k == 0 {
					out[at+j] += float64(other[j])
				}
			}
			at += len(g)
			clear(g)
			clear(other)
		}
	}
}

// bend adds to sum what comes back because the function's slope moves with its input: its second derivative.
func (a *Activation) bend(c *call, moved, d, sum []float32) {
	for i, y := range c.out.Data {
		switch a.Function {
		case Tanh:
			sum[i] += float32(float32(float32(-2*y)*(1-float32(y*y))) * float32(moved[i]*d[i]))
		case Sigmoid:
			sum[i] += float32(float32(float32(y*(1-y))*(1-float32(2*y))) * float32(moved[i]*d[i]))
		}
	}
}
