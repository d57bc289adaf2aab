package metric

import (
	"context"
	"fmt"

	"tribune"
)

// Beyond is what an explanation gives away that the prediction does not: the attack on both less the attack on the prediction alone, on the same records.
type Beyond struct {
	AUC Figure
	P   float64  // DeLong's two-sided probability of such a difference of areas, if there were none
	TPR []Figure // difference of the shares of members found, at each rate asked for
}

// LeakBeyond compares both with alone, which must be about the same records in the same order. Intervals are percentiles of a paired bootstrap: a record is drawn with
// both its scores. An interval of TPR is never narrower than what no event among all members is worth: a bootstrap of attacks that both find nobody says 0..0, which
// is more than is known. What support refuses for either attack is refused here.
func (b Bootstrap) LeakBeyond(ctx context.Context, alone, both Sample, fpr []float64, support Support, confidence float64) (Beyond, error) {
	if err := rising(fpr, confidence); err != nil {
		return Beyond{}, err
	}
	if err := sameRecords(alone, both); err != nil {
		return Beyond{}, err
	}
	d, err := Compare(alone.Member, both.Score, alone.Score)
	if err != nil {
		return Beyond{}, err
	}
	for _, s := range []Sample{alone, both} {
		if err := supported(s, fpr, support, confidence); err != nil {
			return Beyond{}, err
		}
	}
	width := 1 + len(fpr)
	a, z := rank(both), rank(alone)
	draws, err := b.run(ctx, alone.Member, width, func() statistic {
		other := make([]float64, width)
		return func(times []int32, out []float64) {
			a.measure(times, fpr, out)
			z.measure(times, fpr, other)
			for i, v := range other {
				out[i] -= v
			}
		}
	})
	if err != nil {
		return Beyond{}, err
	}
	out := Beyond{}
	diff, _, p := d.Better(0, 1)
	out.P = p
	out.AUC = Figure{diff, percentile(column(draws, 0), confidence).around(diff)}
	for i, v := range differences(both, alone, fpr) {
		least := clopperPearson(0, d.members, (1-confidence)/2).High
		in := percentile(column(draws, 1+i), confidence).around(v - least).around(v + least)
		out.TPR = append(out.TPR, Figure{v, Interval{max(in.Low, -1), min(in.High, 1)}})
	}
	return out, nil
}

func supported(s Sample, fpr []float64, support Support, confidence float64) error {
	c, err := NewCurve(s)
	if err != nil {
		return err
	}
	if _, err := support.AUC(s, confidence); err != nil {
		return err
	}
	for _, f := range fpr {
		if _, err := support.TPR(c, f, confidence); err != nil {
			return err
		}
	}
	return nil
}

func differences(a, b Sample, fpr []float64) []float64 {
	out := make([]float64, len(fpr))
	x, _ := NewCurve(a) // both were checked
	y, _ := NewCurve(b)
	for i, f := range fpr {
		v, _ := x.TPR(f)
		w, _ := y.TPR(f)
		out[i] = v - w
	}
	return out
}

func sameRecords(a, b Sample) error {
	if len(a.Member) != len(b.Member) {
		return fmt.Errorf("comparing attacks on %d and %d records: %w", len(a.Member), len(b.Member), tribune.ErrInvalid)
	}
	for i, m := range a.Member {
		if m != b.Member[i] {
			return fmt.Errorf("comparing attacks: record %d is a member in one sample only: %w", i, tribune.ErrInvalid)
		}
	}
	return nil
}
