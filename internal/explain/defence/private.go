package defence

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Private explains by a linear model of the answers around the record, fitted to protected data by differentially private gradient descent (Patel, Shokri, Zick 2020,
// 2006.09129, without their reuse of earlier explanations, which would let one explanation depend on who asked before).
//
// The loss of a protected row u is exp(-|u-z|²/Width²) (phi·(u-z) - (p(u) - p(z)))² / 2, with p the probability of the class and z the record, both divided by Scale. Each
// row's gradient is clipped to Clip, and every step adds noise for a sensitivity of 2 Clip / rows: the promise is (Epsilon, Delta) for Queries
// explanations together, where one protected row is replaced by another. Their number and the model count as known. The model itself is not made private by it: what
// the model learnt of the protected rows by training on them is DP-SGD's matter.
type Private struct {
	Data    matrix.Matrix // the protected rows, at least 10
	Scale   []float64     // the unit of each input; must not be computed from Data, or that is given away; nil is 1
	Epsilon float64       // 0 is 1
	Delta   float64       // 0 is 1e-6
	Queries int           // explanations that the promise covers together; 0 is 1
	Steps   int           // of gradient descent; 0 is 40, at most 10,000
	Rate    float64       // 0 is 1
	Width   float64       // of the kernel; 0 is 0.75 sqrt(inputs)
	Clip    float64       // 0 is 0.1
	Ball    float64       // phi is kept to this norm; 0 is 1
	Seed    uint64
}

var _ attribution.Method = Private{}

const maxSteps = 10_000

// Name is the method's name.
func (Private) Name() string { return "private-linear" }

// NeedsLayers is false: it only asks.
func (Private) NeedsLayers() bool { return false }

func (p Private) or() Private {
	set := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&p.Epsilon, 1)
	set(&p.Delta, 1e-6)
	set(&p.Rate, 1)
	set(&p.Width, 0.75*math.Sqrt(float64(p.Data.Cols)))
	set(&p.Clip, 0.1)
	set(&p.Ball, 1)
	if p.Queries == 0 {
		p.Queries = 1
	}
	if p.Steps == 0 {
		p.Steps = 40
	}
	return p
}

func (p Private) check(m model.Model, x matrix.Matrix) error {
	for _, v := range append([]float64{p.Epsilon, p.Delta, p.Rate, p.Width, p.Clip, p.Ball}, p.Scale...) {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("explaining by %s: a parameter of %g: %w", p.Name(), v, tribune.ErrInvalid)
		}
	}
	switch {
	case p.Data.Rows < 10 || p.Data.Cols != m.Inputs() || x.Cols != m.Inputs() || (p.Scale != nil && len(p.Scale) != m.Inputs()):
		return fmt.Errorf("explaining by %s: %d protected rows of %d columns, %d scales, records of %d columns; the model takes %d: %w", p.Name(), p.Data.Rows, p.Data.Cols, len(p.Scale), x.Cols, m.Inputs(), tribune.ErrInvalid)
	case p.Delta >= 1 || p.Queries < 1 || p.Steps < 1 || p.Steps > maxSteps:
		return fmt.Errorf("explaining by %s: delta %g, %d queries, %d steps (at most %d): %w", p.Name(), p.Delta, p.Queries, p.Steps, maxSteps, tribune.ErrInvalid)
	}
	return nil
}

// Sigma is the deviation of the noise in every number of every step: Steps·Queries Gaussian mechanisms add up to rho = Steps·Queries·sensitivity²/(2 Sigma²) of
// concentrated differential privacy, and that is (rho + 2 sqrt(rho ln(1/Delta)), Delta) (Bun, Steinke 2016, 1605.02065, propositions 1.6, 1.3 and lemma 2.3).
func (p Private) Sigma() float64 {
	p = p.or()
	l := math.Log(1 / p.Delta)
	root := math.Sqrt(l+p.Epsilon) - math.Sqrt(l)
	return 2 * p.Clip / float64(p.Data.Rows) * math.Sqrt(float64(p.Steps)*float64(p.Queries)/(2*root*root))
}

// Explain gives phi, for one unit of each input.
func (p Private) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	p = p.or()
	if err := p.check(m, x); err != nil {
		return matrix.Matrix{}, err
	}
	answers, err := m.Predict(ctx, x)
	if err != nil {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %w", p.Name(), err)
	}
	if class == nil {
		if class, err = attribution.Predicted(ctx, m, x); err != nil {
			return matrix.Matrix{}, err
		}
	}
	if len(class) != x.Rows {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %d classes for %d records: %w", p.Name(), len(class), x.Rows, tribune.ErrInvalid)
	}
	for i, c := range class {
		if c < 0 || c >= m.Classes() {
			return matrix.Matrix{}, fmt.Errorf("explaining row %d by %s: class %d of %d: %w", i, p.Name(), c, m.Classes(), tribune.ErrInvalid)
		}
	}
	told, err := m.Predict(ctx, p.Data)
	if err != nil {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %w", p.Name(), err)
	}
	out := matrix.New(x.Rows, x.Cols)
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range x.Rows {
		g.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			p.fit(x.Row(i), float64(answers.Row(i)[class[i]]), told, class[i], out.Row(i))
			return nil
		})
	}
	return out, g.Wait()
}

// fit descends for one record; own is the model's answer to it.
func (p Private) fit(z []float32, own float64, told matrix.Matrix, class int, out []float32) {
	d, n := len(z), p.Data.Rows
	off, weight, size := make([]float64, n*d), make([]float64, n), make([]float64, n)
	for r := range n {
		u := off[r*d : (r+1)*d]
		var squared float64
		for j, v := range p.Data.Row(r) {
			u[j] = float64(v - z[j])
			if p.Scale != nil {
				u[j] /= p.Scale[j]
			}
			squared += u[j] * u[j]
		}
		size[r] = math.Sqrt(squared)
		weight[r] = math.Exp(-squared / (p.Width * p.Width))
	}
	random, sigma := source(p.Name(), p.Seed, z), p.Sigma()
	phi, grad, mean := make([]float64, d), make([]float64, d), make([]float64, d)
	for step := range p.Steps {
		clear(grad)
		for r := range n {
			u := off[r*d : (r+1)*d]
			miss := own - float64(told.Row(r)[class])
			for j, v := range u {
				miss += phi[j] * v
			}
			by := weight[r] * miss // the gradient is by·u
			if long := math.Abs(by) * size[r]; long > p.Clip {
				by *= p.Clip / long
			}
			for j, v := range u {
				grad[j] += by * v
			}
		}
		var long float64
		for j := range phi {
			phi[j] -= p.Rate * (grad[j]/float64(n) + sigma*random.NormFloat64())
			long += phi[j] * phi[j]
		}
		if long = math.Sqrt(long); long > p.Ball {
			for j := range phi {
				phi[j] *= p.Ball / long
			}
		}
		if step >= p.Steps/2 { // the mean of the later half is steadier than the last
			for j, v := range phi {
				mean[j] += v / float64(p.Steps-p.Steps/2)
			}
		}
	}
	for j, v := range mean {
		out[j] = float32(v)
	}
}
