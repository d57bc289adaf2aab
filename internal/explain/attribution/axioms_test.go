package attribution

import (
	"errors"
	"math"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

func explained(t *testing.T, method Method, m model.Model, x matrix.Matrix, class []int) matrix.Matrix {
	t.Helper()
	out, err := method.Explain(t.Context(), m, x, class)
	if err != nil {
		t.Fatalf("%s: %v", method.Name(), err)
	}
	if out.Rows != x.Rows || out.Cols != x.Cols {
		t.Fatalf("%s: %d x %d attributions for %d x %d inputs", method.Name(), out.Rows, out.Cols, x.Rows, x.Cols)
	}
	return out
}

func TestGradientIsTheFiniteDifference(t *testing.T) {
	m, x, class := curvedModel(), points(), []int{0, 1, 0}
	for _, of := range []Output{Logit, Probability} {
		got := explained(t, Gradient{Of: of}, m, x, class)
		const h = 1.0 / 64
		for i := range x.Rows {
			for j := range x.Cols {
				var at [2]float64
				for s, step := range []float32{-h, h} {
					z := x.Pick([]int{i})
					z.Data[j] += step
					if err := outputs(t.Context(), m, z, func(int) int { return class[i] }, of, at[s:s+1]); err != nil {
						t.Fatal(err)
					}
				}
				want := (at[1] - at[0]) / (2 * h)
				if math.Abs(float64(got.Row(i)[j])-want) > 1e-3 {
					t.Errorf("output %d, row %d, input %d: gradient %g, difference quotient %g", of, i, j, got.Row(i)[j], want)
				}
			}
		}
	}
}

func TestIntegratedGradientsAreComplete(t *testing.T) {
	m, x := curvedModel(), points()
	for _, c := range []struct {
		g     IntegratedGradients
		most  float64
		least float64
	}{
		{IntegratedGradients{Steps: 2}, 1e-5, 0}, // the gradient is linear along the way: two points are exact
		{IntegratedGradients{Baseline: []float32{1, -1, 2, 0.5}}, 1e-5, 0},
		{IntegratedGradients{Of: Probability}, 1e-5, 0},
		{IntegratedGradients{Of: Probability, Steps: 1}, math.Inf(1), 1e-3}, // and one is not: the check sees it
	} {
		missing, err := c.g.Missing(t.Context(), m, x, explained(t, c.g, m, x, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		var worst float64
		for _, v := range missing {
			worst = max(worst, math.Abs(v))
		}
		if worst > c.most || worst < c.least {
			t.Errorf("%+v: %g is missing", c.g, worst)
		}
	}
}

func TestLRPConservesTheLogitWithoutBiases(t *testing.T) {
	dense := []*model.Dense{{Out: 9}, {Out: 5}, {Out: 3}}
	net, err := model.NewNetwork(model.Shape{6}, dense[0], &model.Activation{Function: model.Relu}, dense[1], &model.Activation{Function: model.Tanh}, dense[2])
	if err != nil {
		t.Fatal(err)
	}
	net.Init(3)
	for _, d := range dense {
		clear(d.B)
	}
	x := matrix.New(4, 6)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 2.5
	}
	class := []int{0, 1, 2, 0}
	got := explained(t, LRP{}, net, x, class)
	logits, err := net.Logits(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range class {
		var sum float64
		for _, v := range got.Row(i) {
			sum += float64(v)
		}
		// tanh hands its relevance on unchanged, so the logit is conserved through it as well.
		if want := float64(logits.Row(i)[c]); math.Abs(sum-want) > 1e-3*math.Abs(want) {
			t.Errorf("row %d sums to %g, its logit is %g", i, sum, want)
		}
	}
}

func TestShapleyAxioms(t *testing.T) {
	m, x := curvedModel(), points()
	background := shaped([]float32{0, 0, 1, 0, 0.25, 0.25, -1, 0.5}, 4)
	class := []int{0, 0, 0}
	for _, k := range []KernelSHAP{{Exact: 4}, {Exact: 1, Coalitions: 200}} {
		k.Background, k.Of = background, Logit
		got := explained(t, k, m, x, class)
		none, all := make([]float64, 2), make([]float64, 3)
		zero := func(int) int { return 0 }
		if err := errors.Join(outputs(t.Context(), m, background, zero, Logit, none), outputs(t.Context(), m, x, zero, Logit, all)); err != nil {
			t.Fatal(err)
		}
		for i := range x.Rows {
			var sum float64
			for _, v := range got.Row(i) {
				sum += float64(v)
			}
			if want := all[i] - mean(none); math.Abs(sum-want) > 1e-5 {
				t.Errorf("efficiency, row %d: sum %g, want %g", i, sum, want)
			}
			if v := got.Row(i)[2]; math.Abs(float64(v)) > 1e-5 {
				t.Errorf("dummy, row %d: an input without effect got %g", i, v)
			}
		}
		for _, i := range []int{0, 2} { // equal values, equal background, equal part
			if a, b := got.Row(i)[0], got.Row(i)[1]; math.Abs(float64(a-b)) > 1e-5 {
				t.Errorf("symmetry, row %d: %g and %g", i, a, b)
			}
		}
		if math.Abs(float64(got.Row(1)[0]-got.Row(1)[1])) < 1e-3 {
			t.Error("inputs that differ got the same: the symmetry test would see nothing")
		}
		// Linearity: the values of a sum of games are the sums of their values.
		line := linearModel()
		both := m
		both.linear = [][]float64{make([]float64, 4), make([]float64, 4)}
		for c := range both.linear {
			for j := range both.linear[c] {
				both.linear[c][j] = m.linear[c][j] + line.linear[c][j]
			}
		}
		a, b := explained(t, k, line, x, class), explained(t, k, both, x, class)
		for i, v := range b.Data {
			if want := got.Data[i] + a.Data[i]; math.Abs(float64(v-want)) > 1e-4 {
				t.Errorf("linearity, number %d: %g, want %g", i, v, want)
			}
		}
	}
}

// Four players have fourteen coalitions: asked for more, sampling takes each of them once, and the regression is exact.
func TestTheKernelWeighsCoalitionsAsShapleyDoes(t *testing.T) {
	m, x := curvedModel(), points()
	k := KernelSHAP{Background: x}
	exact := explained(t, k, m, x, nil)
	k.Exact, k.Coalitions = 1, 200
	for i, v := range explained(t, k, m, x, nil).Data {
		if math.Abs(float64(v-exact.Data[i])) > 1e-5 {
			t.Errorf("number %d: %g by regression, %g by enumeration", i, v, exact.Data[i])
		}
	}
}

func TestGroupedColumnsPlayTogetherAndShareEqually(t *testing.T) {
	m, x := linearModel(), points()
	k := KernelSHAP{Background: shaped(make([]float32, 4), 4), Of: Logit, Groups: [][]int{{0, 3}, {1}, {2}}}
	got := explained(t, k, m, x, []int{0, 0, 0})
	for i := range x.Rows {
		want := (1*x.Row(i)[0] + 0.5*x.Row(i)[3]) / 2
		if a, b := got.Row(i)[0], got.Row(i)[3]; a != b || math.Abs(float64(a-want)) > 1e-5 {
			t.Errorf("row %d: %g and %g, want %g for both", i, a, b, want)
		}
	}
	for _, groups := range [][][]int{{{0, 1}}, {{0, 1, 2, 3}, {3}}, {{0, 1, 2, 4}}} {
		k.Groups = groups
		if _, err := k.Explain(t.Context(), m, x, nil); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("groups %v: %v", groups, err)
		}
	}
}

func TestSmoothGradOfALinearModelIsItsGradient(t *testing.T) {
	m, x := linearModel(), points()
	want := explained(t, Gradient{}, m, x, nil)
	for _, g := range []SmoothGrad{{}, {Samples: 700, Sigma: 2}, {Samples: 5, Sigma: 0.1, Relative: true}} {
		got := explained(t, g, m, x, nil)
		for i, v := range got.Data {
			if math.Abs(float64(v-want.Data[i])) > 1e-6 {
				t.Fatalf("%+v: number %d: %g, want %g", g, i, v, want.Data[i])
			}
		}
	}
	bent := curvedModel()
	one := x.Pick([]int{0}) // inputs from -2 to 1
	if a, b := explained(t, SmoothGrad{Sigma: 0.1, Relative: true}, bent, one, nil), explained(t, SmoothGrad{Sigma: 0.3}, bent, one, nil); math.Abs(float64(a.Data[0]-b.Data[0])) > 1e-5 {
		t.Errorf("a tenth of the range gives %v, the same in units %v", a.Data, b.Data)
	}
	if source(1, x.Row(0)).Uint64() == source(1, x.Row(1)).Uint64() {
		t.Error("two records share their noise")
	}
	if a, b := explained(t, SmoothGrad{}, bent, x, nil), explained(t, SmoothGrad{Seed: 1}, bent, x, nil); slices.Equal(a.Data, b.Data) {
		t.Error("another seed gave the same noise")
	}
}

func TestLIMEOfALinearAnswerIsItsSlope(t *testing.T) {
	// Around the middle the probability of two classes is all but linear in a small logit.
	m := quadratic{inputs: 3, bias: []float64{0, 0}, linear: [][]float64{{0.02, -0.01, 0}, {0, 0, 0}}, pair: make([][]product, 2)}
	background := shaped([]float32{-1, -2, 5, 1, 2, 5}, 3) // deviations 1 and 2, and a constant
	l := LIME{Background: background, Continuous: true, Ridge: 1e-9, Width: 50}
	got := explained(t, l, m, shaped([]float32{0.5, 0.5, 5}, 3), []int{0})
	for j, want := range []float64{0.02 / 4, -0.01 * 2 / 4, 0} { // d p = p (1-p) d logit, for one deviation
		if math.Abs(float64(got.Data[j])-want) > 1e-5 {
			t.Errorf("input %d: %g, want %g", j, got.Data[j], want)
		}
	}
}

func TestTheAuthorsLIMEExplainsClassOneWhateverIsPredicted(t *testing.T) {
	m, x := curvedModel(), points()
	l := LIME{Background: x, Samples: 300}
	predicted, err := Predicted(t.Context(), m, x)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(predicted, 0)
	if i < 0 {
		t.Fatal("no row is predicted as class 0")
	}
	own := explained(t, l, m, x, nil)
	l.AlwaysClassOne = true
	defect := explained(t, l, m, x, nil)
	if slices.Equal(own.Row(i), defect.Row(i)) {
		t.Error("the defect changes nothing")
	}
	l.AlwaysClassOne = false
	if named := explained(t, l, m, x, []int{1, 1, 1}); !slices.Equal(named.Data, defect.Data) {
		t.Error("the defect is not the explanation of class 1")
	}
}

func TestOnlyTheLargestFeaturesAreKept(t *testing.T) {
	m, x := curvedModel(), points()
	got := explained(t, LIME{Background: x, Samples: 300, Features: 2}, m, x, nil)
	for i := range got.Rows {
		n := 0
		for _, v := range got.Row(i) {
			if v != 0 {
				n++
			}
		}
		if n > 2 || n == 0 {
			t.Errorf("row %d has %d features, at most 2 were asked for", i, n)
		}
	}
}
