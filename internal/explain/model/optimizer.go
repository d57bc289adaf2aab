package model

import (
	"fmt"
	"math"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Optimizer is how a gradient moves the weights.
type Optimizer uint8

// The optimizers, as PyTorch defines them. SGD: velocity = Momentum·velocity + gradient, weight -= Rate·velocity. Adam: Kingma and Ba 2015 (1412.6980)
// with beta 0.9 and 0.999 and epsilon 1e-8. Adagrad: Duchi, Hazan, Singer 2011 (JMLR 12:2121) from sums of zero and with epsilon 1e-7, as Keras had it
// when the models of 1907.00164 were trained.
const (
	SGD Optimizer = iota + 1
	Adam
	Adagrad
)

// mover is an optimizer's memory of one network's weights.
type mover struct {
	cfg   *TrainConfig
	first [][]float32 // SGD's velocity, Adam's mean, Adagrad's sum of squares
	then  [][]float32 // Adam's mean of squares
	steps int
}

func (c *TrainConfig) checkOptimizer() error {
	if c.Optimizer < SGD || c.Optimizer > Adagrad {
		return fmt.Errorf("%w: optimizer %d: SGD, Adam or Adagrad", tribune.ErrInvalid, c.Optimizer)
	}
	if !(c.Rate > 0 && c.Rate <= 1e3) || !(c.Momentum >= 0 && c.Momentum < 1) || !(c.Decay >= 0 && c.Decay <= 1e3) {
		return fmt.Errorf("%w: rate %v (above 0), momentum %v (0 to below 1), decay %v (at least 0)", tribune.ErrInvalid, c.Rate, c.Momentum, c.Decay)
	}
	if c.StepEvery < 0 || c.StepEvery > 0 && !(c.StepFactor > 0 && c.StepFactor <= 1) {
		return fmt.Errorf("%w: the rate changes every %d epochs by %v (above 0, to 1)", tribune.ErrInvalid, c.StepEvery, c.StepFactor)
	}
	return nil
}

func newMover(cfg *TrainConfig, weights [][]float32) *mover {
	m := &mover{cfg: cfg}
	for _, w := range weights {
		m.first = append(m.first, make([]float32, len(w)))
		if cfg.Optimizer == Adam {
			m.then = append(m.then, make([]float32, len(w)))
		}
	}
	return m
}

// rate is the learning rate of an epoch, counted from 0.
func (m *mover) rate(epoch int) float64 {
	rate := m.cfg.Rate
	if m.cfg.StepEvery > 0 {
		for range epoch / m.cfg.StepEvery {
			rate *= m.cfg.StepFactor
		}
	}
	return rate
}

// move takes one step against the gradient.
func (m *mover) move(weights, grads [][]float32, epoch, workers int) {
	m.steps++
	rate := m.rate(epoch)
	for k, w := range weights {
		spread(len(w), workers, func(from, to int) {
			switch m.cfg.Optimizer {
			case SGD:
				m.sgd(w[from:to], grads[k][from:to], m.first[k][from:to], float32(rate))
			case Adagrad:
				m.adagrad(w[from:to], grads[k][from:to], m.first[k][from:to], float32(rate))
			default:
				m.adam(w[from:to], grads[k][from:to], m.first[k][from:to], m.then[k][from:to], rate)
			}
		})
	}
}

func (m *mover) sgd(w, g, velocity []float32, rate float32) {
	g, velocity = g[:len(w)], velocity[:len(w)]
	momentum, decay := float32(m.cfg.Momentum), float32(m.cfg.Decay)
	for i := range w {
		v := float32(momentum*velocity[i]) + (g[i] + float32(decay*w[i]))
		velocity[i] = v
		w[i] -= float32(rate * v)
	}
}

func (m *mover) adam(w, g, mean, square []float32, rate float64) {
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	g, mean, square = g[:len(w)], mean[:len(w)], square[:len(w)]
	decay := float32(m.cfg.Decay)
	rate1 := float32(rate / (1 - power(beta1, m.steps)))
	root2 := float32(1 / math.Sqrt(1-power(beta2, m.steps)))
	for i := range w {
		d := g[i] + float32(decay*w[i])
		mean[i] = float32(beta1*mean[i]) + float32((1-beta1)*d)
		square[i] = float32(beta2*square[i]) + float32((1-beta2)*float32(d*d))
		w[i] -= float32(rate1*mean[i]) / (float32(float32(math.Sqrt(float64(square[i])))*root2) + epsilon)
	}
}

func (m *mover) adagrad(w, g, sum []float32, rate float32) {
	matrix.Adagrad(w, g, sum, rate, float32(m.cfg.Decay), 1e-7)
}

// power is b^n by squaring: the same bits everywhere, which math.Pow does not promise.
func power(b float64, n int) float64 {
	out := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out *= b
		}
		b *= b
	}
	return out
}
