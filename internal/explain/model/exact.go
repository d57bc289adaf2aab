package model

import "math"

// The functions below are written out, not taken from package math, because math's differ in the last bit between processors (some are in assembly,
// some are fused by the compiler): what is trained here has the same hash wherever it is trained. Every product is rounded by a conversion, which
// forbids fusing it with a sum; TestNothingIsFused looks at the machine code.

// exp is e^x to within two units in the last place (Cody and Waite's reduction to |r| <= ln2/2, then Taylor's series).
func exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.7:
		return math.Inf(1)
	case x < -708:
		return 0
	}
	const ln2High, ln2Low, log2e = 6.93147180369123816490e-01, 1.90821492927058770002e-10, 1.44269504088896338700
	k := math.Floor(float64(x*log2e) + 0.5)
	r := x - float64(k*ln2High) - float64(k*ln2Low)
	p := 1.0 / 6227020800
	for _, c := range expSeries {
		p = float64(p*r) + c
	}
	return math.Float64frombits(math.Float64bits(p) + uint64(int64(k))<<52)
}

// expSeries is 1/12!, 1/11!, ..., 1/0!.
var expSeries = [...]float64{
	1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1,
}

// sigmoid is 1/(1+e^-x) without overflow.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + exp(-x))
	}
	e := exp(x)
	return e / (1 + e)
}

// tanh is exact to float32's last place.
func tanh(x float32) float32 {
	switch {
	case x > 10:
		return 1
	case x < -10:
		return -1
	case x < 1e-3 && x > -1e-3: // the next term is x³/3: below half a unit in the last place with the one kept
		d := float64(x)
		return float32(d - float64(d*float64(d*d))/3)
	}
	// e^2x by a series to r⁸/8!: exact to 3e-10, a hundredth of float32's last place; in pairs, so that they need not wait for each other.
	const ln2, log2e = 6.93147180559945286227e-01, 1.44269504088896338700
	y := 2 * float64(x)
	k := math.Floor(float64(y*log2e) + 0.5)
	r := y - float64(k*ln2)
	r2 := float64(r * r)
	r4 := float64(r2 * r2)
	low := (1 + r) + float64((1.0/2+float64(r*(1.0/6)))*r2)
	mid := (1.0/24 + float64(r*(1.0/120))) + float64((1.0/720+float64(r*(1.0/5040)))*r2)
	p := low + float64((mid+float64(r4*(1.0/40320)))*r4)
	e := math.Float64frombits(math.Float64bits(p) + uint64(int64(k))<<52)
	return float32((e - 1) / (e + 1))
}

// log is the natural logarithm of a positive number, to within two units in the last place: 2 artanh((m-1)/(m+1)) for the mantissa m in
// [sqrt(1/2), sqrt(2)), plus the exponent's part.
func log(x float64) float64 {
	if !(x > 0) || x > math.MaxFloat64 {
		return math.Log(x) // NaN, -Inf, +Inf: no rounding in them
	}
	const ln2High, ln2Low = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = m*2, k-1
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	p := 1.0 / 23
	for n := 21; n >= 1; n -= 2 {
		p = float64(p*z) + 1/float64(n)
	}
	return float64(float64(k)*ln2High) + (float64(2*float64(s*p)) + float64(float64(k)*ln2Low))
}

// log1p is log(1+x) for x >= 0.
func log1p(x float64) float64 {
	if x > 1e-4 {
		return log(1 + x)
	}
	return x - float64(float64(x*x)*(0.5-x/3))
}
