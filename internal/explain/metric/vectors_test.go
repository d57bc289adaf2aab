package metric

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"tribune/internal/explain/matrix"
)

// What scikit-learn, scipy and statsmodels say (testdata/vectors.py).
type vectors struct {
	Samples []struct {
		Member    []bool             `json:"member"`
		A         []float64          `json:"a"`
		B         []float64          `json:"b"`
		AUC       [2]float64         `json:"auc"`
		FPR       []float64          `json:"fpr"`
		TPR       []float64          `json:"tpr"`
		Threshold []float64          `json:"threshold"`
		At        map[string]float64 `json:"at"`
		Balanced  float64            `json:"balanced"`
		Cov       [2][2]float64      `json:"cov"`
		P         float64            `json:"p"`
	} `json:"samples"`
	Binomial [][5]float64 `json:"binomial"`
	P        []float64    `json:"p"`
	Holm     []float64    `json:"holm"`
	BH       []float64    `json:"bh"`
	Groups   struct {
		Value    []float64 `json:"value"`
		SE       []float64 `json:"se"`
		Q        float64   `json:"q"`
		Variance float64   `json:"variance"`
	} `json:"groups"`
	Reference []float32 `json:"reference"`
	X         []float32 `json:"x"`
	Third     []float64 `json:"third"`
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

func same(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

func TestCurvesAndAreasAreThoseOfScikitLearn(t *testing.T) {
	for _, v := range readVectors(t).Samples {
		c, err := NewCurve(Sample{v.A, v.Member})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.corners)-1 != len(v.FPR) {
			t.Fatalf("%d corners, want %d", len(c.corners)-1, len(v.FPR))
		}
		for i, k := range c.corners[1:] {
			same(t, "threshold", k.threshold, v.Threshold[i], 0)
			same(t, "false positive rate", float64(k.alarms)/float64(c.Others), v.FPR[i], 1e-12)
			same(t, "true positive rate", float64(k.found)/float64(c.Members), v.TPR[i], 1e-12)
			tpr, fpr := c.At(k.threshold)
			same(t, "rate at a threshold", tpr-fpr, v.TPR[i]-v.FPR[i], 1e-12)
		}
		for f, want := range v.At {
			rate, err := strconv.ParseFloat(f, 64)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := c.TPR(rate)
			same(t, "TPR at "+f, got, want, 1e-12)
		}
		b, err := c.Balanced(0.5, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "balanced accuracy", b.Value, v.Balanced, 1e-12)

		d, err := Compare(v.Member, v.A, v.B)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			same(t, "area", d.AUC[i], v.AUC[i], 1e-12)
			for j := range 2 {
				same(t, "covariance", d.Cov[i][j], v.Cov[i][j], 1e-12)
			}
		}
		same(t, "area by corners", c.AUC(), v.AUC[0], 1e-12)
		_, _, p := d.Better(0, 1)
		same(t, "DeLong's p", p, v.P, 1e-9)
	}
}

func TestExactIntervalsAreThoseOfScipy(t *testing.T) {
	for _, v := range readVectors(t).Binomial {
		got, err := ClopperPearson(int(v[0]), int(v[1]), v[2])
		if err != nil {
			t.Fatal(err)
		}
		same(t, "low", got.Low, v[3], 1e-9*(v[3]+1e-6))
		same(t, "high", got.High, v[4], 1e-9*(v[4]+1e-6))
	}
}

func TestAdjustedProbabilitiesAreThoseOfStatsmodels(t *testing.T) {
	v := readVectors(t)
	for i, want := range v.Holm {
		same(t, "Holm", Holm(v.P)[i], want, 1e-12)
		same(t, "Benjamini-Hochberg", BenjaminiHochberg(v.P)[i], v.BH[i], 1e-12)
	}
}

func TestGapAndSparsenessAreThoseOfNumpy(t *testing.T) {
	v := readVectors(t)
	var groups []Estimate
	for i, g := range v.Groups.Value {
		groups = append(groups, Estimate{g, v.Groups.SE[i]})
	}
	gap, err := NewGap(groups, 0.95, 1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Cochran's Q", gap.P, v.Groups.Q, 1e-9)
	same(t, "variance between groups", gap.Variance, v.Groups.Variance, 1e-12)
	const cols = 19
	far, err := Sparseness(t.Context(), matrix.Matrix{Rows: len(v.X) / cols, Cols: cols, Data: v.X}, matrix.Matrix{Rows: len(v.Reference) / cols, Cols: cols, Data: v.Reference}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range v.Third {
		same(t, "third neighbour", far[i], want, 1e-4)
	}
}
