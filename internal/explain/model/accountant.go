package model

import (
	"fmt"
	"math"

	"tribune"
)

// maxOrder is the highest Rényi order that is tried; above, only tiny epsilons are won.
const maxOrder = 512

// Epsilon is what DP-SGD has spent after so many steps, each of which takes every row with probability rate and adds noise (a multiple of the clipping
// norm): the Rényi divergence of the subsampled Gaussian mechanism (Mironov, Talwar, Zhang 2019, 1908.10530, section 3.3) at whole orders from 2, added
// up over the steps, and turned into epsilon at delta by Canonne, Kamath, Steinke 2020 (2004.00010, proposition 12). It is an upper bound.
func Epsilon(rate, noise float64, steps int, delta float64) (float64, error) {
	if !(rate > 0 && rate <= 1) || !(noise > 0) || math.IsInf(noise, 1) || steps < 0 || !(delta > 0 && delta < 1) {
		return 0, fmt.Errorf("%w: rate %v, noise %v, %d steps, delta %v", tribune.ErrInvalid, rate, noise, steps, delta)
	}
	if steps == 0 {
		return 0, nil
	}
	best := math.Inf(1)
	for order := 2; order <= maxOrder; order++ {
		a := float64(order)
		rdp := float64(float64(steps) * divergence(rate, noise, order))
		best = min(best, rdp+log(1-1/a)-(log(delta)+log(a))/(a-1))
	}
	return max(best, 0), nil
}

// divergence is the Rényi divergence of one step: log(sum over k of C(order,k) (1-rate)^(order-k) rate^k e^((k²-k)/(2 noise²))) / (order-1).
func divergence(rate, noise float64, order int) float64 {
	if rate == 1 {
		return float64(order) / (2 * noise * noise)
	}
	sum := math.Inf(-1) // its logarithm
	choose := 0.0       // log C(order,k)
	for k := 0; k <= order; k++ {
		term := choose + float64(float64(order-k)*log(1-rate)) + float64(float64(k)*log(rate)) + float64(k*k-k)/(2*noise*noise)
		high, low := max(sum, term), min(sum, term)
		sum = high + log1p(exp(low-high))
		choose += log(float64(order-k)) - log(float64(k+1))
	}
	return max(sum, 0) / float64(order-1)
}
