package defence

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Quality is how much of a record's explanation a defence leaves; each 1 where nothing is changed.
type Quality struct {
	Cosine float64 // of the angle between them; 0 where one of them is all zeros and the other is not
	Rank   float64 // Spearman's correlation of the sizes without sign: does the order of importance stay
	Top    float64 // share of the ten largest inputs (all, if fewer) that stay among the ten largest
	Sign   float64 // share of those ten whose sign stays
}

const topInputs = 10

// Fidelity compares defended explanations with plain ones, row by row.
func Fidelity(plain, defended matrix.Matrix) ([]Quality, error) {
	if plain.Rows != defended.Rows || plain.Cols != defended.Cols || plain.Cols == 0 {
		return nil, fmt.Errorf("comparing explanations of %d x %d and %d x %d: %w", plain.Rows, plain.Cols, defended.Rows, defended.Cols, tribune.ErrInvalid)
	}
	out := make([]Quality, plain.Rows)
	for i := range out {
		a, b := plain.Row(i), defended.Row(i)
		for j := range a {
			if f := float64(a[j]) + float64(b[j]); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("comparing explanations: row %d, column %d is not a finite number: %w", i, j, tribune.ErrInvalid)
			}
		}
		k := min(topInputs, len(a))
		first, second := largest(a)[:k], largest(b)[:k]
		q := Quality{Cosine: cosine(a, b), Rank: correlation(ranks(a), ranks(b))}
		for _, j := range first {
			if slices.Contains(second, j) {
				q.Top += 1 / float64(k)
			}
			if sign(a[j]) == sign(b[j]) {
				q.Sign += 1 / float64(k)
			}
		}
		out[i] = q
	}
	return out, nil
}

// Mean is the mean over some rows; all of them if rows is nil, zero of none.
func Mean(of []Quality, rows []int) Quality {
	if rows == nil {
		rows = make([]int, len(of))
		for i := range rows {
			rows[i] = i
		}
	}
	var m Quality
	n := float64(max(len(rows), 1))
	for _, r := range rows {
		q := of[r]
		m.Cosine += q.Cosine / n
		m.Rank += q.Rank / n
		m.Top += q.Top / n
		m.Sign += q.Sign / n
	}
	return m
}

// Stability is, for each row of x, how well its explanation agrees (mean cosine) with those of copies that differ by Gaussian noise of deviation radius: 1 is steady, 0
// is chance. (The Lipschitz estimate of Alvarez-Melis, Jaakkola 2018, 1806.08049, has no unit in which methods compare; an angle has.)
func Stability(ctx context.Context, explain func(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error), x matrix.Matrix, radius float64, copies int, seed uint64) ([]float64, error) {
	if !(radius > 0) || math.IsInf(radius, 0) || copies < 1 || copies > 1000 {
		return nil, fmt.Errorf("measuring stability over %d copies within %g: %w", copies, radius, tribune.ErrInvalid)
	}
	here, err := explain(ctx, x)
	if err != nil {
		return nil, fmt.Errorf("measuring stability: %w", err)
	}
	out, near := make([]float64, x.Rows), matrix.New(x.Rows, x.Cols)
	for c := range copies {
		r := rand.New(rand.NewPCG(seed, uint64(c)))
		for i, v := range x.Data {
			near.Data[i] = v + float32(radius*r.NormFloat64())
		}
		there, err := explain(ctx, near)
		if err != nil {
			return nil, fmt.Errorf("measuring stability: %w", err)
		}
		if there.Rows != here.Rows || there.Cols != here.Cols {
			return nil, fmt.Errorf("measuring stability: explanations of different shapes: %w", tribune.ErrInvalid)
		}
		for i := range out {
			out[i] += cosine(here.Row(i), there.Row(i)) / float64(copies)
		}
	}
	return out, nil
}

func cosine(a, b []float32) float64 {
	var dot float64
	for j, v := range a {
		dot += float64(v) * float64(b[j])
	}
	switch x, y := norm(a), norm(b); {
	case x == 0 && y == 0:
		return 1
	case x == 0 || y == 0:
		return 0
	default:
		return dot / x / y
	}
}

// ranks are by size without sign, equal ones sharing their mean rank.
func ranks(row []float32) []float64 {
	at, out := largest(row), make([]float64, len(row))
	for from := 0; from < len(at); {
		to := from + 1
		for to < len(at) && abs(row[at[to]]) == abs(row[at[from]]) {
			to++
		}
		for _, j := range at[from:to] {
			out[j] = float64(from+to-1) / 2
		}
		from = to
	}
	return out
}

// correlation is Pearson's; of constants 1 if both are, else 0.
func correlation(a, b []float64) float64 {
	var ma, mb, ab, aa, bb float64
	for i, v := range a {
		ma += v / float64(len(a))
		mb += b[i] / float64(len(a))
	}
	for i, v := range a {
		ab += (v - ma) * (b[i] - mb)
		aa += (v - ma) * (v - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	switch {
	case aa == 0 && bb == 0:
		return 1
	case aa == 0 || bb == 0:
		return 0
	}
	return ab / math.Sqrt(aa) / math.Sqrt(bb)
}

func sign(v float32) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
