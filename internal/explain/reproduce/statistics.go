package reproduce

import "math"

func mean(of []float64) float64 {
	var sum float64
	for _, v := range of {
		sum += v
	}
	return sum / float64(len(of))
}

// student are the 97.5 % points of Student's t by degrees of freedom from 1; beyond them the normal's is nearer than what is printed.
var student = [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
	2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042}

// interval holds the mean of runs with 95 %; one run has none.
func interval(of []float64) *[2]float64 {
	n := len(of)
	if n < 2 {
		return nil
	}
	m := mean(of)
	var square float64
	for _, v := range of {
		square += (v - m) * (v - m)
	}
	t := 1.96
	if n-2 < len(student) {
		t = student[n-2]
	}
	half := t * math.Sqrt(square/float64(n-1)/float64(n))
	return &[2]float64{m - half, m + half}
}

// wilson holds a share of n records with 95 % (Wilson 1927), in percent.
func wilson(hits, n int) *[2]float64 {
	const z = 1.959964
	p, m := float64(hits)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return &[2]float64{100 * (middle - half), 100 * (middle + half)}
}

// quantile of a sorted sample.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
