package model

import "math"

// cholesky turns a positive n x n matrix into its lower factor, in place (above the diagonal the old numbers stay). It returns -1, or the first row at
// which the matrix is not positive.
func cholesky(a []float64, n int) int {
	for j := range n {
		row := a[j*n : j*n+j]
		d := a[j*n+j] - dot(row, row)
		if !(d > 0) || math.IsInf(d, 1) {
			return j
		}
		d = math.Sqrt(d)
		a[j*n+j] = d
		for i := j + 1; i < n; i++ {
			a[i*n+j] = (a[i*n+j] - dot(a[i*n:i*n+j], row)) / d
		}
	}
	return -1
}

// substitute solves L·Lᵀ·x = b in place.
func substitute(l, b []float64) {
	n := len(b)
	for i := range n {
		b[i] = (b[i] - dot(l[i*n:i*n+i], b[:i])) / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		b[i] /= l[i*n+i]
		v := b[i]
		for k, w := range l[i*n : i*n+i] {
			b[k] -= float64(v * w)
		}
	}
}

// dot has four sums, so that one addition need not wait for the other; their order is fixed.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

func largest(a []float64) float64 {
	var out float64
	for _, v := range a {
		if v != v {
			return math.Inf(1)
		}
		out = max(out, math.Abs(v))
	}
	return out
}
