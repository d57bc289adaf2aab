package defence

import "math"

// Sigma is the deviation of the noise.
func (g Gaussian) Sigma() float64 { return 2 * g.Norm * calibrated(g.Epsilon, g.Delta) }

// calibrated is the smallest deviation, at sensitivity 1, for which Gaussian noise is (epsilon, delta)-differentially private: delta falls as it grows
// (Balle, Wang 2018, 1805.06530, theorem 8), so that halving finds it.
func calibrated(epsilon, delta float64) float64 {
	lo, hi := 1e-6, 1.0
	for spent(hi, epsilon) > delta {
		lo, hi = hi, 2*hi
	}
	for range 100 {
		if mid := (lo + hi) / 2; spent(mid, epsilon) > delta {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// spent is the delta that noise of deviation sigma has at epsilon, at sensitivity 1.
func spent(sigma, epsilon float64) float64 {
	a, b := 1/(2*sigma), epsilon*sigma
	return phi(a-b) - math.Exp(epsilon+logPhi(-a-b))
}

func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// logPhi is log(phi(x)), also where phi is too small for a float: by the first terms of its continued fraction.
func logPhi(x float64) float64 {
	if x > -30 {
		return math.Log(phi(x))
	}
	return -x*x/2 - math.Log(-x) - math.Log(2*math.Pi)/2 + math.Log1p(-1/(x*x))
}
