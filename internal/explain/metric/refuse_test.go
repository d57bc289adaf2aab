package metric

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func TestRatesThatTooFewRecordsCarryAreRefused(t *testing.T) {
	var s Support
	// The rule is the smallest k/fpr whose Clopper-Pearson upper end is at most twice the rate.
	for _, c := range []struct {
		fpr  float64
		need int
	}{{0.001, 8000}, {0.01, 800}} {
		if got := s.OthersFor(c.fpr); got != c.need {
			t.Errorf("%g needs %d others, not %d", c.fpr, got, c.need)
		}
		r := source(1)
		for _, d := range []struct {
			members, others int
			of              string
		}{{500, c.need, ""}, {500, c.need - 1, "others"}, {20, c.need, "members"}} {
			curve := must[Curve](t)(NewCurve(gaussian(r, d.members, d.others, 1)))
			f, err := s.TPR(curve, c.fpr, 0.95)
			var few *TooFewError
			switch {
			case d.of == "":
				if err != nil || f.Low > f.Value || f.Value > f.High || f.High > 1 {
					t.Errorf("%d members, %d others: %+v, %v", d.members, d.others, f, err)
				}
			case !errors.As(err, &few) || !errors.Is(err, ErrTooFew) || few.Of != d.of || few.Have >= few.Need || f != Figure{}:
				t.Errorf("%d members, %d others: %+v, %v", d.members, d.others, f, err)
			}
		}
	}
	if !(clopperPearson(7, 7000, 0.025).High > 0.002 && clopperPearson(8, 8000, 0.025).High <= 0.002) {
		t.Error("eight alarms are not the fewest that the documented rule allows")
	}
	// Asking for many intervals at once makes them wider; it does not make the data fewer.
	curve := must[Curve](t)(NewCurve(gaussian(source(2), 500, 8000, 0)))
	one, many := must[Figure](t)(s.TPR(curve, 0.001, 0.95)), must[Figure](t)(s.TPR(curve, 0.001, Each(0.95, 100)))
	if many.Width() <= one.Width() {
		t.Errorf("one of a hundred is %g wide, one alone %g", many.Width(), one.Width())
	}
	if s.OthersFor(0) != math.MaxInt32 || (Support{FPRFactor: 1}).OthersFor(0.1) != math.MaxInt32 {
		t.Error("a rate of 0, or a factor of 1, can be supported")
	}
}

func TestAreasThatTooFewRecordsCarryAreRefused(t *testing.T) {
	var s Support
	few := gaussian(source(3), 20, 500, 0)
	_, err := s.AUC(few, 0.95)
	var refusal *TooFewError
	if !errors.As(err, &refusal) || refusal.Of != "members" || refusal.Need <= 20 {
		t.Fatalf("20 members: %v", err)
	}
	if !strings.Contains(err.Error(), "20 members") {
		t.Errorf("the refusal does not say what there is: %v", err)
	}
	enough := gaussian(source(3), refusal.Need*5/4, 500, 0)
	if _, err := s.AUC(enough, 0.95); err != nil {
		t.Errorf("a fourth more than what was asked for: %v", err)
	}
}

// Perfect separation has no variance; its interval is still no point.
func TestSeparationIsNoCertainty(t *testing.T) {
	s := gaussian(source(4), 50, 70, 100)
	f := must[Figure](t)(Support{}.AUC(s, 0.95))
	if f.Value != 1 || f.High != 1 || f.Low < 0.9 || f.Low > 0.95 {
		t.Errorf("%+v: 50 pairs of 50 bound the area at 0.929", f)
	}
	d, err := Compare(s.Member, s.Score, s.Score)
	if err != nil {
		t.Fatal(err)
	}
	if _, se, p := d.Better(0, 1); se != 0 || p != 1 {
		t.Errorf("an attack differs from itself: se %g, p %g", se, p)
	}
	if p := d.Leaks(0); p > 1e-12 {
		t.Errorf("a perfect attack guesses with probability %g", p)
	}
	b, err := Bootstrap{Replicates: 100}.LeakBeyond(t.Context(), s, s, []float64{0.1}, loose(), 0.95)
	if err != nil || b.AUC.Value != 0 || b.TPR[0].Width() == 0 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestSamplesThatCannotBeMeasuredAreRefused(t *testing.T) {
	both := []bool{true, false, true}
	for name, c := range map[string]struct {
		s    Sample
		want error
	}{
		"a score that is no number": {Sample{[]float64{1, math.NaN(), 2}, both}, tribune.ErrInvalid},
		"fewer scores than records": {Sample{[]float64{1}, both}, tribune.ErrInvalid},
		"nobody":                    {Sample{}, ErrTooFew},
		"members only":              {Sample{[]float64{1, 2}, []bool{true, true}}, ErrTooFew},
		"others only":               {Sample{[]float64{1, 2}, []bool{false, false}}, ErrTooFew},
	} {
		if _, err := NewCurve(c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (Support{}).AUC(c.s, 0.95); !errors.Is(err, c.want) {
			t.Errorf("area of %s: %v", name, err)
		}
	}
	good := gaussian(source(1), 100, 100, 0)
	for _, confidence := range []float64{0, 1, -1, math.NaN(), 95} {
		if _, err := (Support{}).AUC(good, confidence); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("confidence %g: %v", confidence, err)
		}
	}
	for _, fpr := range [][]float64{{0}, {1}, {0.1, 0.1}, {0.2, 0.1}, {math.NaN()}} {
		if _, _, err := (Bootstrap{}).Resampled(t.Context(), good, fpr, 0.95); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("rates %v: %v", fpr, err)
		}
	}
	if _, _, err := (Bootstrap{Replicates: 99}).Resampled(t.Context(), good, nil, 0.95); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("99 replicates: %v", err)
	}
	other := gaussian(source(1), 101, 99, 0)
	if _, err := (Bootstrap{}).LeakBeyond(t.Context(), good, other, nil, Support{}, 0.95); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("attacks on different records: %v", err)
	}
	_, refused, err := Bootstrap{Replicates: 100}.Simultaneous(t.Context(), good, []Group{{"all", []int{0, 1, 2, 3}}}, Support{}, 0.95)
	if err != nil || !errors.Is(refused[0], ErrTooFew) {
		t.Errorf("a group of four members: %v, %v", refused, err)
	}
}

