package metric

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

// Scores rounded to few values: no threshold has exactly the rate that was asked for, and nothing is interpolated.
func TestTiesAreNeverSplit(t *testing.T) {
	s := Sample{[]float64{3, 3, 3, 2, 2, 1, 1, 1, 1, 0}, []bool{true, true, false, true, false, true, false, false, false, false}}
	c := must[Curve](t)(NewCurve(s))
	for _, d := range []struct{ fpr, tpr, threshold float64 }{{0.1, 0, math.Inf(1)}, {0.2, 0.5, 3}, {0.35, 0.75, 2}, {0.99, 1, 1}} {
		if tpr, at := c.TPR(d.fpr); tpr != d.tpr || at != d.threshold {
			t.Errorf("at %g: %g at threshold %g, want %g at %g", d.fpr, tpr, at, d.tpr, d.threshold)
		}
	}
	if b, at := c.Best(); math.Abs(b-0.7083333) > 1e-6 || at != 2 {
		t.Errorf("best balanced accuracy %g at %g", b, at)
	}
	auc, tpr, err := Bootstrap{Replicates: 400, Seed: 1}.Resampled(t.Context(), s, []float64{0.2, 0.5}, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if auc.Value != c.AUC() || !covers(auc.Interval, auc.Value) || tpr[0].Value != 0.5 || !covers(tpr[1].Interval, 0.75) {
		t.Errorf("resampled: %+v, %+v", auc, tpr)
	}
}

func TestARateOfWholeAlarmsIsReached(t *testing.T) {
	for _, c := range []struct {
		n    int
		fpr  float64
		want int
	}{{100, 0.29, 29}, {1000, 0.001, 1}, {999, 0.001, 0}, {8000, 0.001, 8}, {10, 1, 10}} { // 0.29 * 100 is 28.999999999999996
		if got := allowed(c.n, c.fpr); got != c.want {
			t.Errorf("%g of %d: %d alarms, want %d", c.fpr, c.n, got, c.want)
		}
	}
}

// A draw that takes every record once is the sample itself.
func TestTheBootstrapMeasuresWhatTheCurveSays(t *testing.T) {
	s := gaussian(source(11), 60, 90, 1)
	for i := range s.Score {
		s.Score[i] = math.Round(2 * s.Score[i]) // ties
	}
	c, r := must[Curve](t)(NewCurve(s)), rank(s)
	times := make([]int32, len(s.Score))
	for i := range times {
		times[i] = 1
	}
	fpr := []float64{0.001, 0.05, 0.2, 0.5, 0.99}
	out := make([]float64, 1+len(fpr))
	for range 2 {
		r.measure(times, fpr, out)
		same(t, "area", out[0], c.AUC(), 1e-12)
		for i, f := range fpr {
			want, _ := c.TPR(f)
			same(t, "rate", out[1+i], want, 1e-12)
		}
		r.whole = [2]int{} // as of a group
	}
}

// The interval by its definition, from sorted scores and summed probabilities.
func TestTPRIntervalsAreTheirDefinition(t *testing.T) {
	const members, others, fpr, tail = 50, 40, 0.1, 0.025
	s := gaussian(source(12), members, others, 1)
	high := slices.Clone(s.Score[members:])
	slices.SortFunc(high, func(a, b float64) int { return cmp.Compare(b, a) })
	var below, pmf float64 = 0, math.Pow(1-fpr, others)
	lo, hi := -1, -1
	for k := range others {
		below += pmf
		if lo < 0 && below > tail {
			lo = k
		}
		if hi < 0 && 1-below <= tail {
			hi = k
		}
		pmf *= float64(others-k) / float64(k+1) * fpr / (1 - fpr)
	}
	found := func(ok func(score float64) bool) float64 {
		n := 0.0
		for _, v := range s.Score[:members] {
			if ok(v) {
				n++
			}
		}
		return n / members
	}
	least := found(func(v float64) bool { return v >= high[lo-1] })
	most := found(func(v float64) bool { return v > high[hi] })
	tpr := found(func(v float64) bool { return v > high[4] }) // four of forty may raise an alarm
	own := must[Interval](t)(ClopperPearson(int(math.Round(tpr*members)), members, 0.95))
	got := must[Curve](t)(NewCurve(s)).TPRInterval(fpr, 0.95)
	same(t, "low", got.Low, tpr-math.Hypot(tpr-least, tpr-own.Low), 1e-9)
	same(t, "high", got.High, tpr+math.Hypot(most-tpr, own.High-tpr), 1e-9)
}

func TestLogPointsBeginAtOneAlarm(t *testing.T) {
	c := must[Curve](t)(NewCurve(gaussian(source(6), 300, 5000, 1)))
	p := c.LogPoints(50)
	if len(p) > 50 || len(p) < 30 || p[0].FPR != 1.0/5000 || p[len(p)-1] != (Point{1, 1}) {
		t.Errorf("%d points from %v to %v", len(p), p[0], p[len(p)-1])
	}
	for i := 1; i < len(p); i++ {
		if p[i].FPR <= p[i-1].FPR || p[i].TPR < p[i-1].TPR {
			t.Errorf("points %v and %v are out of order", p[i-1], p[i])
		}
	}
}
