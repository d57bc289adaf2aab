package record

import (
	"context"
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// NetworkOptions say at what objective a network was trained, and how precisely its Hessian is inverted. The objective is the mean loss plus half Decay
// times the squared norm of the weights.
type NetworkOptions struct {
	Decay     float64 // model.TrainConfig.Decay
	Damping   float64 // added to Decay: a network's Hessian need not be positive; 0 is DefaultDamping
	Steps     int     // conjugate gradient steps at most; 0 is 100
	Precision float64 // residual of the gradient at which they end; 0 is 1e-3
}

// DefaultDamping is Koh and Liang's (their section 4.2, 0.01): the influence that it damps away is that along directions in which the loss is flat.
const DefaultDamping = 0.01

// NetworkExplainer explains a network's answers by influence functions, solved by conjugate gradient (Koh and Liang 2017, section 3): no Hessian is ever
// made. It is safe for concurrent use; the network must not be trained meanwhile.
type NetworkExplainer struct {
	net     *model.Network
	x       matrix.Matrix
	y       []int
	options NetworkOptions
}

// NewNetworkExplainer explains a network by the records it was trained on. Networks with batch normalization are tribune.ErrUnsupported.
func NewNetworkExplainer(ctx context.Context, net *model.Network, x matrix.Matrix, y []int, o NetworkOptions) (*NetworkExplainer, error) {
	if o.Damping == 0 {
		o.Damping = DefaultDamping
	}
	if o.Steps == 0 {
		o.Steps = 100
	}
	if o.Precision == 0 {
		o.Precision = 1e-3
	}
	if !(o.Decay >= 0) || !(o.Damping > 0) || o.Steps < 1 || !(o.Precision > 0) {
		return nil, fmt.Errorf("influence functions of a network: %+v: %w", o, tribune.ErrInvalid)
	}
	if _, err := net.LossGradient(ctx, x, y); err != nil {
		return nil, fmt.Errorf("influence functions of a network: %w", err)
	}
	return &NetworkExplainer{net: net, x: x, y: y, options: o}, nil
}

// Influences says of each training record how the probability of class, which the network gives a query, would change without the record, to first order.
func (e *NetworkExplainer) Influences(ctx context.Context, query []float32, class int) ([]float64, error) {
	gradient, err := e.answer(ctx, query, class)
	if err != nil {
		return nil, fmt.Errorf("influence on a query: %w", err)
	}
	pull, err := e.invert(ctx, gradient)
	if err != nil {
		return nil, fmt.Errorf("influence on a query: %w", err)
	}
	out, err := e.net.Slopes(ctx, e.x, e.y, pull)
	if err != nil {
		return nil, fmt.Errorf("influence on a query: %w", err)
	}
	for i := range out {
		out[i] /= float64(len(out))
	}
	return out, nil
}

// answer is d of the probability by the weights.
func (e *NetworkExplainer) answer(ctx context.Context, query []float32, class int) ([]float64, error) {
	if class < 0 || class >= e.net.Classes() {
		return nil, fmt.Errorf("class %d of %d: %w", class, e.net.Classes(), tribune.ErrInvalid)
	}
	x := matrix.Matrix{Rows: 1, Cols: len(query), Data: query}
	p, err := e.net.Predict(ctx, x)
	if err != nil {
		return nil, err
	}
	seed := matrix.New(1, e.net.Classes())
	for c, v := range p.Data {
		seed.Data[c] = -p.Data[class] * v
	}
	seed.Data[class] += p.Data[class]
	return e.net.WeightGradient(ctx, x, seed)
}

// invert solves (H + damping) s = b. Where rounding or a negative curvature ends it early, it keeps the best it has.
func (e *NetworkExplainer) invert(ctx context.Context, b []float64) ([]float64, error) {
	damping, n := e.options.Decay+e.options.Damping, float64(len(e.y))
	return model.Conjugate(b, e.options.Precision, e.options.Steps, func(v, out []float64) error {
		h, err := e.net.HessianProduct(ctx, e.x, e.y, v)
		if err != nil {
			return err
		}
		for i := range out {
			out[i] = h[i]/n + float64(damping*v[i])
		}
		return nil
	}, nil)
}

// Top are the k most influential records for the likeliest class of a query, the first of equals first.
func (e *NetworkExplainer) Top(ctx context.Context, query []float32, k int) ([]int, error) {
	p, err := e.net.Predict(ctx, matrix.Matrix{Rows: 1, Cols: len(query), Data: query})
	if err != nil {
		return nil, fmt.Errorf("influence on a query: %w", err)
	}
	class := 0
	for c, v := range p.Data {
		if v > p.Data[class] {
			class = c
		}
	}
	influence, err := e.Influences(ctx, query, class)
	if err != nil {
		return nil, err
	}
	return top(influence, k), nil
}
