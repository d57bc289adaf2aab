package audit

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// people are records whose class is mostly noise, so that a model can only learn them by heart.
func people(n, width int, seed uint64) data.Set {
	rng := rand.New(rand.NewPCG(seed, 9))
	s := data.Set{X: matrix.New(n, width), Y: make([]int, n), Classes: []string{"no", "yes"}, Groups: []data.Grouping{{Name: "sex", Values: []string{"f", "m"}, Of: make([]int, n)}}}
	for i := range n {
		for j := range width {
			s.X.Row(i)[j] = float32(rng.NormFloat64())
		}
		s.Y[i], s.Groups[0].Of[i] = rng.IntN(2), i%2
	}
	return s
}

// learner fits a logistic regression; a large C learns by heart.
func learner(c float64) func(context.Context, data.Set, uint64) (model.Model, error) {
	return func(ctx context.Context, rows data.Set, _ uint64) (model.Model, error) {
		r, err := model.NewRegression(rows.X, rows.Y, 2, model.RegressionConfig{C: c})
		if err != nil {
			return nil, err
		}
		f, err := r.Fit(ctx, nil, nil)
		if err != nil {
			return nil, err
		}
		return f.Model(), nil
	}
}

func subject(t *testing.T, c float64) Subject {
	t.Helper()
	s := Subject{Train: people(200, 150, 1), Test: people(200, 150, 2), Like: learner(c)}
	m, err := s.Like(context.Background(), s.Train, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Target = m
	return s
}

func quick(t *testing.T) Plan {
	p := mustPlan(t)
	p.References, p.Attacks = 4, []string{"lira", "rmia"}
	return p
}

func TestModelThatLearnedByHeartFailsAndOneThatLearnedNothingIsNotAccused(t *testing.T) {
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	auc := map[float64]float64{}
	for _, c := range []float64{1e-7, 10} {
		r, err := Run(t.Context(), subject(t, c), quick(t), Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Verdict.Figures {
			if f.Measure == MeasureAUC && f.Sight == OnPrediction && f.Grouping == Everybody && f.Attack == "lira" {
				auc[c] = f.Value
			}
			if c > 1 && f.Grouping == Outliers && f.Members+f.Others != 20 {
				t.Errorf("outliers are %d and %d of 400 records", f.Members, f.Others)
			}
		}
		if r.Verdict.Passed {
			t.Errorf("C=%v passed, although its groups are too small for the plan's limits", c)
		}
	}
	if auc[10] < 0.75 || auc[1e-7] > 0.55 {
		t.Errorf("areas: learned by heart %.3f, learned nothing %.3f", auc[10], auc[1e-7])
	}
}

func TestInterruptedAuditGoesOnAndComesToTheSame(t *testing.T) {
	s, p := subject(t, 10), quick(t)
	o := Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	whole, err := Run(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	kept := shelf{}
	ctx, stop := context.WithCancel(t.Context())
	o.Shelf, o.Step = kept, func(s Step) {
		if s.Done == 5 {
			stop()
		}
	}
	if _, err := Run(ctx, s, p, o); err == nil {
		t.Fatal("an audit whose context ended did not stop")
	}
	trained := 0
	like := s.Like
	s.Like = func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
		trained++
		return like(ctx, rows, seed)
	}
	o.Step = nil
	again, err := Run(t.Context(), s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := whole.Verdict.Encode()
	b, _ := again.Verdict.Encode()
	if !bytes.Equal(a, b) {
		t.Error("an audit that was interrupted came to another verdict")
	}
	if trained >= p.References {
		t.Errorf("%d of %d references were trained again", trained, p.References)
	}
}

type shelf map[string][]byte

func (s shelf) Get(name string) ([]byte, error) { return s[name], nil }
func (s shelf) Put(name string, b []byte) error { s[name] = b; return nil }

func TestUncleanSplitIsMeasuredOnlyIfThePlanSaysSo(t *testing.T) {
	s, p := subject(t, 1), quick(t)
	o := Options{Now: time.Now, Unclean: []string{"3 records stand in both splits"}}
	if _, err := Run(t.Context(), s, p, o); err == nil || tribune.HintOf(err) == "" {
		t.Fatalf("an unclean split: %v", err)
	}
	p.Unclean = true
	r, err := Run(t.Context(), s, p, o)
	if err != nil || r.Verdict.Passed || !strings.Contains(r.Verdict.Reasons[0], "both splits") {
		t.Errorf("%v, passed %t", err, err == nil && r.Verdict.Passed)
	}
}

func TestGroupsThatNobodySaysCostNoTraining(t *testing.T) {
	s, p := subject(t, 1), quick(t)
	like := s.Like
	trained := 0
	s.Like = func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
		trained++
		return like(ctx, rows, seed)
	}
	p.Groups = []string{"shoe"}
	_, err := Run(t.Context(), s, p, Options{Now: time.Now})
	if trained != 0 || !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) != "They have: sex." {
		t.Errorf("%d references were trained before: %v (%s)", trained, err, tribune.HintOf(err))
	}
	p.Groups = []string{"sex"}
	if _, err := Run(t.Context(), s, p, Options{Now: time.Now}); err != nil || trained != p.References {
		t.Errorf("%d references were trained for groups that there are: %v", trained, err)
	}
}
