package metric

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Outliers are the rows in the upper share of oddness, rounded up, in ascending order; of equal ones the first. Members and others are taken together.
//
// Oddness must not know who was a member, or the group is made of what is to be measured. Two kinds do not: Sparseness to records that neither the target nor the sample
// holds, and the mean loss under reference models that were not trained on the record. The loss under the target itself does: members have the lower one.
func Outliers(oddness []float64, share float64) ([]int, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("choosing outliers: a share of %g: %w", share, tribune.ErrInvalid)
	}
	at := make([]int, len(oddness))
	for i, v := range oddness {
		if at[i] = i; math.IsNaN(v) {
			return nil, fmt.Errorf("choosing outliers: the oddness of record %d is not a number: %w", i, tribune.ErrInvalid)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(oddness[b], oddness[a]) })
	at = at[:int(math.Ceil(share*float64(len(at))-1e-9))]
	slices.Sort(at)
	return at, nil
}

// Sparseness is how far each row of x is from its k-th nearest row of reference, each column in units of its standard deviation in reference: the rarer a record, the
// larger. It costs x.Rows * reference.Rows * columns multiplications.
func Sparseness(ctx context.Context, x, reference matrix.Matrix, k int) ([]float64, error) {
	if x.Cols != reference.Cols {
		return nil, fmt.Errorf("measuring sparseness: records of %d columns, reference of %d: %w", x.Cols, reference.Cols, tribune.ErrInvalid)
	}
	if k < 1 || k > 1000 {
		return nil, fmt.Errorf("measuring sparseness by neighbour %d, 1 to 1000 are possible: %w", k, tribune.ErrInvalid)
	}
	if reference.Rows < k {
		return nil, &TooFewError{Figure: "sparseness", Of: "reference records", Have: reference.Rows, Need: k, Why: "there is no such neighbour"}
	}
	unit := units(reference)
	z, base := scaled(x, unit), scaled(reference, unit)
	out := make([]float64, x.Rows)
	const piece = 64
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < x.Rows; from += piece {
		g.Go(func() error {
			near := make([]float32, k)
			for i := from; i < min(from+piece, x.Rows); i++ {
				if err := inner.Err(); err != nil {
					return err
				}
				out[i] = math.Sqrt(float64(kth(z.Row(i), base, near)))
			}
			return nil
		})
	}
	return out, g.Wait()
}

// kth is the squared distance of row to its len(near)-th nearest row of base; near is room for the nearest so far.
func kth(row []float32, base matrix.Matrix, near []float32) float32 {
	last := len(near) - 1
	for i := range near {
		near[i] = float32(math.Inf(1))
	}
	for b := range base.Rows {
		d := squared(row, base.Row(b), near[last])
		if d >= near[last] {
			continue
		}
		at := last
		for at > 0 && near[at-1] > d {
			near[at] = near[at-1]
			at--
		}
		near[at] = d
	}
	return near[last]
}

// squared is the squared distance, or more than enough.
func squared(a, b []float32, enough float32) float32 {
	var sum float32
	for len(a) >= 16 {
		var part float32
		x, y := a[:16], b[:16]
		for j, v := range x {
			d := v - y[j]
			part += d * d
		}
		if sum += part; sum >= enough {
			return sum
		}
		a, b = a[16:], b[16:]
	}
	for j, v := range a {
		d := v - b[j]
		sum += d * d
	}
	return sum
}

// units are the columns' standard deviations; 1 for a constant one.
func units(m matrix.Matrix) []float64 {
	mean, out := make([]float64, m.Cols), make([]float64, m.Cols)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			mean[j] += float64(v) / float64(m.Rows)
		}
	}
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			out[j] += (float64(v) - mean[j]) * (float64(v) - mean[j]) / float64(m.Rows)
		}
	}
	for j, v := range out {
		if out[j] = math.Sqrt(v); out[j] < 1e-12 {
			out[j] = 1
		}
	}
	return out
}

func scaled(m matrix.Matrix, unit []float64) matrix.Matrix {
	out := matrix.New(m.Rows, m.Cols)
	for i := range m.Rows {
		into := out.Row(i)
		for j, v := range m.Row(i) {
			into[j] = float32(float64(v) / unit[j])
		}
	}
	return out
}
