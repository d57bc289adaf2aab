package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"tribune"
)

// Estimate is a group's figure with its standard error. Groups in one comparison hold different people.
type Estimate struct {
	Value, SE float64
}

// Gap is how much groups differ. The largest of noisy figures less the smallest is too large on average, the more so the smaller the groups are: among groups that are all
// alike it is never 0. Naive says so; the others are corrected.
type Gap struct {
	Naive     float64 // largest less smallest, as others report it
	Bias      float64 // how much of it noise makes, by simulation from estimates shrunk to their mean
	Corrected float64 // Naive - Bias, at least 0
	// Variance of the groups' true figures, estimated without bias: the variance of the estimates, with the unbiased denominator, less the mean of their sampling variances
	// (the double-corrected estimator of Lum, Zhang, Bower 2022, 10.1145/3531146.3533105). It may be negative: then noise alone would spread the groups more.
	Variance         float64
	VarianceInterval Interval // percentiles of a parametric bootstrap
	P                float64  // Cochran's Q: the probability of such differences if the groups were all alike
	// Interval holds the true largest less the smallest with at least the confidence: from intervals that hold for all groups at once.
	Interval Interval
}

const gapDraws = 4000

// NewGap compares at least two groups.
func NewGap(groups []Estimate, confidence float64, seed uint64) (Gap, error) {
	if err := confident(confidence); err != nil {
		return Gap{}, err
	}
	if len(groups) < 2 {
		return Gap{}, &TooFewError{Figure: "gap between groups", Of: "groups", Have: len(groups), Need: 2, Why: "one group differs from nobody"}
	}
	for i, g := range groups {
		if !(g.SE > 0) || math.IsInf(g.SE, 0) || math.IsNaN(g.Value) || math.IsInf(g.Value, 0) {
			return Gap{}, fmt.Errorf("comparing groups: group %d is %g with a standard error of %g: %w", i, g.Value, g.SE, tribune.ErrInvalid)
		}
	}
	n := float64(len(groups))
	values := make([]float64, len(groups))
	var noise float64
	for i, g := range groups {
		values[i] = g.Value
		noise += g.SE * g.SE / n
	}
	gap := Gap{Naive: slices.Max(values) - slices.Min(values), Variance: variance(values) - noise, P: cochran(groups)}
	gap.Interval = bracket(groups, confidence)
	gap.simulate(groups, noise, confidence, seed)
	gap.Corrected = max(0, gap.Naive-gap.Bias)
	return gap, nil
}

// simulate draws groups anew around figures shrunk towards their mean (empirical Bayes: by the share of their variance that is not noise), whose true gap is known.
func (gap *Gap) simulate(groups []Estimate, noise, confidence float64, seed uint64) {
	between := max(gap.Variance, 0)
	var middle float64
	for _, g := range groups {
		middle += g.Value / float64(len(groups))
	}
	truth, drawn, spread := make([]float64, len(groups)), make([]float64, len(groups)), make([]float64, gapDraws)
	for i, g := range groups {
		// Shrinking by the root keeps the spread of the figures at what Variance says; shrinking by the ratio itself would understate it.
		truth[i] = middle + math.Sqrt(between/(between+g.SE*g.SE))*(g.Value-middle)
	}
	real := slices.Max(truth) - slices.Min(truth)
	r := rand.New(rand.NewPCG(seed, uint64(len(groups))))
	var mean float64
	for d := range gapDraws {
		for i, g := range groups {
			drawn[i] = truth[i] + g.SE*r.NormFloat64()
		}
		mean += (slices.Max(drawn) - slices.Min(drawn)) / gapDraws
		for i, g := range groups {
			drawn[i] = math.Hypot(g.SE, math.Sqrt(between)) * r.NormFloat64()
		}
		spread[d] = variance(drawn) - noise
	}
	gap.Bias = mean - real
	gap.VarianceInterval = percentile(spread, confidence).around(gap.Variance)
}

// bracket holds the true gap if every group's interval holds its figure, which they do together with confidence.
func bracket(groups []Estimate, confidence float64) Interval {
	z := normal((1 + math.Pow(confidence, 1/float64(len(groups)))) / 2) // independent groups
	highestLow, highest, lowest, lowestHigh := math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1)
	for _, g := range groups {
		lo, hi := g.Value-z*g.SE, g.Value+z*g.SE
		highestLow, highest = max(highestLow, lo), max(highest, hi)
		lowest, lowestHigh = min(lowest, lo), min(lowestHigh, hi)
	}
	return Interval{max(0, highestLow-lowestHigh), highest - lowest}
}

func cochran(groups []Estimate) float64 {
	var weight, sum, q float64
	for _, g := range groups {
		w := 1 / (g.SE * g.SE)
		weight += w
		sum += w * g.Value
	}
	for _, g := range groups {
		d := g.Value - sum/weight
		q += d * d / (g.SE * g.SE)
	}
	return distuv.ChiSquared{K: float64(len(groups) - 1)}.Survival(q)
}

func variance(v []float64) float64 { return covariance(v, v) }
