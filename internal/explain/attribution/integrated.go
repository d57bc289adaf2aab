package attribution

import (
	"context"
	"fmt"
	"math"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// IntegratedGradients is (x - baseline) times the mean gradient on the straight way from the baseline to x (Sundararajan et al. 2017, 1703.01365).
// Completeness: a row sums to output(x) - output(baseline), as far as the sum over Steps reaches the integral; Missing tells how far.
type IntegratedGradients struct {
	Of       Output
	Baseline []float32 // one value for each input; nil is zeros
	Steps    int       // points of Gauss-Legendre quadrature; 0 is 50, at most 1024
}

var _ Method = IntegratedGradients{}

// maxSteps bounds the points of one record's way.
const maxSteps = 1024

func (g IntegratedGradients) Name() string    { return named("integrated-gradients", g.Of, Logit) }
func (IntegratedGradients) NeedsLayers() bool { return true }

func (g IntegratedGradients) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	d, class, err := start(ctx, g, m, x, class)
	if err != nil {
		return matrix.Matrix{}, err
	}
	base, err := g.baseline(x.Cols)
	if err != nil {
		return matrix.Matrix{}, err
	}
	steps := positive(g.Steps, 50)
	if steps > maxSteps {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %d steps, at most %d: %w", g.Name(), steps, maxSteps, tribune.ErrTooLarge)
	}
	at, weight := legendre(steps)
	out := matrix.New(x.Rows, x.Cols)
	// A piece is whole records with all their points, so that no sum depends on how the work was divided.
	err = inPieces(ctx, x.Rows, max(1, batchRows/steps), func(ctx context.Context, from, to int) error {
		points, who := matrix.New((to-from)*steps, x.Cols), make([]int, (to-from)*steps)
		for i := range to - from {
			row := x.Row(from + i)
			for s, t := range at {
				p := points.Row(i*steps + s)
				for j, v := range row {
					p[j] = base[j] + float32(float32(t)*(v-base[j])) // rounded here: a fused multiply-add would give other bits elsewhere
				}
				who[i*steps+s] = class[from+i]
			}
		}
		seed, err := seeds(ctx, d, points, who, g.Of.or(Logit))
		if err != nil {
			return err
		}
		back, err := d.Propagate(ctx, points, seed, model.Gradient, 0)
		if err != nil {
			return fmt.Errorf("explaining by %s: %w", g.Name(), err)
		}
		sum := make([]float64, x.Cols)
		for i := range to - from {
			weighted(sum, back.Slice(i*steps, (i+1)*steps), weight)
			row, into := x.Row(from+i), out.Row(from+i)
			for j, v := range row {
				into[j] = float32(float64(v-base[j]) * sum[j])
			}
		}
		return nil
	})
	return out, err
}

func (g IntegratedGradients) baseline(cols int) ([]float32, error) {
	if g.Baseline == nil {
		return make([]float32, cols), nil
	}
	if len(g.Baseline) != cols {
		return nil, fmt.Errorf("explaining by %s: the baseline has %d numbers and the model takes %d: %w", g.Name(), len(g.Baseline), cols, tribune.ErrInvalid)
	}
	return g.Baseline, nil
}

// Missing is, for each row, output(x) - output(baseline) - the sum of its attributions: 0 where completeness holds.
func (g IntegratedGradients) Missing(ctx context.Context, m model.Model, x, attributed matrix.Matrix, class []int) ([]float64, error) {
	d, class, err := start(ctx, g, m, x, class)
	if err != nil {
		return nil, err
	}
	base, err := g.baseline(x.Cols)
	if err != nil {
		return nil, err
	}
	if attributed.Rows != x.Rows || attributed.Cols != x.Cols {
		return nil, fmt.Errorf("checking completeness: attributions of another shape than the records: %w", tribune.ErrInvalid)
	}
	of, missing, zero := g.Of.or(Logit), make([]float64, x.Rows), make([]float64, d.Classes())
	where := matrix.New(d.Classes(), x.Cols) // the baseline once for each class: one question
	for c := range d.Classes() {
		copy(where.Row(c), base)
	}
	if err := outputs(ctx, d, where, func(c int) int { return c }, of, zero); err != nil {
		return nil, err
	}
	err = inPieces(ctx, x.Rows, batchRows, func(ctx context.Context, from, to int) error {
		return outputs(ctx, d, x.Slice(from, to), func(i int) int { return class[from+i] }, of, missing[from:to])
	})
	for i := range missing {
		missing[i] -= zero[class[i]]
		for _, v := range attributed.Row(i) {
			missing[i] -= float64(v)
		}
	}
	return missing, err
}

// weighted sets sum to the columns of m, each row times its weight.
func weighted(sum []float64, m matrix.Matrix, weight []float64) {
	clear(sum)
	for s, w := range weight {
		for j, v := range m.Row(s) {
			sum[j] += float64(w * float64(v))
		}
	}
}

// legendre gives the points and weights of Gauss-Legendre quadrature on 0..1: exact for polynomials of degree 2n-1.
func legendre(n int) (at, weight []float64) {
	at, weight = make([]float64, n), make([]float64, n)
	for i := range n {
		z := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5)) // close to the root; Newton does the rest
		var slope float64
		for range 100 {
			p, before := 1.0, 0.0
			for k := 1; k <= n; k++ {
				p, before = (float64(2*k-1)*z*p-float64(k-1)*before)/float64(k), p
			}
			slope = float64(n) * (z*p - before) / (z*z - 1)
			step := p / slope
			z -= step
			if math.Abs(step) < 1e-15 {
				break
			}
		}
		at[n-1-i] = (z + 1) / 2
		weight[n-1-i] = 1 / ((1 - z*z) * slope * slope)
	}
	return at, weight
}