func TestInfiniteScoresAreScores(t *testing.T) {
	s := Sample{[]float64{math.Inf(1), math.Inf(1), 0, math.Inf(-1)}, []bool{true, false, true, false}}
	c := must[Curve](t)(NewCurve(s))
	if got := c.AUC(); got != 0.625 { // 1/2 + 1 + 0 + 1 of four pairs
		t.Errorf("area %g", got)
	}
	if tpr, _ := c.TPR(0.4); tpr != 0 {
		t.Errorf("a tie of a member and an other at the top finds %g without an alarm", tpr)
	}
}

func TestACommonThresholdMeasuresSmallGroups(t *testing.T) {
	s := gaussian(source(7), 2000, 2000, 1)
	all := must[Curve](t)(NewCurve(s))
	_, threshold := all.TPR(0.01)
	var rows []int
	for i := range s.Score {
		if i%8 == 0 {
			rows = append(rows, i)
		}
	}
	group := must[Curve](t)(NewCurve(s.Pick(rows)))
	if _, err := (Support{}).TPR(group, 0.01, 0.95); !errors.Is(err, ErrTooFew) {
		t.Errorf("250 others carry a threshold of their own: %v", err)
	}
	tpr, fpr, err := Support{}.TPRAt(group, threshold, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := all.TPR(0.01)
	if !covers(tpr.Interval, want) || !covers(fpr.Interval, 0.01) {
		t.Errorf("%+v at %+v, want %g at 0.01", tpr, fpr, want)
	}
}

func TestResultsDoNotDependOnCores(t *testing.T) {
	s := gaussian(source(9), 200, 300, 0.5)
	groups := []Group{{"even", nil}, {"all", nil}}
	for i := range s.Score {
		if i%2 == 0 {
			groups[0].Rows = append(groups[0].Rows, i)
		}
		groups[1].Rows = append(groups[1].Rows, i)
	}
	onCores(t, 1, func() {
		a1, t1, err1 := Bootstrap{Replicates: 200, Seed: 4}.Resampled(t.Context(), s, []float64{0.05}, 0.95)
		f1, _, _ := Bootstrap{Replicates: 200, Seed: 4}.Simultaneous(t.Context(), s, groups, loose(), 0.95)
		onCores(t, 4, func() {
			a4, t4, err4 := Bootstrap{Replicates: 200, Seed: 4}.Resampled(t.Context(), s, []float64{0.05}, 0.95)
			f4, _, _ := Bootstrap{Replicates: 200, Seed: 4}.Simultaneous(t.Context(), s, groups, loose(), 0.95)
			if a1 != a4 || !slices.Equal(t1, t4) || !slices.Equal(f1, f4) || err1 != nil || err4 != nil {
				t.Errorf("one core %v %v %v, four cores %v %v %v", a1, t1, f1, a4, t4, f4)
			}
		})
	})
	a, _, _ := Bootstrap{Replicates: 200, Seed: 5}.Resampled(t.Context(), s, nil, 0.95)
	b, _, _ := Bootstrap{Replicates: 200, Seed: 6}.Resampled(t.Context(), s, nil, 0.95)
	if a == b {
		t.Error("another seed draws the same records")
	}
}

func TestOutliersAreTheSparse(t *testing.T) {
	reference := matrix.New(500, 3)
	r := source(10)
	for i := range reference.Data {
		reference.Data[i] = float32(r.NormFloat64())
	}
	x := matrix.New(20, 3)
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64()) / 2
	}
	for _, i := range []int{4, 11} {
		x.Row(i)[1] = 6
	}
	far, err := Sparseness(t.Context(), x, reference, 5)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Outliers(far, 0.1)
	if err != nil || !slices.Equal(got, []int{4, 11}) {
		t.Errorf("outliers %v, %v", got, err)
	}
	if _, err := Sparseness(t.Context(), x, reference.Slice(0, 4), 5); !errors.Is(err, ErrTooFew) {
		t.Errorf("fewer references than neighbours: %v", err)
	}
	if _, err := Sparseness(t.Context(), x, matrix.New(9, 2), 5); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("another width: %v", err)
	}
	for _, bad := range []float64{0, 1.1, math.NaN()} {
		if _, err := Outliers(far, bad); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("share %g: %v", bad, err)
		}
	}
	if _, err := Outliers([]float64{1, math.NaN()}, 0.5); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("oddness that is no number: %v", err)
	}
}
