package attribution

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// LIME fits a weighted ridge regression to what the model answers around the record; its coefficients are the attributions (Ribeiro et al. 2016,
// 1602.04938, for tables as their library does it). Each sample draws every feature from the background by itself. A feature is then either 1 where
// the sample falls in the record's quartile and 0 elsewhere, or (Continuous) its standardized value; a sample weighs sqrt(exp(-distance^2/Width^2)).
//
// The samples follow from Seed alone, so that the model is asked once for all records.
type LIME struct {
	Background matrix.Matrix // rows that show how features are distributed; at least 2
	Samples    int           // 0 is 5000, at most 100,000
	Width      float64       // of the kernel; 0 is 0.75 sqrt(inputs)
	Ridge      float64       // penalty on the coefficients, not on the intercept; 0 is 1
	Features   int           // how many of the largest are kept and fitted again; 0 is all, their library's default is 10
	Continuous bool          // standardized values instead of quartiles, samples from a normal distribution
	// AlwaysClassOne explains class 1 whatever the model predicts and whatever is asked for: the defect of the code of 1907.00164, kept to show what it
	// does to a measured leak.
	AlwaysClassOne bool
	Seed           uint64
}

var _ Method = LIME{}

const (
	maxPerturbed  = 100_000
	selectPenalty = 0.01 // of the regression that chooses features, as in the authors' library
)

// Name tells the defect apart.
func (l LIME) Name() string {
	if l.AlwaysClassOne {
		return "lime-class-one"
	}
	return "lime"
}
func (LIME) NeedsLayers() bool { return false }

func (l LIME) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	if err := l.check(m, x, class); err != nil {
		return matrix.Matrix{}, err
	}
	answers, err := predict(ctx, m, x)
	if err != nil {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %w", l.Name(), err)
	}
	hood, err := l.neighbours(ctx, m)
	if err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, x.Cols)
	const piece = 8 // records that share a goroutine's buffers
	err = inPieces(ctx, x.Rows, piece, func(ctx context.Context, from, to int) error {
		fit := newSurrogate(l, hood)
		for i := from; i < to; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			answer := answers.Row(i)
			c := largest(answer)
			switch {
			case l.AlwaysClassOne:
				c = 1
			case class != nil:
				c = class[i]
			}
			if err := fit.record(x.Row(i), float64(answer[c]), c, out.Row(i)); err != nil {
				return fmt.Errorf("explaining row %d by %s: %w", i, l.Name(), err)
			}
		}
		return nil
	})
	return out, err
}

func (l LIME) check(m model.Model, x matrix.Matrix, class []int) error {
	if err := check(m, x, class); err != nil {
		return err
	}
	if err := background(l, m, l.Background, 2); err != nil {
		return err
	}
	if l.Samples > maxPerturbed {
		return fmt.Errorf("explaining by %s: %d samples, at most %d: %w", l.Name(), l.Samples, maxPerturbed, tribune.ErrTooLarge)
	}
	for _, v := range []float64{l.Width, l.Ridge} {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("explaining by %s: kernel width %g and penalty %g must be positive: %w", l.Name(), l.Width, l.Ridge, tribune.ErrInvalid)
		}
	}
	return nil
}

// background refuses rows that cannot stand for the data.
func background(method Method, m model.Model, b matrix.Matrix, least int) error {
	if b.Rows < least {
		err := fmt.Errorf("explaining by %s: %d background rows, at least %d: %w", method.Name(), b.Rows, least, tribune.ErrInvalid)
		return tribune.Hint(err, "give rows of the training data or of data like it")
	}
	if err := check(m, b, nil); err != nil {
		return fmt.Errorf("reading the background: %w", err)
	}
	return nil
}

// hood is what all records share: the samples and the answers to them.
type hood struct {
	samples, inputs int
	answers         matrix.Matrix
	quartiles       []cut         // by input; the samples' quartiles
	values          matrix.Matrix // if Continuous: samples x inputs, standardized
	centre, scale   []float64
}

// cut divides one input's values into at most four ranges.
type cut struct {
	edges []float32
	left  [][]uint64 // by range: which samples lie in another
}

func (c cut) of(v float32) uint8 {
	for i, e := range c.edges {
		if v <= e {
			return uint8(i)
		}
	}
	return uint8(len(c.edges))
}

// newCut has the edges, and room for samples.
func newCut(edges []float32, samples int) cut {
	c := cut{edges: edges, left: make([][]uint64, len(edges)+1)}
	for r := range c.left {
		c.left[r] = make([]uint64, (samples+63)/64)
	}
	return c
}

// note says where a sample lies.
func (c cut) note(sample int, v float32) {
	own := c.of(v)
	for r := range c.left {
		if r != int(own) {
			c.left[r][sample>>6] |= 1 << (sample & 63)
		}
	}
}

func (l LIME) neighbours(ctx context.Context, m model.Model) (*hood, error) {
	n, d := positive(l.Samples, 5000), l.Background.Cols
	h := &hood{samples: n, inputs: d}
	r := rand.New(rand.NewPCG(l.Seed, uint64(n)))
	x := matrix.New(n, d)
	if l.Continuous {
		h.normal(l.Background, x, r)
	} else {
		h.shuffled(l.Background, x, r)
	}
	var err error
	if h.answers, err = predict(ctx, m, x); err != nil {
		return nil, fmt.Errorf("explaining by %s: %w", l.Name(), err)
	}
	return h, nil
}

// shuffled draws each input by itself from the background, which gives every quartile its frequency and a value that occurs.
func (h *hood) shuffled(b, x matrix.Matrix, r *rand.Rand) {
	h.quartiles = make([]cut, h.inputs)
	column := make([]float32, b.Rows)
	for j := range h.inputs {
		for i := range column {
			column[i] = b.Row(i)[j]
		}
		c := newCut(quartiles(column), h.samples)
		for s := range h.samples {
			v := b.Row(r.IntN(b.Rows))[j]
			x.Row(s)[j] = v
			c.note(s, v)
		}
		h.quartiles[j] = c
	}
}

// normal draws each input from a normal distribution with the background's mean and deviation.
func (h *hood) normal(b, x matrix.Matrix, r *rand.Rand) {
	h.centre, h.scale = moments(b)
	h.values = matrix.New(h.samples, h.inputs)
	for s := range h.samples {
		z, v := h.values.Row(s), x.Row(s)
		for j := range z {
			t := r.NormFloat64()
			z[j] = float32(t)
			v[j] = float32(h.centre[j] + h.scale[j]*t)
		}
	}
}

// moments are each column's mean and standard deviation; a constant column's deviation is 1, so that it can be divided by.
func moments(m matrix.Matrix) (mean, deviation []float64) {
	mean, deviation = make([]float64, m.Cols), make([]float64, m.Cols)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(m.Rows)
	}
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			deviation[j] += (float64(v) - mean[j]) * (float64(v) - mean[j])
		}
	}
	for j, s := range deviation {
		if deviation[j] = math.Sqrt(s / float64(m.Rows)); deviation[j] < 1e-12 {
			deviation[j] = 1
		}
	}
	return mean, deviation
}
