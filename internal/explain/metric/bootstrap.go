package metric

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"tribune"
)

// Bootstrap draws records again and again: members from the members and others from the others, as many as there are (stratified).
type Bootstrap struct {
	Replicates int // 0 is 2000, at most 100,000
	Seed       uint64
}

const maxReplicates = 100_000

// statistic fills out from how often each row was drawn. It is one goroutine's own.
type statistic func(times []int32, out []float64)

// run gives Replicates rows of width numbers. Replicate b draws from (Seed, b): which goroutine makes it plays no part.
func (b Bootstrap) run(ctx context.Context, member []bool, width int, fresh func() statistic) ([][]float64, error) {
	n := b.Replicates
	if n == 0 {
		n = 2000
	}
	if n < 100 || n > maxReplicates {
		return nil, fmt.Errorf("measuring: %d bootstrap replicates, 100 to %d are possible: %w", n, maxReplicates, tribune.ErrInvalid)
	}
	var rows [2][]int32 // others, members
	for i, m := range member {
		k := 0
		if m {
			k = 1
		}
		rows[k] = append(rows[k], int32(i))
	}
	all := make([]float64, n*width)
	out := make([][]float64, n)
	g, inner := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), n)
	for w := range workers {
		g.Go(func() error {
			times, measure := make([]int32, len(member)), fresh()
			for r := w; r < n; r += workers {
				if err := inner.Err(); err != nil {
					return err
				}
				clear(times)
				random := rand.NewPCG(b.Seed, uint64(r))
				for _, of := range rows {
					draw(random, of, times)
				}
				out[r] = all[r*width : (r+1)*width]
				measure(times, out[r])
			}
			return nil
		})
	}
	return out, g.Wait()
}

// draw counts len(of) rows, drawn with replacement: two 32-bit draws of each random word (the multiplication's bias is below len/2^32).
func draw(random *rand.PCG, of []int32, times []int32) {
	n := uint64(len(of))
	for i := 0; i < len(of); i += 2 {
		word := random.Uint64()
		times[of[(word>>32)*n>>32]]++
		if i+1 < len(of) {
			times[of[(word&math.MaxUint32)*n>>32]]++
		}
	}
}

// measure gives the area (NaN where members or others are missing) and the true positive rates at fpr of the sample that was drawn, in one walk from the top. It
// runs thousands of times over every record: no branch depends on who is a member.
func (r ranking) measure(times []int32, fpr []float64, out []float64) {
	total := r.drawn(times)
	if total[0] == 0 || total[1] == 0 {
		for i := range out {
			out[i] = math.NaN()
		}
		return
	}
	var now, before [2]int // others and members so far: down to this record, and down to the score above
	var twice float64
	next, most := 0, -1 // rates are in ascending order; that of next, with most alarms, is not settled yet
	if len(fpr) > 0 {
		most = allowed(total[0], fpr[0])
	}
	for i, code := range r.codes {
		now[code&1] += int(times[code>>1])
		if !r.last[i] {
			continue
		}
		twice += float64((now[0] - before[0]) * (now[1] + before[1]))
		for next < len(fpr) && now[0] > most {
			out[1+next] = float64(before[1]) / float64(total[1])
			if next++; next < len(fpr) {
				most = allowed(total[0], fpr[next])
			}
		}
		before = now
	}
	for ; next < len(fpr); next++ {
		out[1+next] = 1
	}
	out[0] = twice / 2 / float64(total[1]) / float64(total[0])
}

// drawn is how many others and members were drawn.
func (r ranking) drawn(times []int32) (total [2]int) {
	if r.whole != total {
		return r.whole
	}
	for _, code := range r.codes {
		total[code&1] += int(times[code>>1])
	}
	return total
}

// percentile is the interval between the outer shares of v, which is sorted.
func percentile(v []float64, confidence float64) Interval {
	slices.Sort(v)
	tail := (1 - confidence) / 2
	return Interval{quantile(v, tail), quantile(v, 1-tail)}
}

// quantile of sorted numbers, linear between neighbours.
func quantile(v []float64, p float64) float64 {
	at := p * float64(len(v)-1)
	lo := int(at)
	if lo+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[lo] + (at-float64(lo))*(v[lo+1]-v[lo])
}

// Resampled is what percentiles of the bootstrap say of one sample; for comparison with the intervals of Support, which are preferred (see the package).
func (b Bootstrap) Resampled(ctx context.Context, s Sample, fpr []float64, confidence float64) (auc Figure, tpr []Figure, err error) {
	c, err := NewCurve(s)
	if err != nil {
		return auc, nil, err
	}
	if err := rising(fpr, confidence); err != nil {
		return auc, nil, err
	}
	r := rank(s)
	draws, err := b.run(ctx, s.Member, 1+len(fpr), func() statistic {
		return func(times []int32, out []float64) { r.measure(times, fpr, out) }
	})
	if err != nil {
		return auc, nil, err
	}
	auc = Figure{c.AUC(), percentile(column(draws, 0), confidence)}
	for i, f := range fpr {
		v, _ := c.TPR(f)
		tpr = append(tpr, Figure{v, percentile(column(draws, 1+i), confidence)})
	}
	return auc, tpr, nil
}

// rising refuses rates that are not in 0..1 in ascending order.
func rising(fpr []float64, confidence float64) error {
	for i, f := range fpr {
		if !(f > 0 && f < 1) || (i > 0 && f <= fpr[i-1]) {
			return fmt.Errorf("measuring: false positive rates %v must rise between 0 and 1: %w", fpr, tribune.ErrInvalid)
		}
	}
	return confident(confidence)
}

func column(draws [][]float64, i int) []float64 {
	out := make([]float64, len(draws))
	for r, d := range draws {
		out[r] = d[i]
	}
	return out
}
