package release

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
)

// Synthetic attacks records that a generator made of the members: who has a synthetic record close by was likely learnt from. The first scores are the
// distance to the closest synthetic record (Chen et al. 2020, 1909.03935); the second compare it with the distance to the closest of as many reference
// records (the density ratio of van Breugel et al. 2023, 2302.12580, with nearest neighbours for densities), so that people in a crowd are not taken for
// members, and people who stand alone are found. Each column counts in units of its deviation among the reference; one that is constant there, in its own.
func Synthetic(ctx context.Context, p People, made data.Set) ([]Scores, error) {
	if made.X.Cols != p.At.X.Cols || made.X.Rows < 1 || p.Reference.X.Rows < 2 {
		return nil, fmt.Errorf("attacking synthetic records: %w: %d of %d columns; people have %d; %d reference records", tribune.ErrInvalid, made.X.Rows, made.X.Cols, p.At.X.Cols, p.Reference.X.Rows)
	}
	unit := units(p.Reference.X)
	near, err := closest(ctx, p.At, made, unit, 1)
	if err != nil {
		return nil, fmt.Errorf("attacking synthetic records: %w", err)
	}
	usual, err := closest(ctx, p.At, p.Reference, unit, 1)
	if err != nil {
		return nil, fmt.Errorf("attacking synthetic records: %w", err)
	}
	distance, ratio := Scores{"distance", make([]float64, len(near))}, Scores{"density ratio", make([]float64, len(near))}
	floor := floorOf(usual)
	for i, d := range near {
		distance.Of[i] = -d[0]
		ratio.Of[i] = math.Log(usual[i][0]+floor) - math.Log(d[0]+floor)
	}
	return []Scores{distance, ratio}, nil
}

// floorOf keeps the ratio finite where a record stands on another: a hundredth of the median distance.
func floorOf(d [][]float64) float64 {
	all := make([]float64, len(d))
	for i := range d {
		all[i] = d[i][0]
	}
	slices.Sort(all)
	return max(all[len(all)/2]/100, 1e-9)
}

func units(x matrix.Matrix) []float64 {
	out := make([]float64, x.Cols)
	for j := range out {
		var mean, square float64
		for i := range x.Rows {
			d := float64(x.Row(i)[j]) - mean
			mean += d / float64(i+1)
			square += d * (float64(x.Row(i)[j]) - mean)
		}
		if out[j] = math.Sqrt(square / float64(x.Rows-1)); !(out[j] > 0) {
			out[j] = 1
		}
	}
	return out
}

// closest is how far each row of a, with its class, is from the nearest rows of b, at most so many, the nearest first. A class that differs counts as a column
// that does.
func closest(ctx context.Context, a, b data.Set, unit []float64, most int) ([][]float64, error) {
	inverse := make([]float32, len(unit))
	for j, u := range unit {
		inverse[j] = float32(1 / u)
	}
	scaled := func(x matrix.Matrix) matrix.Matrix {
		out := matrix.New(x.Rows, x.Cols)
		for i := range x.Rows {
			for j, v := range x.Row(i) {
				out.Row(i)[j] = v * inverse[j]
			}
		}
		return out
	}
	x, y := scaled(a.X), scaled(b.X)
	out := make([][]float64, x.Rows)
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < x.Rows; from += 64 {
		g.Go(func() error {
			for i := from; i < min(from+64, x.Rows); i++ {
				if err := inner.Err(); err != nil {
					return err
				}
				best := make([]float32, min(most, y.Rows))
				for k := range best {
					best[k] = float32(math.Inf(1))
				}
				for k := range y.Rows {
					var d float32
					if a.Y[i] != b.Y[k] {
						d = 1
					}
					last := len(best) - 1
					if d = farther(d, x.Row(i), y.Row(k), best[last]); d < best[last] {
						at, _ := slices.BinarySearch(best, d)
						copy(best[at+1:], best[at:last])
						best[at] = d
					}
				}
				for _, d := range best {
					out[i] = append(out[i], math.Sqrt(float64(d)))
				}
			}
			return nil
		})
	}
	return out, g.Wait()
}

// farther adds the squared distance of two rows to d, and gives up above most.
func farther(d float32, a, b []float32, most float32) float32 {
	for j := 0; j < len(a) && d < most; {
		for to := min(j+16, len(a)); j < to; j++ {
			e := a[j] - b[j]
			d += e * e
		}
	}
	return d
}

// Copies says of how many synthetic records a member is the closest of members and as many others, with an interval: half, if the generator copied nobody.
// Members and others beyond the smaller of the two numbers are left out, the first ones kept: more people are closer by chance.
type Copies struct {
	Synthetic int     `json:"synthetic"` // records compared; ties count half
	Share     float64 `json:"share"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Exact     int     `json:"exact"` // synthetic records that stand exactly on a member and on no other's record
}

// CopiesOf compares the distances of synthetic records to members and to holdout.
func CopiesOf(ctx context.Context, p People, made data.Set, confidence float64) (Copies, error) {
	var members, others []int
	for i, is := range p.Member {
		if is {
			members = append(members, i)
		} else {
			others = append(others, i)
		}
	}
	n := min(len(members), len(others))
	if n == 0 || made.X.Rows == 0 {
		return Copies{}, fmt.Errorf("comparing synthetic records: %w: nobody to compare with", tribune.ErrInvalid)
	}
	unit := units(p.Reference.X)
	to, err := closest(ctx, made, p.At.Pick(members[:n]), unit, 1)
	if err != nil {
		return Copies{}, err
	}
	from, err := closest(ctx, made, p.At.Pick(others[:n]), unit, 1)
	if err != nil {
		return Copies{}, err
	}
	c := Copies{Synthetic: made.X.Rows}
	nearer := 0.0
	for i := range to {
		switch member, other := to[i][0], from[i][0]; {
		case member < other:
			nearer++
		case member == other:
			nearer += 0.5
		}
		if to[i][0] == 0 && from[i][0] > 0 {
			c.Exact++
		}
	}
	c.Share = nearer / float64(made.X.Rows)
	interval, err := metric.ClopperPearson(int(math.Round(nearer)), made.X.Rows, confidence)
	c.Low, c.High = interval.Low, interval.High
	return c, err
}
