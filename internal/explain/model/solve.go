package model

import (
	"math"
	"slices"
)

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

// Conjugate solves A·x = b by conjugate gradient, from zero: product writes A·p into q, and precondition (nil: none) replaces z by about the inverse of A
// times z. It ends when the residual is precision times b's (both as the preconditioner measures them), after steps, or where rounding or a
// negative curvature leaves no way on, and gives the best it has. An error is product's.
func Conjugate(b []float64, precision float64, steps int, product func(p, q []float64) error, precondition func(z []float64)) ([]float64, error) {
	x, q, rest, z := make([]float64, len(b)), make([]float64, len(b)), slices.Clone(b), slices.Clone(b)
	better := func() float64 {
		copy(z, rest)
		if precondition != nil {
			precondition(z)
		}
		return dot(rest, z)
	}
	norm := better()
	p, enough := slices.Clone(z), precision*precision*norm
	for range steps {
		if norm <= enough || norm == 0 {
			break
		}
		if err := product(p, q); err != nil {
			return nil, err
		}
		bend := dot(p, q)
		if !(bend > 0) {
			break
		}
		a := norm / bend
		for i := range x {
			x[i] += float64(a * p[i])
			rest[i] -= float64(a * q[i])
		}
		was := norm
		norm = better()
		for i := range p {
			p[i] = z[i] + float64(norm/was*p[i])
		}
	}
	return x, nil
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
