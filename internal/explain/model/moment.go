package model

import "slices"

// parameters is all that training changes in the network: the weights and what batch normalization has seen.
func (t *Trainer) parameters() [][]float32 {
	out := slices.Clone(t.weights)
	for _, n := range t.net.nodes {
		if b, ok := n.Layer.(*BatchNorm); ok {
			out = append(out, b.Mean, b.Var)
		}
	}
	return out
}

// all is the parameters and the optimizer's memory.
func (t *Trainer) all() [][]float32 {
	return slices.Concat(t.parameters(), t.mover.first, t.mover.then)
}

// moment is a trainer before an epoch.
type moment struct {
	numbers [][]float32
	steps   int
}

func (t *Trainer) remember() moment { return moment{keep(t.all()), t.mover.steps} }

func (t *Trainer) recall(m moment) {
	restore(t.all(), m.numbers)
	t.mover.steps = m.steps
	for _, g := range t.grads {
		clear(g)
	}
}

func keep(from [][]float32) [][]float32 {
	out := make([][]float32, len(from))
	for i, f := range from {
		out[i] = slices.Clone(f)
	}
	return out
}

func restore(to, from [][]float32) {
	for i := range to {
		copy(to[i], from[i])
	}
}
