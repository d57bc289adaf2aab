package temporal

import "math"

// Stats are what a set of numbers comes to. Two can be added: blocks of stored history keep theirs.
type Stats struct {
	N, Sum, SumSq, Min, Max float64
	m2                      float64 // sum of squared distances from the mean
}

// StatsOf are those of numbers.
func StatsOf(numbers []float64) (s Stats) {
	for _, x := range numbers {
		s.Add(x)
	}
	return s
}

// Add takes a number in (Welford: the variance of large numbers close together is not lost).
func (s *Stats) Add(x float64) {
	if s.N == 0 {
		*s = Stats{N: 1, Sum: x, SumSq: x * x, Min: x, Max: x}
		return
	}
	d := x - s.Sum/s.N
	s.N++
	s.Sum += x
	s.SumSq += x * x
	s.Min, s.Max = min(s.Min, x), max(s.Max, x)
	s.m2 += d * (x - s.Sum/s.N)
}

// Merge takes the numbers of others in (Chan et al.).
func (s *Stats) Merge(o Stats) {
	if s.N == 0 || o.N == 0 {
		if o.N > 0 {
			*s = o
		}
		return
	}
	d := o.Sum/o.N - s.Sum/s.N
	s.m2 += o.m2 + d*d*s.N*o.N/(s.N+o.N)
	s.N += o.N
	s.Sum += o.Sum
	s.SumSq += o.SumSq
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// Numbers are the fields in a fixed order, StatsFrom reads them back: a block keeps them.
func (s Stats) Numbers() [6]float64 { return [6]float64{s.N, s.Sum, s.SumSq, s.Min, s.Max, s.m2} }

// StatsFrom is what Numbers wrote.
func StatsFrom(n [6]float64) Stats { return Stats{n[0], n[1], n[2], n[3], n[4], n[5]} }

// of is what a method makes of numbers. The deviation is that of these numbers, not an estimate for others.
func (s *Stats) of(m Methods) (float64, bool) {
	if s.N == 0 {
		return 0, false
	}
	x := 0.0
	switch m {
	case Avg:
		x = s.Sum / s.N
	case Max:
		x = s.Max
	case Min:
		x = s.Min
	case Stddev:
		x = math.Sqrt(s.m2 / s.N)
	case Sum:
		x = s.Sum
	case Sumsq:
		x = s.SumSq
	default:
		return 0, false
	}
	return x, !math.IsInf(x, 0) && !math.IsNaN(x)
}
