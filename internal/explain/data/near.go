package data

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"tribune/internal/explain/matrix"
)

// fingerprints name rows by their features' bits; equal rows alone are equal but for one chance in 2^64 a pair, which only could raise a false alarm.
func fingerprints(seed maphash.Seed, x matrix.Matrix) []uint64 {
	out := make([]uint64, x.Rows)
	line := make([]byte, 4*x.Cols)
	for i := range out {
		for j, v := range x.Row(i) {
			binary.LittleEndian.PutUint32(line[4*j:], math.Float32bits(v+0)) // -0 is 0
		}
		out[i] = max(1, maphash.Bytes(seed, line))
	}
	return out
}

// near searches the pairs across the split whose distance is within a radius, exactly: none is missed, none is guessed.
//
// The distance is the sum of absolute differences (L1), numbers scaled to the training rows' range first, so that a different word counts 2 (1 in a
// column of two words). Any projection onto a vector of entries within [-1, 1] moves two rows apart by no more than their distance; three such
// projections make a grid of the radius's width, and pairs can only be in neighbouring cells (the principle of locality-sensitive hashing, Datar et al.
// 2004, 10.1145/997817.997857, with all neighbours visited, which makes it exact).
func (h *Hygiene) near(ctx context.Context, train, test Set, a, b []uint64, o InspectOptions) error {
	if o.Near < 0 || train.X.Rows < 2 {
		h.Definition = "near-duplicates were not searched"
		return nil
	}
	if o.Near == 0 {
		o.Near = DefaultNear
	}
	if o.Tests == 0 {
		o.Tests = DefaultTests
	}
	scale := ranges(train.X)
	if o.Median == 0 {
		o.Median = medianDistance(train.X, scale)
	}
	h.Radius = o.Near * o.Median
	h.Definition = fmt.Sprintf("rows whose L1 distance, numbers scaled to the training rows' range, is within %.4g: %g of the median distance %.4g between two training rows", h.Radius, o.Near, o.Median)
	if h.Radius == 0 {
		return nil // more than half of all training rows are alike: duplicates say so
	}
	g := newGrid(train.X, scale, h.Radius, distinct(a))
	f := Finding{Flaw: NearRecord, Fatal: true}
	hit := make(map[int]bool)
	for i := range test.X.Rows {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		found := -1
		for _, j := range g.around(test.X.Row(i)) {
			if a[j] == b[i] {
				continue
			}
			if o.Tests--; o.Tests < 0 {
				h.Findings = append(h.Findings, Finding{Flaw: Unchecked, Fatal: true, Effect: "how many test rows are members' doubles is unknown; choose a smaller radius"})
				return nil
			}
			if within(train.X.Row(j), test.X.Row(i), scale, h.Radius) {
				hit[j] = true
				if found < 0 || j < found {
					found = j
				}
			}
		}
		if found >= 0 {
			f.Test++
			h.doubles[i] = true
			f.example(found, i)
		}
	}
	f.Train = len(hit)
	h.add(f, train.X.Rows, test.X.Rows)
	return nil
}

// distinct are the first rows of each fingerprint: a thousand equal rows are compared once.
func distinct(of []uint64) []int {
	seen := make(map[uint64]bool, len(of))
	var out []int
	for i, k := range of {
		if !seen[k] {
			seen[k] = true
			out = append(out, i)
		}
	}
	return out
}

// ranges are 1/(max-min) of each column, 0 of a constant one.
func ranges(x matrix.Matrix) []float64 {
	low, high := slices.Clone(x.Row(0)), slices.Clone(x.Row(0))
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			low[j], high[j] = min(low[j], v), max(high[j], v)
		}
	}
	scale := make([]float64, x.Cols)
	for j := range scale {
		if d := float64(high[j]) - float64(low[j]); d > 0 {
			scale[j] = 1 / d
		}
	}
	return scale
}

func distance(a, b []float32, scale []float64) float64 {
	var sum float64
	for j, v := range a {
		if v != b[j] {
			sum += math.Abs(float64(v)-float64(b[j])) * apart(scale[j])
		}
	}
	return sum
}

// apart makes a difference in a column that training knows as constant count fully.
func apart(scale float64) float64 {
	if scale == 0 {
		return 1
	}
	return scale
}

func within(a, b []float32, scale []float64, radius float64) bool {
	var sum float64
	for j, v := range a {
		if v == b[j] {
			continue
		}
		if sum += math.Abs(float64(v)-float64(b[j])) * apart(scale[j]); sum > radius {
			return false
		}
	}
	return true
}

const medianPairs = 2_001

func medianDistance(x matrix.Matrix, scale []float64) float64 {
	r := seeded(1, 0x6d656469616e)
	d := make([]float64, medianPairs)
	for i := range d {
		a := r.IntN(x.Rows)
		b := (a + 1 + r.IntN(x.Rows-1)) % x.Rows
		d[i] = distance(x.Row(a), x.Row(b), scale)
	}
	slices.Sort(d)
	return d[len(d)/2]
}

const (
	axes = 3
	far  = 1 << 52 // cells farther out are one: still nothing is missed
)

type cell [axes]int64

type grid struct {
	axis  [axes][]float64
	width float64
	rows  map[cell][]int
	found []int
}

func newGrid(x matrix.Matrix, scale []float64, radius float64, rows []int) *grid {
	r := seeded(2, 0x67726964)
	g := &grid{width: radius * (1 + 1e-6), rows: make(map[cell][]int)} // a little wider: projections are rounded
	for a := range g.axis {
		g.axis[a] = make([]float64, x.Cols)
		for j := range g.axis[a] {
			g.axis[a][j] = (2*r.Float64() - 1) * apart(scale[j])
		}
	}
	for _, i := range rows {
		c := g.cell(x.Row(i))
		g.rows[c] = append(g.rows[c], i)
	}
	return g
}

func (g *grid) cell(row []float32) cell {
	var c cell
	for a, axis := range g.axis {
		var sum float64
		for j, v := range row {
			if v != 0 {
				sum += float64(v) * axis[j]
			}
		}
		c[a] = int64(math.Max(-far, math.Min(math.Floor(sum/g.width), far)))
	}
	return c
}

// around are the rows in the cell and in its neighbours; the slice is reused.
func (g *grid) around(row []float32) []int {
	g.found = g.found[:0]
	at := g.cell(row)
	for n := range 27 {
		c := cell{at[0] + int64(n%3) - 1, at[1] + int64(n/3%3) - 1, at[2] + int64(n/9) - 1}
		g.found = append(g.found, g.rows[c]...)
	}
	return g.found
}
