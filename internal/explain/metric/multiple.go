package metric

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Each is the confidence that each of n intervals needs for all of them to hold at once with confidence, whatever depends on what (Bonferroni).
func Each(confidence float64, n int) float64 {
	return 1 - (1-confidence)/float64(max(n, 1))
}

// Holm adjusts probabilities so that rejecting those at most alpha makes a single false rejection with probability at most alpha (Holm 1979), however they depend on
// each other. The order is that of p.
func Holm(p []float64) []float64 {
	out, at := make([]float64, len(p)), ascending(p)
	var most float64
	for k, i := range at {
		most = max(most, min(1, float64(len(p)-k)*p[i]))
		out[i] = most
	}
	return out
}

// BenjaminiHochberg adjusts probabilities so that of those at most q a share of at most q is falsely rejected, in expectation (Benjamini, Hochberg 1995), if they are
// independent or positively dependent. It is for looking around; a verdict takes Holm or simultaneous intervals.
func BenjaminiHochberg(p []float64) []float64 {
	out, at := make([]float64, len(p)), ascending(p)
	least := 1.0
	for k := len(at) - 1; k >= 0; k-- {
		least = min(least, p[at[k]]*float64(len(p))/float64(k+1))
		out[at[k]] = least
	}
	return out
}

func ascending(p []float64) []int {
	at := make([]int, len(p))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return at
}

// fewestBeyond replicates must lie beyond a quantile that is read off them: its own confidence is then within a third or so.
const fewestBeyond = 10

// Group is some of a sample's records.
type Group struct {
	Name string
	Rows []int
}

// Simultaneous gives the area of each group with intervals that hold for all groups at once: the largest standardized deviation over the groups in each
// replicate sets one width for all, on the logit scale (max-t; Westfall, Young 1993, chapter 2). Groups may overlap, as sex and age do; records are drawn once for
// all of them, so that what depends is not counted twice. That takes 10/(1-confidence) replicates; with fewer the width is Bonferroni's. A group for which support refuses the area stands in refused, and in no interval.
func (b Bootstrap) Simultaneous(ctx context.Context, s Sample, groups []Group, support Support, confidence float64) (figures []Figure, refused []error, err error) {
	if err := confident(confidence); err != nil {
		return nil, nil, err
	}
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	figures, refused = make([]Figure, len(groups)), make([]error, len(groups))
	var kept []int
	var ranks []ranking
	var spread []float64 // standard error on the logit scale
	for g, group := range groups {
		part := s.Pick(group.Rows)
		f, err := support.AUC(part, confidence)
		if err != nil {
			refused[g] = err
			continue
		}
		figures[g] = f
		d, err := Compare(part.Member, part.Score)
		if err != nil {
			return nil, nil, err
		}
		se := math.Sqrt(d.Cov[0][0]) / (f.Value * (1 - f.Value))
		if f.Value <= 0 || f.Value >= 1 || se == 0 {
			figures[g].Interval = d.interval(0, Each(confidence, len(groups))) // nothing to standardize
			continue
		}
		kept, spread, ranks = append(kept, g), append(spread, se), append(ranks, s.within(group.Rows))
	}
	if len(kept) == 0 {
		return figures, refused, nil
	}
	draws, err := b.run(ctx, s.Member, 1, func() statistic {
		one := make([]float64, 1)
		return func(times []int32, out []float64) {
			out[0] = 0
			for k, r := range ranks {
				r.measure(times, nil, one)
				v := one[0]
				if math.IsNaN(v) || v <= 0 || v >= 1 {
					out[0] = math.Inf(1) // a draw that separates a group says: as far off as can be
					continue
				}
				out[0] = max(out[0], math.Abs(logit(v)-logit(figures[kept[k]].Value))/spread[k])
			}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	// Never narrower than one group by itself, never wider than Bonferroni; and Bonferroni where too few replicates lie beyond the quantile to tell it.
	tail := (1 - confidence) / 2
	most, t := column(draws, 0), normal(1-tail/float64(len(groups)))
	if beyond := int((1 - confidence) * float64(len(most))); beyond >= fewestBeyond {
		slices.Sort(most)
		t = min(t, max(most[len(most)-beyond], normal(1-tail)))
	}
	for k, g := range kept {
		l := logit(figures[g].Value)
		figures[g].Interval = Interval{inverse(l - t*spread[k]), inverse(l + t*spread[k])}
	}
	return figures, refused, nil
}

// within ranks some rows, under their numbers in the whole sample.
func (s Sample) within(rows []int) ranking {
	r := rank(s.Pick(rows))
	for i, code := range r.codes {
		r.codes[i] = uint32(rows[code>>1])<<1 | code&1
	}
	r.whole = [2]int{} // a group is drawn more or less often
	return r
}
