package model

import (
	"fmt"
	"math"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// BatchNorm is batch normalization (Ioffe and Szegedy 2015, 1502.03167): (in - Mean) / sqrt(Var + Epsilon) * Gamma + Beta per channel; of a
// one-dimensional record every feature is a channel. While a network is trained, mean and variance are the mini-batch's, and Mean and Var run after
// them.
type BatchNorm struct {
	Gamma, Beta []float32 // per channel; nil: ones and zeros
	Mean, Var   []float32 // per channel; nil: zeros and ones
	Epsilon     float32   // 0 is 1e-5
	Momentum    float32   // the part of a mini-batch in the running values; 0 is 0.1

	channels, spots int
}

// Kind is "batchnorm".
func (*BatchNorm) Kind() string   { return "batchnorm" }
func (*BatchNorm) isLinear() bool { return true }

func (b *BatchNorm) bind(in []Shape) (Shape, error) {
	s, err := one(in)
	if err != nil {
		return nil, err
	}
	b.channels, b.spots = s[0], s.Size()/s[0]
	if b.Epsilon == 0 {
		b.Epsilon = 1e-5
	}
	if b.Momentum == 0 {
		b.Momentum = 0.1
	}
	if !(b.Epsilon > 0 && b.Epsilon < 1) || !(b.Momentum > 0 && b.Momentum <= 1) {
		return nil, fmt.Errorf("%w: epsilon %v, momentum %v", tribune.ErrInvalid, b.Epsilon, b.Momentum)
	}
	for _, w := range []*[]float32{&b.Gamma, &b.Var} {
		if *w == nil {
			*w = make([]float32, b.channels)
			fill(*w, 1)
		}
	}
	for _, w := range []struct {
		of   *[]float32
		what string
	}{{&b.Gamma, "gamma"}, {&b.Beta, "beta"}, {&b.Mean, "mean"}, {&b.Var, "variance"}} {
		if err := weightsOf(w.of, b.channels, w.what); err != nil {
			return nil, err
		}
	}
	for i, v := range b.Var {
		if v < 0 {
			return nil, fmt.Errorf("%w: variance %v of channel %d", tribune.ErrInvalid, v, i)
		}
	}
	return s, nil
}

func (b *BatchNorm) copy() Layer {
	return &BatchNorm{Gamma: slices.Clone(b.Gamma), Beta: slices.Clone(b.Beta), Mean: slices.Clone(b.Mean), Var: slices.Clone(b.Var), Epsilon: b.Epsilon, Momentum: b.Momentum}
}

func (b *BatchNorm) weights() [][]float32 { return [][]float32{b.Gamma, b.Beta} }

// use fills c.stats with what normalizes this call: mean and 1/deviation per channel.
func (b *BatchNorm) use(c *call) {
	c.stats = make([]float32, 2*b.channels)
	for ch := range b.channels {
		mean, variance := float64(b.Mean[ch]), float64(b.Var[ch])
		if c.training {
			mean, variance = b.observe(c, ch)
		}
		c.stats[ch], c.stats[b.channels+ch] = float32(mean), float32(1/math.Sqrt(variance+float64(b.Epsilon)))
	}
}

// observe is the mini-batch's mean and variance of a channel, and moves the running ones (the variance as an unbiased estimate, as PyTorch does).
func (b *BatchNorm) observe(c *call, ch int) (mean, variance float64) {
	n := float64(c.out.Rows * b.spots)
	for i := range c.out.Rows {
		for _, v := range c.in[0].Row(i)[ch*b.spots : (ch+1)*b.spots] {
			mean += float64(v)
		}
	}
	mean /= n
	for i := range c.out.Rows {
		for _, v := range c.in[0].Row(i)[ch*b.spots : (ch+1)*b.spots] {
			d := float64(v) - mean
			variance += float64(d * d)
		}
	}
	variance /= n
	b.Mean[ch] += float32(b.Momentum * (float32(mean) - b.Mean[ch]))
	if n > 1 {
		b.Var[ch] += float32(b.Momentum * (float32(variance*n/(n-1)) - b.Var[ch]))
	}
	return mean, variance
}

func (b *BatchNorm) forward(c *call) {
	b.use(c)
	b.channel(c, func(ch int, in, out []float32) {
		mean, scale := c.stats[ch], c.stats[b.channels+ch]
		for s, v := range in {
			out[s] = float32(float32((v-mean)*scale)*b.Gamma[ch]) + b.Beta[ch]
		}
	}, c.out)
}

// channel visits each channel of each record of the input with its place in m.
func (b *BatchNorm) channel(c *call, visit func(ch int, in, out []float32), m matrix.Matrix) {
	for i := range m.Rows {
		in, out := c.in[0].Row(i), m.Row(i)
		for ch := range b.channels {
			visit(ch, in[ch*b.spots:(ch+1)*b.spots], out[ch*b.spots:(ch+1)*b.spots])
		}
	}
}

func (b *BatchNorm) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	if !c.training {
		for i := range dout.Rows {
			d, to := dout.Row(i), din[0].Row(i)
			for at, v := range d {
				ch := at / b.spots
				to[at] += float32(v * float32(b.Gamma[ch]*c.stats[b.channels+ch]))
			}
		}
		return
	}
	sums := b.sums(c, dout)
	n := float64(dout.Rows * b.spots)
	for i := range dout.Rows {
		d, in, to := dout.Row(i), c.in[0].Row(i), din[0].Row(i)
		for at, v := range d {
			ch := at / b.spots
			scale := float64(c.stats[b.channels+ch])
			hat := float64(float64(in[at]-c.stats[ch]) * scale)
			rest := float64(v) - sums[0][ch]/n - float64(hat*sums[1][ch])/n
			to[at] += float32(float64(float64(b.Gamma[ch])*scale) * rest)
		}
	}
}

// sums is, per channel, the sum of dout and of dout times the normalized input: the gradients of Beta and of Gamma.
func (b *BatchNorm) sums(c *call, dout matrix.Matrix) [2][]float64 {
	out := [2][]float64{make([]float64, b.channels), make([]float64, b.channels)}
	b.channel(c, func(ch int, in, d []float32) {
		for s, v := range d {
			out[0][ch] += float64(v)
			out[1][ch] += float64(float64(v) * float64(float64(in[s]-c.stats[ch])*float64(c.stats[b.channels+ch])))
		}
	}, dout)
	return out
}

func (b *BatchNorm) gradient(c *call, dout matrix.Matrix, grads [][]float32) {
	sums := b.sums(c, dout)
	for ch := range b.channels {
		grads[0][ch] += float32(sums[1][ch])
		grads[1][ch] += float32(sums[0][ch])
	}
}
