// Package defence makes explanations give away less, and says what that costs in fidelity and stability.
//
// A Defence changes attributions before anybody sees them; Parse reads one from a plan, as "clip:1+noise:0.2+top:10". Private explains by a differentially private
// method of its own. Quality tells what is left of an explanation.
//
// What is promised: the same explanation under the same seed is changed alike, wherever it stands and however often it is asked for, so that asking again averages
// nothing away; the noise is ChaCha8 keyed by SHA-256 of seed and explanation, so that nobody without the seed takes it off. Whoever publishes draws the seed
// from crypto/rand and keeps it; an audit fixes it to replay. Only gaussian and Private promise anything that can be proved; the others are measured (package attack).
package defence

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Defence changes attributions. Implementations are values: safe for concurrent use.
type Defence interface {
	// String is what Parse reads.
	String() string
	// Apply gives changed attributions; a is left as it is. A number that is not finite is tribune.ErrInvalid.
	Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error)
}

// Unit scales every row to norm 1: direction without size. Threshold attacks on norms then see nothing.
type Unit struct{}

// Clip scales a row whose norm is above Norm down to it.
type Clip struct{ Norm float64 }

// Noise adds Gaussian noise to every number.
type Noise struct{ Sigma float64 }

// Top keeps the Count numbers of a row that are largest without sign, of equal ones the first, and makes the others 0.
type Top struct{ Count int }

// Round puts every number to the nearest multiple of Step.
type Round struct{ Step float64 }

// Gaussian clips rows to Norm and adds the noise that makes one explanation (Epsilon, Delta)-differentially private whatever it depends on: any two explanations lie at most
// twice Norm apart, and the noise is calibrated to that by Balle, Wang 2018 (1805.06530, theorem 8). It holds for each explanation that is told; several add up.
type Gaussian struct{ Epsilon, Delta, Norm float64 }

// Chain applies one defence after the other.
type Chain []Defence

func (Unit) String() string    { return "unit" }
func (c Clip) String() string  { return "clip:" + number(c.Norm) }
func (n Noise) String() string { return "noise:" + number(n.Sigma) }
func (t Top) String() string   { return "top:" + strconv.Itoa(t.Count) }
func (r Round) String() string { return "round:" + number(r.Step) }
func (g Gaussian) String() string {
	return "gaussian:" + number(g.Epsilon) + "," + number(g.Delta) + "," + number(g.Norm)
}

func (c Chain) String() string {
	var parts []string
	for _, d := range c {
		parts = append(parts, d.String())
	}
	return strings.Join(parts, "+")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (Unit) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	return rows(ctx, a, func(row []float32) {
		if n := norm(row); n > 0 {
			scale(row, 1/n)
		}
	})
}

func (c Clip) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	return rows(ctx, a, func(row []float32) {
		if n := norm(row); n > c.Norm {
			scale(row, c.Norm/n)
		}
	})
}

func (d Noise) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	return rows(ctx, a, func(row []float32) {
		r := source(d.String(), seed, row)
		for j := range row {
			row[j] += float32(d.Sigma * r.NormFloat64())
		}
	})
}

func (t Top) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	sizes := make([]float32, a.Cols)
	return rows(ctx, a, func(row []float32) {
		if t.Count >= len(row) {
			return
		}
		for j, v := range row {
			sizes[j] = abs(v)
		}
		slices.Sort(sizes)
		least, equal := sizes[len(sizes)-t.Count], 0 // the smallest that is kept, and how many of just that size are
		for _, v := range sizes[len(sizes)-t.Count:] {
			if v == least {
				equal++
			}
		}
		for j, v := range row {
			switch size := abs(v); {
			case size < least:
				row[j] = 0
			case size == least:
				if equal--; equal < 0 {
					row[j] = 0
				}
			}
		}
	})
}

func (d Round) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	return rows(ctx, a, func(row []float32) {
		for j, v := range row {
			row[j] = float32(math.RoundToEven(float64(v)/d.Step)*d.Step) + 0 // + 0: no negative zero tells a sign
		}
	})
}

func (g Gaussian) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	clipped, err := Clip{g.Norm}.Apply(ctx, a, seed)
	if err != nil {
		return clipped, err
	}
	return Noise{g.Sigma()}.Apply(ctx, clipped, seed)
}

func (c Chain) Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	var err error
	for _, d := range c {
		if a, err = d.Apply(ctx, a, seed); err != nil {
			return a, err
		}
	}
	return a, nil
}

// rows gives a copy of a with every row changed.
func rows(ctx context.Context, a matrix.Matrix, change func(row []float32)) (matrix.Matrix, error) {
	out := matrix.New(a.Rows, a.Cols)
	copy(out.Data, a.Data)
	for i := range out.Rows {
		if err := ctx.Err(); err != nil {
			return matrix.Matrix{}, err
		}
		row := out.Row(i)
		for j, v := range row {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return matrix.Matrix{}, fmt.Errorf("defending explanations: row %d, column %d is not a finite number: %w", i, j, tribune.ErrInvalid)
			}
		}
		change(row)
	}
	return out, nil
}

// source is the noise of one explanation: of seed, defence and what the explanation says.
func source(purpose string, seed uint64, row []float32) *rand.Rand {
	h := sha256.New()
	b := binary.BigEndian.AppendUint64([]byte("tribune/explain/defence\x00"), seed)
	h.Write(append(append(b, purpose...), 0))
	b = b[:0]
	for _, v := range row {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(v))
	}
	h.Write(b)
	return rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
}

func norm(row []float32) float64 {
	var sum float64
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func scale(row []float32, by float64) {
	for j, v := range row {
		row[j] = float32(float64(v) * by)
	}
}

// largest are the columns, the largest number without sign first; of equal ones the first.
func largest(row []float32) []int {
	at := make([]int, len(row))
	for j := range at {
		at[j] = j
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch x, y := abs(row[a]), abs(row[b]); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return at
}

func abs(v float32) float32 { return float32(math.Abs(float64(v))) }
