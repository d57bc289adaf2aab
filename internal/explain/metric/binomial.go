package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"tribune"
)

// ClopperPearson is the exact interval of a probability of which k of n trials were seen (Clopper, Pearson 1934, 10.1093/biomet/26.4.404): it covers at
// least with the confidence, for every probability.
func ClopperPearson(k, n int, confidence float64) (Interval, error) {
	if n <= 0 || k < 0 || k > n {
		return Interval{}, fmt.Errorf("measuring: %d of %d trials: %w", k, n, tribune.ErrInvalid)
	}
	if err := confident(confidence); err != nil {
		return Interval{}, err
	}
	return clopperPearson(k, n, (1-confidence)/2), nil
}

// clopperPearson leaves tail on either side.
func clopperPearson(k, n int, tail float64) Interval {
	i := Interval{0, 1}
	if k > 0 {
		i.Low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		i.High = 1 - mathext.InvRegIncBeta(float64(n-k), float64(k+1), tail) // the same tail from the other end, where digits are not lost
	}
	return i
}

// below is P(X <= k) of a binomial X.
func below(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// countRange is lo..hi with P(X < lo) <= tail and P(X > hi) <= tail.
func countRange(n int, p, tail float64) (lo, hi int) {
	least := func(enough func(k int) bool) int {
		from, to := 0, n
		for from < to {
			if mid := (from + to) / 2; enough(mid) {
				to = mid
			} else {
				from = mid + 1
			}
		}
		return from
	}
	lo = least(func(k int) bool { return below(k, n, p) > tail })
	hi = least(func(k int) bool { return 1-below(k, n, p) <= tail })
	return lo, hi
}

// normal is the quantile of the standard normal distribution.
func normal(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// logit and its inverse.
func logit(p float64) float64   { return math.Log(p / (1 - p)) }
func inverse(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
