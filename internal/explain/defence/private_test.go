package defence

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

func protected(rows int) matrix.Matrix {
	r := rand.New(rand.NewPCG(1, 1))
	x := matrix.New(rows, 3)
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64())
	}
	return x
}

func regression(t *testing.T) *model.Logistic {
	t.Helper()
	m, err := model.NewLogistic(3, 2, false, []float64{0.8, -0.4, 0})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPrivateExplanationsApproachTheSlopeAsTheBudgetGrows(t *testing.T) {
	m, x := regression(t), matrix.New(4, 3)
	slope := []float32{0.8, -0.4, 0}
	agree := func(epsilon float64) float64 {
		p := Private{Data: protected(400), Epsilon: epsilon, Steps: 60, Width: 2, Clip: 0.5}
		for i := range x.Rows {
			x.Row(i)[0] = float32(i) / 10
		}
		got, err := p.Explain(t.Context(), m, x, []int{1, 1, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for i := range got.Rows {
			sum += cosine(got.Row(i), slope) / float64(got.Rows)
		}
		return sum
	}
	little, much := agree(0.05), agree(50)
	t.Logf("cosine with the slope: %.3f at epsilon 0.05, %.3f at 50", little, much)
	if much < 0.98 || little > 0.9 {
		t.Errorf("cosine with the slope: %.3f at epsilon 0.05, %.3f at 50", little, much)
	}
}

// What one row can do to a step is what the noise was made for.
func TestOneProtectedRowMovesAStepByNoMoreThanTheSensitivity(t *testing.T) {
	m, x := regression(t), matrix.New(1, 3)
	p := Private{Data: protected(20), Epsilon: 1e12, Steps: 1, Clip: 0.01, Width: 100}
	first, err := p.Explain(t.Context(), m, x, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	var furthest float64
	for _, v := range []float32{1, -1, 30, -30} {
		p.Data = protected(20)
		for j := range p.Data.Row(7) {
			p.Data.Row(7)[j] = v * float32(j+1)
		}
		other, err := p.Explain(t.Context(), m, x, []int{1})
		if err != nil {
			t.Fatal(err)
		}
		var d float64
		for j, f := range other.Data {
			d += math.Pow(float64(f-first.Data[j]), 2)
		}
		furthest = max(furthest, math.Sqrt(d))
	}
	if most := 2 * p.Clip / 20; furthest > most*1.001 || furthest < most/10 {
		t.Errorf("moved by %g, the sensitivity is %g", furthest, most)
	}
	// rho-zCDP of all steps and queries, turned back into epsilon, is what was promised.
	p = Private{Data: protected(50), Epsilon: 2, Delta: 1e-6, Queries: 5, Steps: 30}
	sensitivity := 2 * p.or().Clip / 50
	rho := 30 * 5 * sensitivity * sensitivity / (2 * p.Sigma() * p.Sigma())
	if spent := rho + 2*math.Sqrt(rho*math.Log(1e6)); math.Abs(spent-2) > 1e-9 {
		t.Errorf("the noise spends epsilon %g, 2 was promised", spent)
	}
}

func TestPrivateExplanationsRepeatThemselvesAndRefuseNonsense(t *testing.T) {
	m, x := regression(t), protected(6)
	p := Private{Data: protected(30), Seed: 3}
	a, err := p.Explain(t.Context(), m, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.Explain(t.Context(), m, x.Pick([]int{4}), nil); err != nil || !slices.Equal(b.Data, a.Row(4)) {
		t.Errorf("alone %v, among others %v: %v", b.Data, a.Row(4), err)
	}
	for name, c := range map[string]struct {
		p     Private
		class []int
	}{
		"too few protected rows":  {Private{Data: protected(9)}, nil},
		"another width":           {Private{Data: matrix.New(30, 2)}, nil},
		"a negative epsilon":      {Private{Data: protected(30), Epsilon: -1}, nil},
		"a scale of nothing":      {Private{Data: protected(30), Scale: []float64{1, 0, 1}}, nil},
		"endless steps":           {Private{Data: protected(30), Steps: 1e6}, nil},
		"a class that is nowhere": {Private{Data: protected(30)}, []int{0, 1, 0, 1, 0, 2}},
		"too few classes":         {Private{Data: protected(30)}, []int{0}},
	} {
		if _, err := c.p.Explain(t.Context(), m, x, c.class); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
