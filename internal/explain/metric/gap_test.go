package metric

import (
	"errors"
	"math"
	"slices"
	"testing"

	"tribune"
)

// The naive gap finds differences among groups that are all alike; the corrected figures do not, and still find differences that are there.
func TestGapsThatNoiseMakesAreCorrected(t *testing.T) {
	const runs = 150
	se := []float64{0.01, 0.02, 0.04, 0.04, 0.08, 0.05}
	for _, c := range []struct {
		name   string
		truth  []float64
		naive  [2]float64 // what the mean must lie in
		bias   float64    // the most the corrected gap may be off, on average
		reject [2]float64
	}{
		{"all alike", []float64{0.55, 0.55, 0.55, 0.55, 0.55, 0.55}, [2]float64{0.08, 0.2}, 0.04, [2]float64{0, 0.09}},
		{"far apart", []float64{0.5, 0.6, 0.7, 0.55, 0.65, 0.75}, [2]float64{0.25, 0.35}, 0.02, [2]float64{0.95, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := source(5)
			truth := slices.Max(c.truth) - slices.Min(c.truth)
			between := variance(c.truth)
			var naive, corrected, spread float64
			held, rejected := 0, 0
			for run := range runs {
				groups := make([]Estimate, len(se))
				for i := range groups {
					groups[i] = Estimate{c.truth[i] + se[i]*r.NormFloat64(), se[i]}
				}
				g := must[Gap](t)(NewGap(groups, 0.95, uint64(run)))
				naive += g.Naive / runs
				corrected += g.Corrected / runs
				spread += g.Variance / runs
				if covers(g.Interval, truth) {
					held++
				}
				if g.P < 0.05 {
					rejected++
				}
			}
			t.Logf("true gap %.3f: naive %.3f, corrected %.3f; true variance %.5f, estimated %.5f; interval holds %.3f, Q rejects %.3f", truth, naive, corrected, between, spread, share(held, runs), share(rejected, runs))
			if naive < c.naive[0] || naive > c.naive[1] {
				t.Errorf("the naive gap is %.3f on average", naive)
			}
			if math.Abs(corrected-truth) > c.bias || math.Abs(corrected-truth) > 0.6*math.Abs(naive-truth)+0.005 {
				t.Errorf("the corrected gap is %.3f on average, the true one %.3f, the naive one %.3f", corrected, truth, naive)
			}
			if math.Abs(spread-between) > 0.0004 {
				t.Errorf("the variance between groups is %.5f on average, the true one %.5f", spread, between)
			}
			if share(held, runs) < 0.95-0.02 {
				t.Errorf("the interval holds the true gap in %.3f of runs", share(held, runs))
			}
			if q := share(rejected, runs); q < c.reject[0] || q > c.reject[1] {
				t.Errorf("Q rejects in %.3f of runs", q)
			}
		})
	}
}

func TestGapsThatMeanNothingAreRefused(t *testing.T) {
	if _, err := NewGap([]Estimate{{0.5, 0.1}}, 0.95, 1); !errors.Is(err, ErrTooFew) {
		t.Errorf("one group: %v", err)
	}
	for _, g := range []Estimate{{0.5, 0}, {math.NaN(), 0.1}, {0.5, math.Inf(1)}, {0.5, -1}} {
		if _, err := NewGap([]Estimate{{0.5, 0.1}, g}, 0.95, 1); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}
