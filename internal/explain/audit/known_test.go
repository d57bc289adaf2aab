package audit

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// timid halves what a model says of the second class, so that it never names it: as models of rare classes do.
type timid struct{ model.Model }

func (m timid) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	p, err := m.Model.Predict(ctx, x)
	for i := range p.Rows {
		p.Row(i)[1] /= 2.1
		p.Row(i)[0] = 1 - p.Row(i)[1]
	}
	return p, err
}

func TestModelThatKnowsNothingOfItsOwnTrainingRecordsIsFoundOut(t *testing.T) {
	s := subject(t, 10)
	learned := s.Target
	for name, c := range map[string]struct {
		target  model.Model
		nothing bool
	}{
		"learned by heart":             {learned, false},
		"never names one class":        {timid{learned}, false},
		"given numbers it cannot read": {&tally{inputs: 150, classes: 2}, true},
	} {
		s.Target = c.target
		k, err := Know(t.Context(), s, 150, 1)
		if err != nil {
			t.Fatal(err)
		}
		if k.Nothing() != c.nothing {
			t.Errorf("%s: %v: knows nothing %t, want %t", name, k, k.Nothing(), c.nothing)
		}
	}
}

func TestModelOfOtherClassesIsRefusedBeforeItIsAsked(t *testing.T) {
	s := subject(t, 1)
	s.Target = &tally{inputs: 150, classes: 3}
	if _, err := Know(t.Context(), s, 0, 1); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("three classes for two: %v", err)
	}
	if _, err := Run(t.Context(), s, quick(t), Options{Now: time.Now}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("auditing it: %v", err)
	}
}

// counted counts what its model is asked.
type counted struct {
	model.Model
	n *atomic.Int64
}

func (c counted) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	c.n.Add(int64(x.Rows))
	return c.Model.Predict(ctx, x)
}

func TestWhatAnEndpointWillBeAskedIsKnownBeforeItIsAsked(t *testing.T) {
	s, p := subject(t, 1), quick(t)
	s.Train.Features = make([]string, 150)
	p.Queries = 2
	p.Explanations = []Explanation{{Method: "lime", Samples: 50}, {Method: "kernel-shap", Samples: 400, Background: 3, Points: 100}}
	var n atomic.Int64
	s.Target = counted{s.Target, &n}
	asked, err := Asked(t.Context(), s, p, Options{})
	if err != nil || n.Load() != 0 {
		t.Fatalf("%d were asked (%v)", n.Load(), err)
	}
	if _, err := Run(t.Context(), s, p, Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if asked != n.Load() {
		t.Errorf("%d records were asked, %d foreseen", n.Load(), asked)
	}
}

func TestReferencesThatWereTrainedOnOtherHalvesAreFoundOut(t *testing.T) {
	s, p := subject(t, 10), quick(t)
	like, pool := s.Like, 0
	s.Like = nil
	asItIs := func(_ int, rows data.Set) data.Set { pool++; return rows }
	elsewhere := func(r int, _ data.Set) data.Set { // as of somebody whose halves have another seed
		var which []int
		for i, in := range half(400, 99, r) {
			if in {
				which = append(which, i)
			}
		}
		both, err := data.Join(s.Train, s.Test)
		if err != nil {
			t.Fatal(err)
		}
		return both.Pick(which)
	}
	for name, c := range map[string]struct {
		rows func(int, data.Set) data.Set
		good bool
	}{"their own": {asItIs, true}, "others": {elsewhere, false}} {
		s.Given = func(ctx context.Context, r int, rows data.Set) (model.Model, error) {
			return like(ctx, c.rows(r, rows), 0)
		}
		_, err := Run(t.Context(), s, p, Options{Now: time.Now})
		if c.good != (err == nil) || !c.good && tribune.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pool != p.References {
		t.Errorf("%d references were asked for, want %d", pool, p.References)
	}
	if halves := p.Halves(400); len(halves) != p.References || !slices.Equal(halves[1], half(400, p.Seed, 2)) {
		t.Error("the halves that are exported are not those that are audited")
	}
}
