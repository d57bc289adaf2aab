package attribution

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// What captum, shap and lime say (testdata/vectors.py).
type vectors struct {
	Epsilon     float32              `json:"epsilon"`
	Relu        map[string]rawVector `json:"relu"`
	Tanh        map[string]rawVector `json:"tanh"`
	Shap        []boxed              `json:"shap"`
	Regressions []struct {
		Continuous   bool      `json:"continuous"`
		Samples      []float64 `json:"samples"`
		Answers      []float64 `json:"answers"`
		Features     int       `json:"features"`
		Coefficients []float64 `json:"coefficients"`
	} `json:"regressions"`
	Tables boxed `json:"tables"`
}

type rawVector = json.RawMessage

type boxed struct {
	Net        described `json:"net"`
	X          []float32 `json:"x"`
	Background []float32 `json:"background"`
	Class      []int     `json:"class"`
	Shapley    []float64 `json:"shapley"`
	Quartiles  []float64 `json:"quartiles"`
	Continuous []float64 `json:"continuous"`
}

type described struct {
	Sizes      []int       `json:"sizes"`
	Activation string      `json:"activation"`
	W          [][]float32 `json:"w"`
	B          [][]float32 `json:"b"`
}

func (d described) network(t *testing.T) *model.Network {
	t.Helper()
	f := model.Tanh
	if d.Activation == "relu" {
		f = model.Relu
	}
	var layers []model.Layer
	for i, w := range d.W {
		layers = append(layers, &model.Dense{Out: d.Sizes[i+1], W: w, B: d.B[i]})
		if i < len(d.W)-1 {
			layers = append(layers, &model.Activation{Function: f})
		}
	}
	n, err := model.NewNetwork(model.Shape{d.Sizes[0]}, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func part[T any](t *testing.T, m map[string]rawVector, name string) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(m[name], &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func shaped(data []float32, cols int) matrix.Matrix {
	return matrix.Matrix{Rows: len(data) / cols, Cols: cols, Data: data}
}

// near fails unless every number is within tol of want, as a share of the largest wanted one.
func near(t *testing.T, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d numbers, want %d", len(got), len(want))
	}
	var largest, worst float64
	at := 0
	for i, w := range want {
		largest = math.Max(largest, math.Abs(w))
		if d := math.Abs(float64(got[i]) - w); d > worst || math.IsNaN(d) {
			worst, at = d, i
		}
	}
	if !(worst <= tol*largest) {
		t.Errorf("number %d: got %g, want %g (off by %g of the largest, %g allowed)", at, got[at], want[at], worst/largest, tol)
	}
}

func TestGradientMethodsAgreeWithCaptum(t *testing.T) {
	v := readVectors(t)
	for _, f := range []struct {
		activation string
		want       map[string]rawVector
	}{{"relu", v.Relu}, {"tanh", v.Tanh}} {
		net := part[described](t, f.want, "net").network(t)
		x, baseline := shaped(part[[]float32](t, f.want, "x"), net.Inputs()), part[[]float32](t, f.want, "baseline")
		for _, c := range []struct {
			name   string
			method Method
			tol    float64
		}{
			{"gradient", Gradient{}, 1e-5},
			{"gradient of the probability", Gradient{Of: Probability}, 1e-5},
			{"gradient-input", GradientInput{}, 1e-5},
			{"integrated-gradients", IntegratedGradients{Baseline: baseline}, 1e-5},
			{"integrated-gradients of the probability", IntegratedGradients{Baseline: baseline, Of: Probability}, 1e-5},
			{"guided-backprop", Guided{}, 1e-5},
			{"lrp-epsilon", LRP{Epsilon: v.Epsilon}, 1e-4},
			{"smoothgrad", SmoothGrad{Samples: 20000, Sigma: 0.3}, 0.02}, // both are means over random copies
		} {
			if f.want[c.name] == nil {
				continue
			}
			t.Run(f.activation+"/"+c.name, func(t *testing.T) {
				got, err := c.method.Explain(t.Context(), net, x, nil)
				if err != nil {
					t.Fatal(err)
				}
				near(t, got.Data, part[[]float64](t, f.want, c.name), c.tol)
			})
		}
	}
}

func TestKernelSHAPAgreesWithShap(t *testing.T) {
	for _, v := range readVectors(t).Shap {
		net := v.Net.network(t)
		players := net.Inputs()
		x, background := shaped(v.X, players), shaped(v.Background, players)
		for _, c := range []struct {
			name   string
			method KernelSHAP
			tol    float64
		}{
			{"every coalition", KernelSHAP{Exact: players}, 1e-5},
			{"sampled", KernelSHAP{Exact: 1, Coalitions: 3000}, 0.02},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.method.Background = background
				got, err := c.method.Explain(t.Context(), net, x, nil)
				if err != nil {
					t.Fatal(err)
				}
				near(t, got.Data, v.Shapley, c.tol)
			})
		}
	}
}

// The first sample is the record itself, as in lime.
func TestLIMERegressionAgreesWithLime(t *testing.T) {
	for _, v := range readVectors(t).Regressions {
		const d = 5
		n := len(v.Samples)/d - 1
		h := &hood{samples: n, inputs: d, answers: matrix.New(n, 2), values: matrix.New(n, d), quartiles: make([]cut, d), centre: make([]float64, d), scale: make([]float64, d)}
		row := make([]float32, d)
		for j := range d {
			h.scale[j] = 1
			row[j] = float32(v.Samples[j])
			h.quartiles[j] = newCut([]float32{0.5}, n)
			for s := range n {
				f := float32(v.Samples[(s+1)*d+j])
				h.values.Row(s)[j] = f
				h.quartiles[j].note(s, f)
			}
		}
		for s := range n {
			h.answers.Row(s)[1] = float32(v.Answers[(s+1)*2+1])
		}
		got := make([]float32, d)
		if err := newSurrogate(LIME{Continuous: v.Continuous, Features: v.Features}, h).record(row, v.Answers[1], 1, got); err != nil {
			t.Fatal(err)
		}
		near(t, got, v.Coefficients, 1e-5)
	}
}

func TestLIMEAgreesWithLime(t *testing.T) {
	v := readVectors(t).Tables
	net := v.Net.network(t)
	x, background := shaped(v.X, net.Inputs()), shaped(v.Background, net.Inputs())
	for _, c := range []struct {
		name       string
		continuous bool
		want       []float64
	}{{"quartiles", false, v.Quartiles}, {"continuous", true, v.Continuous}} {
		t.Run(c.name, func(t *testing.T) {
			got, err := LIME{Background: background, Samples: 100_000, Continuous: c.continuous}.Explain(t.Context(), net, x, nil)
			if err != nil {
				t.Fatal(err)
			}
			near(t, got.Data, c.want, 0.02) // both fit random samples
		})
	}
}
