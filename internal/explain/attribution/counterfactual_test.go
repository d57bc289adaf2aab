package attribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"tribune/internal/explain/matrix"
)

func found(t *testing.T, c Counterfactual, m quadratic, x matrix.Matrix) Found {
	t.Helper()
	f, err := c.Find(t.Context(), m, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	predicted, err := Predicted(t.Context(), m, x)
	if err != nil {
		t.Fatal(err)
	}
	now, err := Predicted(t.Context(), m, f.Points)
	if err != nil {
		t.Fatal(err)
	}
	for i, valid := range f.Valid {
		if valid != (now[i] != predicted[i]) || now[i] != f.Class[i] {
			t.Errorf("row %d: said to be class %d, valid %v; the model says %d, %d before", i, f.Class[i], valid, now[i], predicted[i])
		}
	}
	return f
}

// The closest point on a plane is known: |margin| / |normal|, in the units of Scale.
func TestCounterfactualOfALinearModelIsTheClosest(t *testing.T) {
	m, x := linearModel(), points()
	for _, scale := range [][]float64{nil, {1, 10, 3, 0.5}} {
		f := found(t, Counterfactual{Scale: scale}, m, x)
		logits, err := m.Logits(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		var norm float64
		for j := range 4 {
			n := m.linear[0][j] - m.linear[1][j]
			if scale != nil {
				n *= scale[j]
			}
			norm += n * n
		}
		for i := range x.Rows {
			want := math.Abs(float64(logits.Row(i)[0]-logits.Row(i)[1])) / math.Sqrt(norm)
			if !f.Valid[i] || math.Abs(f.Distance[i]-want) > 1e-4*(1+want) {
				t.Errorf("scale %v, row %d: valid %v at %g, the border is at %g", scale, i, f.Valid[i], f.Distance[i], want)
			}
		}
	}
}

func TestCounterfactualStaysWithinBounds(t *testing.T) {
	m, x := linearModel(), shaped([]float32{0, 0, 0.2, 0, 0.9, 0.1, 0.5, 0.3}, 4) // the shortest way from the first leads below 0
	lo, hi := []float32{0, 0, 0, 0}, []float32{1, 1, 1, 1}
	background := shaped([]float32{1, 0, 0, 0, 0, 1, 0, 1}, 4)
	for _, search := range []bool{false, true} {
		f := found(t, Counterfactual{Lo: lo, Hi: hi, Search: search, Background: background}, m, x)
		for i := range x.Rows {
			if !f.Valid[i] {
				t.Errorf("search %v, row %d: none found", search, i)
			}
			for j, v := range f.Points.Row(i) {
				if v < 0 || v > 1 {
					t.Errorf("search %v, row %d, input %d: %g", search, i, j, v)
				}
			}
		}
	}
}

// The closest of many directions, each followed to where the answer changes. The first step from within an ellipse leads past the closest point of its border; sliding
// along the border finds it.
func TestCounterfactualOfACurvedModelIsNearlyTheClosest(t *testing.T) {
	ellipse := quadratic{inputs: 4, bias: []float64{4, 0}, linear: [][]float64{make([]float64, 4), make([]float64, 4)}, pair: [][]product{{{0, 0, -1}, {1, 1, -9}}, nil}}
	for name, c := range map[string]struct {
		m quadratic
		x matrix.Matrix
	}{"curved": {curvedModel(), points()}, "ellipse": {ellipse, shaped([]float32{0.5, 0.05, 0, 0, 1, -0.1, 0, 0}, 4)}} {
		t.Run(name, func(t *testing.T) {
			f := found(t, Counterfactual{}, c.m, c.x)
			for i := range c.x.Rows {
				closest := closestOfMany(t, c.m, c.x.Row(i))
				if f.Distance[i] > closest*1.02 || f.Distance[i] < closest*0.8-0.02 {
					t.Errorf("row %d: %g away, one of many directions leads there in %g", i, f.Distance[i], closest)
				}
			}
		})
	}
}

func closestOfMany(t *testing.T, m quadratic, row []float32) float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	const directions, steps = 400, 400
	ways := matrix.New(directions*steps, 4)
	for d := range directions {
		var way [4]float64
		var norm float64
		for j := range way {
			way[j] = r.NormFloat64()
			norm += way[j] * way[j]
		}
		for s := range steps {
			for j, v := range way {
				ways.Row(d*steps + s)[j] = row[j] + float32(v/math.Sqrt(norm)*float64(s)/100)
			}
		}
	}
	class, err := Predicted(t.Context(), m, ways)
	if err != nil {
		t.Fatal(err)
	}
	closest := math.Inf(1)
	for at, c := range class {
		if c != class[0] {
			closest = min(closest, float64(at%steps)/100)
		}
	}
	return closest
}

func TestSearchFindsWithoutLayersAndChangesLittle(t *testing.T) {
	m, x := curvedModel(), points()
	background := matrix.New(200, 4)
	for i := range background.Data {
		background.Data[i] = float32((i*104729)%2000)/500 - 2
	}
	near, far := found(t, Counterfactual{}, m, x), found(t, Counterfactual{Background: background, Search: true}, m, x)
	for i := range x.Rows {
		if !far.Valid[i] || !near.Valid[i] {
			t.Fatalf("row %d: none found", i)
		}
		if far.Distance[i] > 6*near.Distance[i]+1e-3 {
			t.Errorf("row %d: %g away by search, %g by gradient", i, far.Distance[i], near.Distance[i])
		}
		if d := far.Points.Row(i)[2] - x.Row(i)[2]; d != 0 {
			t.Errorf("row %d: an input without effect was changed by %g", i, d)
		}
	}
}

func TestNoCounterfactualIsSaidToBeNone(t *testing.T) {
	m := linearModel()
	m.linear = [][]float64{{0, 0, 0, 0}, {0, 0, 0, 0}} // always class 0
	x := points()
	for _, c := range []Counterfactual{{}, {Search: true, Background: x}} {
		f := found(t, c, m, x)
		for i := range x.Rows {
			if f.Valid[i] || f.Distance[i] != 0 {
				t.Errorf("row %d: valid %v at %g", i, f.Valid[i], f.Distance[i])
			}
		}
	}
}
