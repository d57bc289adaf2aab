package model

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// fitted is one regression of testdata/logistic.json, which scikit-learn solved.
type fitted struct {
	Name       string
	Classes    int
	C          float64
	Intercept  bool
	Penalized  bool
	Cols       int
	X          []float32
	Y          []int
	Weights    []float64
	Theta      []float64
	Unweighted []float64
	Without    map[string][]float64
	First      []float32
}

func (f fitted) regression(t *testing.T) *Regression {
	t.Helper()
	x := matrix.Matrix{Rows: len(f.Y), Cols: f.Cols, Data: f.X}
	r, err := NewRegression(x, f.Y, f.Classes, RegressionConfig{C: f.C, NoIntercept: !f.Intercept, PenalizeIntercept: f.Penalized})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near compares parameters. scikit-learn's lbfgs stops at about 1e-6 of the minimum, and leaves the intercepts of a softmax, which are determined up
// to a constant, where they happen to be: they are centred.
func near(t *testing.T, what string, f fitted, got, want []float64) {
	t.Helper()
	got, want = centred(f, got), centred(f, want)
	for i := range want {
		if math.Abs(got[i]-want[i]) > 2e-6*(1+math.Abs(want[i])) {
			t.Errorf("%s, %s: parameter %d is %.9f, scikit-learn has %.9f", f.Name, what, i, got[i], want[i])
		}
	}
}

func centred(f fitted, theta []float64) []float64 {
	out := slices.Clone(theta)
	if f.Classes == 2 || !f.Intercept {
		return out
	}
	var mean float64
	for i := f.Cols; i < len(out); i += f.Cols + 1 {
		mean += out[i] / float64(f.Classes)
	}
	for i := f.Cols; i < len(out); i += f.Cols + 1 {
		out[i] -= mean
	}
	return out
}

func TestRegressionIsScikitLearns(t *testing.T) {
	raw, err := os.ReadFile("testdata/logistic.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []fitted
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, c := range cases {
		r := c.regression(t)
		plain, err := r.Fit(ctx, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		near(t, "all weights 1", c, plain.Theta, c.Unweighted)
		full, err := r.Fit(ctx, c.Weights, plain.Theta)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		near(t, "weighted", c, full.Theta, c.Theta)
		for row, want := range c.Without {
			i, _ := strconv.Atoi(row)
			left, err := full.Without(ctx, i)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			near(t, "without "+row, c, left.Theta, want)
		}
		p, err := full.Model().Predict(ctx, matrix.Matrix{Rows: 3, Cols: c.Cols, Data: c.X[:3*c.Cols]})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.First {
			if math.Abs(float64(p.Data[i]-want)) > 1e-5 {
				t.Errorf("%s: probability %d is %v, scikit-learn has %v", c.Name, i, p.Data[i], want)
			}
		}
	}
}

// TestLeavingOutIsRefitting compares the quick way with Newton's method from nothing, to the digits that leave-one-out differences need.
func TestLeavingOutIsRefitting(t *testing.T) {
	ctx := context.Background()
	for _, classes := range []int{2, 3} {
		x, y := synthetic(300, 6, 3, classes, uint64(classes))
		r, err := NewRegression(x, y, classes, RegressionConfig{C: 10})
		if err != nil {
			t.Fatal(err)
		}
		full, err := r.Fit(ctx, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		moved := 0.0
		for _, rows := range [][]int{{0}, {17}, {3, 4, 200}, {5, 5}} {
			weights := make([]float64, len(y))
			for i := range weights {
				weights[i] = 1
			}
			for _, i := range rows {
				weights[i] = 0
			}
			want, err := r.Fit(ctx, weights, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := full.Without(ctx, rows...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want.Theta {
				moved = max(moved, math.Abs(want.Theta[i]-full.Theta[i]))
				if math.Abs(got.Theta[i]-want.Theta[i]) > 1e-9 {
					t.Errorf("%d classes without %v: parameter %d is %.12f, refitted %.12f", classes, rows, i, got.Theta[i], want.Theta[i])
				}
			}
		}
		if moved < 1e-3 {
			t.Errorf("%d classes: the minimum hardly moved (%g): nothing was compared", classes, moved)
		}
	}
}

func TestRegressionsDerivativesAreItsDifferences(t *testing.T) {
	for _, classes := range []int{2, 4} {
		x, y := synthetic(60, 2, 3, classes, 9)
		r, err := NewRegression(x, y, classes, RegressionConfig{C: 2})
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 1))
		n := r.Parameters()
		theta, weights, grad := make([]float64, n), make([]float64, len(y)), make([]float64, n)
		for i := range theta {
			theta[i] = random.NormFloat64()
		}
		for i := range weights {
			weights[i] = random.Float64()
		}
		r.Gradient(theta, weights, grad)
		hessian := r.Hessian(theta, weights)
		up, down := make([]float64, n), make([]float64, n)
		const h = 1e-5
		for j := range n {
			at := slices.Clone(theta)
			at[j] += h
			high := r.Gradient(at, weights, up)
			at[j] -= 2 * h
			low := r.Gradient(at, weights, down)
			if d := (high - low) / (2 * h); math.Abs(d-grad[j]) > 1e-6*(1+math.Abs(d)) {
				t.Errorf("%d classes: gradient %d is %v, differences give %v", classes, j, grad[j], d)
			}
			unit, product := make([]float64, n), make([]float64, n)
			unit[j] = 1
			r.HessianProduct(theta, weights, unit, product)
			for i := range n {
				d := (up[i] - down[i]) / (2 * h)
				if math.Abs(d-hessian[i*n+j]) > 1e-6*(1+math.Abs(d)) || math.Abs(hessian[i*n+j]-product[i]) > 1e-10 {
					t.Errorf("%d classes: Hessian %d,%d is %v, as a product %v, differences give %v", classes, i, j, hessian[i*n+j], product[i], d)
				}
			}
		}
		sum, one := make([]float64, n), make([]float64, n)
		losses := r.Losses(theta)
		for i := range y {
			if loss := r.RowGradient(theta, i, one); loss != losses[i] {
				t.Errorf("row %d: loss %v and %v", i, loss, losses[i])
			}
			for j := range sum {
				sum[j] += r.C() * weights[i] * one[j]
			}
		}
		for j := range sum {
			if j%r.Width() < x.Cols {
				sum[j] += theta[j]
			}
			if math.Abs(sum[j]-grad[j]) > 1e-9 {
				t.Errorf("%d classes: the rows' gradients add up to %v at %d, the gradient is %v", classes, sum[j], j, grad[j])
			}
		}
	}
}

// TestLargeRegressionsComeToTheSameMinimum takes the way without a Hessian where the other can be taken too.
func TestLargeRegressionsComeToTheSameMinimum(t *testing.T) {
	x, y := synthetic(400, 20, 20, 16, 5) // 16 x 101 parameters
	r, err := NewRegression(x, y, 16, RegressionConfig{C: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Fit(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.factor != nil {
		t.Fatal("the Hessian was held: the test does not test what it says")
	}
	grad := make([]float64, r.Parameters())
	r.Gradient(f.Theta, nil, grad)
	if g := largest(grad); g > f.enough()*1e3 {
		t.Errorf("gradient %g at the minimum", g)
	}
	b := make([]float64, len(grad))
	r.RowGradient(f.Theta, 3, b)
	s, err := f.Solve(b)
	if err != nil {
		t.Fatal(err)
	}
	back := make([]float64, len(b))
	r.HessianProduct(f.Theta, nil, s, back)
	for i := range b {
		if math.Abs(back[i]-b[i]) > 1e-8 {
			t.Fatalf("Hessian times Solve(b) is %v at %d, b is %v", back[i], i, b[i])
		}
	}
}

func TestRegressionRefusesWhatHasNoMinimum(t *testing.T) {
	x := matrix.Matrix{Rows: 3, Cols: 1, Data: []float32{1, 2, 3}}
	ctx := context.Background()
	for name, c := range map[string]struct {
		y    []int
		x    []float32
		cfg  RegressionConfig
		want string
	}{
		"one class":       {[]int{0, 0, 0}, nil, RegressionConfig{}, "no row of class 1"},
		"a label too far": {[]int{0, 2, 1}, nil, RegressionConfig{}, "row 1 is of class 2"},
		"not a number":    {[]int{0, 1, 1}, []float32{1, 2, float32(math.NaN())}, RegressionConfig{}, "row 2, column 0 is NaN"},
		"negative C":      {[]int{0, 1, 1}, nil, RegressionConfig{C: -1}, "C -1"},
	} {
		m := x
		if c.x != nil {
			m.Data = c.x
		}
		r, err := NewRegression(m, c.y, 2, c.cfg)
		if err == nil {
			_, err = r.Fit(ctx, nil, nil)
		}
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	r, err := NewRegression(x, []int{0, 0, 0}, 2, RegressionConfig{PenalizeIntercept: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fit(ctx, nil, nil); err != nil {
		t.Errorf("one class under a penalized intercept has a minimum: %v", err)
	}
}
