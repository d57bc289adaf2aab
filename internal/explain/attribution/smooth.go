package attribution

import (
	"context"
	"fmt"
	"math"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// SmoothGrad is the mean gradient over noisy copies of the record (Smilkov et al. 2017, 1706.03825). The class is that of the record without noise.
type SmoothGrad struct {
	Of      Output
	Samples int     // noisy copies; 0 is 64, at most 1,000,000
	Sigma   float64 // standard deviation of the noise; 0 is 1, as in the code of 1907.00164
	// Relative makes Sigma a share of the record's own range, largest minus smallest input, as in 1706.03825 (which takes 0.1 to 0.2).
	Relative bool
	Seed     uint64
}

var _ Method = SmoothGrad{}

const maxNoisy = 1_000_000

func (g SmoothGrad) Name() string    { return named("smoothgrad", g.Of, Logit) }
func (SmoothGrad) NeedsLayers() bool { return true }

func (g SmoothGrad) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	d, class, err := start(ctx, g, m, x, class)
	if err != nil {
		return matrix.Matrix{}, err
	}
	if g.Samples > maxNoisy || g.Sigma < 0 || math.IsNaN(g.Sigma) || math.IsInf(g.Sigma, 0) {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %d samples of standard deviation %g: %w", g.Name(), g.Samples, g.Sigma, tribune.ErrInvalid)
	}
	n := positive(g.Samples, 64)
	out := matrix.New(x.Rows, x.Cols)
	rows := max(1, batchRows/n) // whole records at a time; one with very many samples in several batches
	err = inPieces(ctx, x.Rows, rows, func(ctx context.Context, from, to int) error {
		w := smoother{g, d, min(n, batchRows), make([]float64, x.Cols), matrix.New((to-from)*min(n, batchRows), x.Cols)}
		if n <= batchRows {
			return w.together(ctx, x.Slice(from, to), class[from:to], out.Slice(from, to), n)
		}
		return w.alone(ctx, x.Row(from), class[from], out.Row(from), n)
	})
	return out, err
}

// smoother is one goroutine's work on a piece.
type smoother struct {
	g     SmoothGrad
	d     model.Differentiable
	each  int           // noisy copies of a record in one batch
	sum   []float64     // over copies, by input
	noisy matrix.Matrix // the copies
}

// together explains records whose copies all fit in one batch.
func (w smoother) together(ctx context.Context, x matrix.Matrix, class []int, out matrix.Matrix, n int) error {
	who := make([]int, x.Rows*n)
	for i := range x.Rows {
		r, sigma := source(w.g.Seed, x.Row(i)), w.g.sigma(x.Row(i))
		for s := range n {
			blur(w.noisy.Row(i*n+s), x.Row(i), sigma, r.NormFloat64)
			who[i*n+s] = class[i]
		}
	}
	back, err := w.back(ctx, w.noisy, who)
	if err != nil {
		return err
	}
	for i := range x.Rows {
		clear(w.sum)
		w.add(back.Slice(i*n, (i+1)*n))
		w.mean(out.Row(i), n)
	}
	return nil
}

// alone explains one record in several batches.
func (w smoother) alone(ctx context.Context, row []float32, class int, out []float32, n int) error {
	r, sigma := source(w.g.Seed, row), w.g.sigma(row)
	who := make([]int, w.each)
	for i := range who {
		who[i] = class
	}
	for done := 0; done < n; done += w.each {
		k := min(w.each, n-done)
		for s := range k {
			blur(w.noisy.Row(s), row, sigma, r.NormFloat64)
		}
		back, err := w.back(ctx, w.noisy.Slice(0, k), who[:k])
		if err != nil {
			return err
		}
		w.add(back)
	}
	w.mean(out, n)
	return nil
}

func (w smoother) back(ctx context.Context, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	seed, err := seeds(ctx, w.d, x, class, w.g.Of.or(Logit))
	if err != nil {
		return matrix.Matrix{}, err
	}
	back, err := w.d.Propagate(ctx, x, seed, model.Gradient, 0)
	if err != nil {
		return back, fmt.Errorf("explaining by %s: %w", w.g.Name(), err)
	}
	return back, nil
}

func (w smoother) add(m matrix.Matrix) {
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			w.sum[j] += float64(v)
		}
	}
}

func (w smoother) mean(out []float32, n int) {
	for j, s := range w.sum {
		out[j] = float32(s / float64(n))
	}
}

func blur(into, row []float32, sigma float64, normal func() float64) {
	for j, v := range row {
		into[j] = v + float32(sigma*normal())
	}
}

func (g SmoothGrad) sigma(row []float32) float64 {
	sigma := positive(g.Sigma, 1)
	if !g.Relative || len(row) == 0 {
		return sigma
	}
	lo, hi := row[0], row[0]
	for _, v := range row {
		lo, hi = min(lo, v), max(hi, v)
	}
	return sigma * float64(hi-lo)
}
