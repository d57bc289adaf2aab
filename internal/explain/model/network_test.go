package model

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"tribune/internal/explain/matrix"
)

// slack is what float32 may differ from float64 by, in units of the largest number compared: some tens of roundings of 6e-8 one after the other.
const slack = 5e-6

func compare(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	top := 0.05
	for _, v := range want {
		top = math.Max(top, math.Abs(v))
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= slack*top) {
			t.Errorf("%s: number %d is %v, want %v (largest %v)", what, i, got[i], want[i], top)
			return
		}
	}
}

func TestEveryLayerComputesItsDefinition(t *testing.T) {
	for name, n := range networks(t) {
		x := normal(rand.New(rand.NewPCG(2, 3)), 5, n.Inputs())
		got, err := n.Logits(context.Background(), x)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compare(t, name, got.Data, slices.Concat(newReference(n).logits(rowsOf(x))...))
	}
}

// TestEveryGradientIsItsDifferences takes central differences of the float64 reference: their error (1e-10 and rounding) is far below float32's. A
// random step of 1e-6 that crosses the kink of a rectifier or a maximum would show; with these seeds none does.
func TestEveryGradientIsItsDifferences(t *testing.T) {
	for name, n := range networks(t) {
		for _, training := range []bool{false, true} {
			if training && !slices.ContainsFunc(n.nodes, func(node Node) bool { return node.Layer.Kind() == "batchnorm" }) {
				continue // nothing is different
			}
			r := rand.New(rand.NewPCG(5, 6))
			x, seed := normal(r, 4, n.Inputs()), normal(r, 4, n.Classes())
			ref := newReference(n)
			ref.training = training
			wideX := rowsOf(x)
			scalar := func() float64 {
				var sum float64
				for i, row := range ref.logits(wideX) {
					for c, v := range row {
						sum += float64(seed.Row(i)[c]) * v
					}
				}
				return sum
			}
			differences := func(at []float64) []float64 {
				const h = 1e-6
				out := make([]float64, len(at))
				for i := range at {
					was := at[i]
					at[i] = was + h
					high := scalar()
					at[i] = was - h
					out[i] = (high - scalar()) / (2 * h)
					at[i] = was
				}
				return out
			}
			tape := n.Clone().tape(2)
			tape.training = training
			tape.forward(x)
			tape.backward(seed, Gradient, 0, func(node int, dout matrix.Matrix) {
				l, ok := tape.net.nodes[node].Layer.(weighted)
				if !ok {
					return
				}
				grads := [][]float32{}
				for _, w := range l.weights() {
					grads = append(grads, make([]float32, len(w)))
				}
				l.gradient(&tape.calls[node], dout, grads)
				for k := range grads {
					compare(t, name+": d by the weights of "+l.Kind(), grads[k], differences(ref.weights[node][k]))
				}
			})
			var want []float64
			for _, row := range wideX {
				want = append(want, differences(row)...)
			}
			compare(t, name+": d by the input", tape.d[0].Data, want)
			if !training {
				got, err := n.Propagate(context.Background(), x, seed, Gradient, 0)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, name+": Propagate", got.Data, want)
			}
		}
	}
}

// TestGuidedPassesOnlyWhatIsPositiveTwice has a network small enough to do by hand: hidden 1, 0 and 2 of x = (1, 2).
func TestGuidedPassesOnlyWhatIsPositiveTwice(t *testing.T) {
	n, err := NewNetwork(Shape{2},
		&Dense{Out: 3, W: []float32{1, 0, 1, -1, 0, 1}}, &Activation{Function: Relu},
		&Dense{Out: 2, W: []float32{3, 5, -7, 1, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	x := matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{1, 2}}
	seed := matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{1, 0}}
	for rule, want := range map[Rule][]float32{
		Gradient: {3, -7}, // through hidden 1 and 3; hidden 2 is off
		Guided:   {3, 0},  // hidden 3 gets -7, which does not pass
		LRP:      {3, -14},
	} {
		if rule == LRP { // relevance of the logit 3·1 - 7·2 = -11
			seed = matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{-11, 0}}
		} else {
			seed.Data[0] = 1
		}
		got, err := n.Propagate(context.Background(), x, seed, rule, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Data, want) {
			t.Errorf("rule %d: got %v, want %v", rule, got.Data, want)
		}
	}
}

