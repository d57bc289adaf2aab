package model

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"tribune"
	"tribune/internal/explain/matrix"
)

// physical is how many rows of a private mini-batch are in memory at a time; a mini-batch is as large as chance makes it.
const physical = 256

func (p *Privacy) check(n *Network) error {
	if p == nil {
		return nil
	}
	if !(p.Clip > 0 && p.Clip <= 1e6) || !(p.Noise >= 0.1 && p.Noise <= 1e6) || !(p.Delta > 0 && p.Delta < 1) {
		return fmt.Errorf("%w: clip %v (above 0), noise %v (at least 0.1), delta %v (between 0 and 1)", tribune.ErrInvalid, p.Clip, p.Noise, p.Delta)
	}
	for i, node := range n.nodes {
		if _, ok := node.Layer.(*BatchNorm); ok {
			return fmt.Errorf("%s: %w: under DP-SGD a row must not change what others give", node.title(i), tribune.ErrUnsupported)
		}
	}
	return nil
}

// rate is the probability with which a private mini-batch takes a row.
func (t *Trainer) rate() float64 { return float64(t.cfg.Batch) / float64(t.x.Rows) }

// chance is an epoch's source of sampling and noise.
func (t *Trainer) chance() *rand.Rand {
	var in [16]byte
	binary.LittleEndian.PutUint64(in[:], t.cfg.Seed)
	binary.LittleEndian.PutUint64(in[8:], uint64(t.epoch))
	return rand.New(rand.NewChaCha8(sha256.Sum256(append([]byte("tribune dp-sgd\n"), in[:]...))))
}

// privateBatches is an epoch of DP-SGD: as many steps as mini-batches of the expected size fit in the rows.
func (t *Trainer) privateBatches(ctx context.Context, p *Progress) error {
	random := t.chance()
	seen, hits := 0, 0
	for range max(1, t.x.Rows/t.cfg.Batch) {
		var rows []int
		for i := range t.x.Rows {
			if random.Float64() < t.rate() {
				rows = append(rows, i)
			}
		}
		for from := 0; from < len(rows); from += physical {
			if err := ctx.Err(); err != nil {
				return err
			}
			part := rows[from:min(from+physical, len(rows))]
			loss, hit := t.clipped(part)
			p.Loss, hits, seen = p.Loss+loss, hits+hit, seen+len(part)
		}
		t.noise(random)
		t.step()
	}
	if seen > 0 {
		p.Loss /= float64(seen)
		p.Accuracy = float64(hits) / float64(seen)
	}
	return ctx.Err()
}

// clipped adds the gradient of each row, scaled down to the norm Clip, to the gradient. The norms are found without making the rows' gradients (Goodfellow
// 2015, 1510.01799): on the way back each layer's part follows from what went in and what came back, which are then scaled row by row.
func (t *Trainer) clipped(rows []int) (loss float64, hits int) {
	norms := make([]float64, len(rows))
	loss, hits = t.backward(rows, 1, func(node int, dout matrix.Matrix) {
		if l, ok := t.net.nodes[node].Layer.(normed); ok {
			l.norms(&t.tape.calls[node], dout, norms)
		}
	})
	for node := range t.net.nodes {
		dout := t.tape.d[node+1]
		for i, square := range norms {
			if norm := math.Sqrt(square); norm > t.cfg.Private.Clip {
				scale := float32(t.cfg.Private.Clip / norm)
				for j := range dout.Row(i) {
					dout.Row(i)[j] *= scale
				}
			}
		}
		t.collect(node, dout)
	}
	return loss, hits
}

// noise adds the Gaussian noise of one step and divides by the expected number of rows.
func (t *Trainer) noise(random *rand.Rand) {
	deviation := float64(t.cfg.Private.Noise * t.cfg.Private.Clip)
	for _, g := range t.grads {
		for i := range g {
			g[i] = float32((float64(g[i]) + float64(deviation*random.NormFloat64())) / float64(t.cfg.Batch))
		}
	}
}

// normed is a weighted layer that can tell the squared norm of each row's gradient: it adds them to norms.
type normed interface {
	weighted
	norms(c *call, dout matrix.Matrix, norms []float64)
}

var _, _ normed = (*Dense)(nil), (*Conv)(nil)

// norms: a row's gradient is the outer product of what came back and what went in (and 1, for the bias).
func (d *Dense) norms(c *call, dout matrix.Matrix, norms []float64) {
	each(dout.Rows, c.workers, func(from, to int) {
		for i := from; i < to; i++ {
			norms[i] += float64(square(dout.Row(i)) * (1 + square(c.in[0].Row(i))))
		}
	})
}

// norms makes each row's gradient: it is small beside the patches.
func (v *Conv) norms(c *call, dout matrix.Matrix, norms []float64) {
	each(dout.Rows, c.workers, func(from, to int) {
		for i := from; i < to; i++ {
			grads := [][]float32{make([]float32, len(v.W)), make([]float32, v.Out)}
			one := call{in: []matrix.Matrix{c.in[0].Slice(i, i+1)}, workers: 1}
			v.gradient(&one, dout.Slice(i, i+1), grads)
			norms[i] += square(grads[0]) + square(grads[1])
		}
	})
}

func square(s []float32) float64 {
	var sum float64
	for _, v := range s {
		sum += float64(float64(v) * float64(v))
	}
	return sum
}
