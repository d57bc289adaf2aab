package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

// gaussian is a sample whose true curve is known: others N(0,1), members N(shift, 1), rounded to a grid if there is one.
func gaussian(r *rand.Rand, members, others int, shift float64) Sample {
	s := Sample{make([]float64, members+others), make([]bool, members+others)}
	for i := range s.Score {
		s.Score[i] = r.NormFloat64()
		if i < members {
			s.Member[i] = true
			s.Score[i] += shift
		}
	}
	return s
}

func phi(x float64) float64              { return math.Erfc(-x/math.Sqrt2) / 2 }
func trueAUC(shift float64) float64      { return phi(shift / math.Sqrt2) }
func trueTPR(shift, fpr float64) float64 { return phi(shift + normal(fpr)) }
func covers(i Interval, v float64) bool  { return i.Low <= v && v <= i.High }
func share(hits, of int) float64         { return float64(hits) / float64(of) }
func source(seed uint64) *rand.Rand      { return rand.New(rand.NewPCG(seed, 0)) }
func loose() Support                     { return Support{FPRFactor: 10, TPRWidth: 1, AUCWidth: 1} }
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTPRIntervalsCoverWhereTheBootstrapDoesNot(t *testing.T) {
	const runs, fpr = 300, 0.01
	for _, c := range []struct{ shift, width float64 }{{-1, 0.02}, {0, 0.04}, {1, 0.15}, {3, 0.25}} {
		r := source(uint64(c.shift + 2))
		covered, resampled, width := 0, 0, 0.0
		for run := range runs {
			s := gaussian(r, 300, 1000, c.shift)
			i := must[Curve](t)(NewCurve(s)).TPRInterval(fpr, 0.95)
			width += i.Width() / runs
			if covers(i, trueTPR(c.shift, fpr)) {
				covered++
			}
			if run%5 != 0 {
				continue
			}
			_, tpr, err := Bootstrap{Replicates: 100, Seed: uint64(run)}.Resampled(t.Context(), s, []float64{fpr}, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			if covers(tpr[0].Interval, trueTPR(c.shift, fpr)) {
				resampled++
			}
		}
		t.Logf("shift %g, TPR %.4f: covered %.3f, mean width %.3f; by the bootstrap %.3f", c.shift, trueTPR(c.shift, fpr), share(covered, runs), width, share(resampled, runs/5))
		if share(covered, runs) < 0.95-0.015 {
			t.Errorf("shift %g: the interval covers %.3f", c.shift, share(covered, runs))
		}
		if width > c.width {
			t.Errorf("shift %g: the interval is %.3f wide: it covers by saying nothing", c.shift, width)
		}
		if c.shift < 0 && share(resampled, runs/5) > 0.5 {
			t.Errorf("shift %g: the bootstrap covers %.3f, so it could be used", c.shift, share(resampled, runs/5))
		}
	}
}

func TestAUCIntervalsCover(t *testing.T) {
	const runs = 600
	for _, c := range []struct {
		members, others int
		shift           float64
	}{{60, 60, 0}, {40, 400, 1}, {100, 100, 2.5}} {
		r := source(uint64(c.members))
		delong, resampled := 0, 0
		for run := range runs {
			s := gaussian(r, c.members, c.others, c.shift)
			if covers(must[Figure](t)(loose().AUC(s, 0.95)).Interval, trueAUC(c.shift)) {
				delong++
			}
			if run%3 != 0 {
				continue
			}
			auc, _, err := Bootstrap{Replicates: 200, Seed: uint64(run)}.Resampled(t.Context(), s, nil, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			if covers(auc.Interval, trueAUC(c.shift)) {
				resampled++
			}
		}
		t.Logf("%d members, %d others, AUC %.3f: DeLong %.3f, bootstrap %.3f", c.members, c.others, trueAUC(c.shift), share(delong, runs), share(resampled, runs/3))
		if share(delong, runs) < 0.925 || share(delong, runs) > 0.985 {
			t.Errorf("%d members, %d others: DeLong's interval covers %.3f", c.members, c.others, share(delong, runs))
		}
		if share(resampled, runs/3) < 0.88 {
			t.Errorf("%d members, %d others: the bootstrap covers %.3f", c.members, c.others, share(resampled, runs/3))
		}
	}
}

// Two attacks that share half of their noise; the second knows more.
func TestLeakBeyondIsCoveredAndNotInvented(t *testing.T) {
	const runs, fpr = 150, 0.05
	for _, more := range []float64{0, 0.5} {
		r := source(uint64(100 * more))
		auc, tpr, false5 := 0, 0, 0
		for run := range runs {
			alone := gaussian(r, 200, 200, 0.5)
			both := Sample{make([]float64, 400), alone.Member}
			for i, v := range alone.Score {
				shift := 0.5
				if alone.Member[i] {
					v -= shift
					both.Score[i] = shift + more
				}
				both.Score[i] += math.Sqrt(0.75)*v + 0.5*r.NormFloat64()
			}
			b, err := Bootstrap{Replicates: 200, Seed: uint64(run)}.LeakBeyond(t.Context(), alone, both, []float64{fpr}, loose(), 0.95)
			if err != nil {
				t.Fatal(err)
			}
			if covers(b.AUC.Interval, trueAUC(0.5+more)-trueAUC(0.5)) {
				auc++
			}
			if covers(b.TPR[0].Interval, trueTPR(0.5+more, fpr)-trueTPR(0.5, fpr)) {
				tpr++
			}
			if b.P < 0.05 {
				false5++
			}
		}
		t.Logf("more %g: AUC %.3f, TPR %.3f, p < 0.05 in %.3f", more, share(auc, runs), share(tpr, runs), share(false5, runs))
		if share(auc, runs) < 0.89 || share(tpr, runs) < 0.89 {
			t.Errorf("more %g: covered %.3f (AUC) and %.3f (TPR)", more, share(auc, runs), share(tpr, runs))
		}
		if more == 0 && share(false5, runs) > 0.1 {
			t.Errorf("a leak that is not there is found in %.3f of runs", share(false5, runs))
		}
		if more > 0 && share(false5, runs) < 0.5 {
			t.Errorf("a leak of %.3f is found in %.3f of runs only", trueAUC(0.5+more)-trueAUC(0.5), share(false5, runs))
		}
	}
}

func TestSimultaneousIntervalsHoldForAllGroupsAtOnce(t *testing.T) {
	const runs, rows = 150, 800
	var groups []Group
	for g := range 8 { // two groupings of the same people: by residue of 4 and by quarter
		group := Group{Name: string(rune('a' + g))}
		for i := range rows {
			if (g < 4 && i%4 == g) || (g >= 4 && i%200/50 == g-4) {
				group.Rows = append(group.Rows, i)
			}
		}
		groups = append(groups, group)
	}
	r := source(8)
	together, single, narrower := 0, 0, 0
	for run := range runs {
		s := gaussian(r, rows/2, rows/2, 0.4)
		figures, _, err := Bootstrap{Replicates: 200, Seed: uint64(run)}.Simultaneous(t.Context(), s, groups, loose(), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		all, each := true, true
		for g, f := range figures {
			all = all && covers(f.Interval, trueAUC(0.4))
			own := must[Figure](t)(loose().AUC(s.Pick(groups[g].Rows), 0.95))
			each = each && covers(own.Interval, trueAUC(0.4))
			if f.Width() <= must[Figure](t)(loose().AUC(s.Pick(groups[g].Rows), Each(0.95, len(groups)))).Width()+1e-9 {
				narrower++
			}
		}
		if all {
			together++
		}
		if each {
			single++
		}
	}
	t.Logf("all eight at once: %.3f by max-t, %.3f by single intervals", share(together, runs), share(single, runs))
	if share(together, runs) < 0.9 {
		t.Errorf("the intervals hold together in %.3f of runs", share(together, runs))
	}
	if share(single, runs) > 0.88 {
		t.Error("single intervals hold together as well: the test would not see a fault")
	}
	if narrower != runs*len(groups) {
		t.Errorf("wider than Bonferroni in %d of %d", runs*len(groups)-narrower, runs*len(groups))
	}
}