// TestRelevanceIsConserved: without biases and epsilon what goes in comes out, through every layer. With biases it does not (the control).
func TestRelevanceIsConserved(t *testing.T) {
	for name, n := range networks(t) {
		for _, bias := range []bool{false, true} {
			if name == "one sigmoid at the end" {
				continue // its two logits cancel: -z/2 and z/2
			}
			for _, node := range n.nodes {
				switch l := node.Layer.(type) {
				case *Dense:
					clear(l.B)
				case *Conv:
					clear(l.B)
				case *Affine:
					clear(l.Shift)
				case *BatchNorm:
					clear(l.Beta)
					clear(l.Mean)
				}
			}
			if last, ok := n.nodes[len(n.nodes)-1].Layer.(*Dense); ok && bias {
				fill(last.B, 1)
			} else if bias {
				continue
			}
			x := normal(rand.New(rand.NewPCG(2, 3)), 3, n.Inputs())
			logits, err := n.Logits(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			got, err := n.Propagate(context.Background(), x, logits, LRP, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range x.Rows {
				var in, out, size float64
				for _, v := range logits.Row(i) {
					in += float64(v)
				}
				for _, v := range got.Row(i) {
					out += float64(v)
					size += math.Abs(float64(v))
				}
				off := math.Abs(in - out)
				if !bias && off > 1e-4*(1+size) {
					t.Errorf("%s, row %d: %v went in, %v came out (of parts that add up to %v)", name, i, in, out, size)
				}
				if bias && off < 1e-3 {
					t.Errorf("%s, row %d: the biases kept nothing: %v in, %v out", name, i, in, out)
				}
			}
		}
	}
}

// TestRelevanceGoesByShares: an average hands relevance on in proportion to what was averaged, a maximum to the largest alone.
func TestRelevanceGoesByShares(t *testing.T) {
	for name, c := range map[string]struct {
		layer Layer
		want  []float32
	}{
		"average":        {&Pool{Window: Window{Kernel: [2]int{1, 4}}, Average: true}, []float32{1, 3, -2, 6}},
		"maximum":        {&Pool{Window: Window{Kernel: [2]int{1, 4}}}, []float32{0, 0, 0, 8}},
		"global average": {&GlobalPool{Average: true}, []float32{1, 3, -2, 6}},
		"global maximum": {&GlobalPool{}, []float32{0, 0, 0, 8}},
	} {
		n, err := NewNetwork(Shape{1, 1, 4}, c.layer, &Flatten{}, &Dense{Out: 2, W: []float32{1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		x := matrix.Matrix{Rows: 1, Cols: 4, Data: []float32{1, 3, -2, 6}}
		got, err := n.Propagate(context.Background(), x, matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{8, 0}}, LRP, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Data, c.want) {
			t.Errorf("%s: got %v, want %v", name, got.Data, c.want)
		}
	}
}

// TestAnswersDoNotDependOnCompany: a record's numbers are the same bits alone, in a batch and on one core.
func TestAnswersDoNotDependOnCompany(t *testing.T) {
	ctx := context.Background()
	for name, n := range networks(t) {
		r := rand.New(rand.NewPCG(8, 8))
		x := normal(r, 600, n.Inputs())
		seed := normal(r, 600, n.Classes())
		all, err := n.Predict(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		back, err := n.Propagate(ctx, x, seed, LRP, 1e-6)
		if err != nil {
			t.Fatal(err)
		}
		was := runtime.GOMAXPROCS(1)
		for _, i := range []int{0, 255, 256, 599} {
			one, err := n.Predict(ctx, x.Slice(i, i+1))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one.Data, all.Row(i)) {
				t.Errorf("%s: row %d alone is %v, in company %v", name, i, one.Data, all.Row(i))
			}
			if one, err = n.Propagate(ctx, x.Slice(i, i+1), seed.Slice(i, i+1), LRP, 1e-6); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one.Data, back.Row(i)) {
				t.Errorf("%s: row %d's relevance differs alone", name, i)
			}
		}
		runtime.GOMAXPROCS(was)
	}
}
