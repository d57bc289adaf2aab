package model

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tribune"
	"tribune/internal/explain/matrix"
)

// tape is a network at work on one batch: what each node gave, for the way back.
type tape struct {
	net      *Network
	x        matrix.Matrix
	calls    []call
	space    []float32       // behind the outputs, for the next batch
	back     []float32       // behind d, for the next batch
	d        []matrix.Matrix // d of the scalar (or relevance) by what each node gives; [0] is the input's
	workers  int
	training bool // see call
	inside   bool // nobody asks what comes back at the input
}

func (n *Network) tape(workers int) *tape {
	return &tape{net: n, calls: make([]call, len(n.nodes)), d: make([]matrix.Matrix, len(n.nodes)+1), workers: workers}
}

// chunkFloats bounds what one goroutine holds between the layers (32 MB, and as much again on the way back).
const (
	chunkFloats = 8 << 20
	chunkRows   = 256
)

// chunks runs over rows in chunks, on all cores. Rows do not know of each other, so neither the chunks nor the cores change a number.
func (n *Network) chunks(ctx context.Context, rows int, run func(t *tape, from, to int)) error {
	size := min(chunkRows, max(1, chunkFloats/n.floats))
	count := (rows + size - 1) / size
	workers := min(runtime.GOMAXPROCS(0), count)
	inner := 1
	if workers == 1 {
		inner = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			t := n.tape(inner)
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				run(t, i*size, min((i+1)*size, rows))
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

// output is what node i gave, -1 is the input.
func (t *tape) output(i int) matrix.Matrix {
	if i < 0 {
		return t.x
	}
	return t.calls[i].out
}

func (t *tape) last() matrix.Matrix { return t.calls[len(t.calls)-1].out }

func (t *tape) forward(x matrix.Matrix) {
	t.x = x
	t.space = cleared(t.space, x.Rows*(t.net.floats-t.net.input.Size()))
	rest := t.space
	for i, node := range t.net.nodes {
		size := t.net.shapes[i].Size()
		c := &t.calls[i]
		*c = call{in: c.in[:0], workers: t.workers, training: t.training}
		for _, f := range node.From {
			c.in = append(c.in, t.output(f))
		}
		c.out = matrix.Matrix{Rows: x.Rows, Cols: size, Data: rest[: x.Rows*size : x.Rows*size]}
		rest = rest[x.Rows*size:]
		node.Layer.forward(c)
	}
}

// backward takes seed, the last node's, back to d. With each node's part done, it is handed to visit (nil: nobody) before the next.
func (t *tape) backward(seed matrix.Matrix, rule Rule, epsilon float32, visit func(node int, dout matrix.Matrix)) {
	t.back = cleared(t.back, t.x.Rows*t.net.floats)
	rest := t.back
	for i := range t.d {
		size := t.net.shape(i - 1).Size()
		t.d[i] = matrix.Matrix{Rows: t.x.Rows, Cols: size, Data: rest[: t.x.Rows*size : t.x.Rows*size]}
		rest = rest[t.x.Rows*size:]
	}
	copy(t.d[len(t.d)-1].Data, seed.Data)
	var din []matrix.Matrix
	for i := len(t.net.nodes) - 1; i >= 0; i-- {
		node, c, dout := t.net.nodes[i], &t.calls[i], t.d[i+1]
		c.rule = rule
		if visit != nil {
			visit(i, dout)
		}
		if t.inside && !slices.ContainsFunc(node.From, func(f int) bool { return f >= 0 }) {
			continue
		}
		din = din[:0]
		for _, f := range node.From {
			din = append(din, t.d[f+1])
		}
		if l, ok := node.Layer.(linear); ok && rule == LRP && l.isLinear() {
			relevance(l, c, dout, din, epsilon)
			continue
		}
		node.Layer.backward(c, dout, din)
	}
}

// relevance is the epsilon rule (Bach et al. 2015, equation 58): each input gets, of the relevance of each output, its share of the output. The bias
// keeps its own share. Where output and epsilon are both zero nothing is shared.
func relevance(l linear, c *call, dout matrix.Matrix, din []matrix.Matrix, epsilon float32) {
	share := matrix.New(dout.Rows, dout.Cols)
	for i, z := range c.out.Data {
		if z >= 0 {
			z += epsilon
		} else {
			z -= epsilon
		}
		if z != 0 {
			share.Data[i] = dout.Data[i] / z
		}
	}
	parts := make([]matrix.Matrix, len(din))
	for k := range din {
		parts[k] = matrix.New(din[k].Rows, din[k].Cols)
	}
	l.backward(c, share, parts)
	for k, in := range c.in {
		for i, v := range in.Data {
			din[k].Data[i] += float32(v * parts[k].Data[i])
		}
	}
}

// cleared is n zeros, in s if they fit.
func cleared(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// Propagate takes seed back to the inputs by the rule; see Differentiable.
func (n *Network) Propagate(ctx context.Context, x, seed matrix.Matrix, rule Rule, epsilon float32) (matrix.Matrix, error) {
	if err := CheckInput(n, x); err != nil {
		return matrix.Matrix{}, err
	}
	if seed.Rows != x.Rows || seed.Cols != n.classes {
		return matrix.Matrix{}, fmt.Errorf("%w: a seed of %d x %d for %d records and %d classes", tribune.ErrInvalid, seed.Rows, seed.Cols, x.Rows, n.classes)
	}
	if rule > LRP || !(epsilon >= 0) || epsilon > 1 {
		return matrix.Matrix{}, fmt.Errorf("%w: rule %d, epsilon %v (0 to 1)", tribune.ErrInvalid, rule, epsilon)
	}
	out := matrix.New(x.Rows, x.Cols)
	err := n.chunks(ctx, x.Rows, func(t *tape, from, to int) {
		t.forward(x.Slice(from, to))
		t.backward(seed.Slice(from, to), rule, epsilon, nil)
		copy(out.Slice(from, to).Data, t.d[0].Data)
	})
	if err != nil {
		return matrix.Matrix{}, err
	}
	if i := odd(out.Data); i >= 0 {
		return matrix.Matrix{}, fmt.Errorf("%w: what comes back at row %d, column %d is %v", tribune.ErrInvalid, i/x.Cols, i%x.Cols, out.Data[i])
	}
	return out, nil
}
