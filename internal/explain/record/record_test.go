package record

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// vectors are scikit-learn's and NumPy's; testdata/vectors.py makes them.
type vectors struct {
	C          float64
	X          [][]float64
	Y          []int
	Queries    [][]float64
	Theta      []float64
	Without    [][]float64
	First      [][]float64
	Own        [][]float64
	Influence  [][]float64
	Places     []int
	Components []int
	InDegree   int `json:"in_degree"`
	Unnamed    int
}

func load(t *testing.T) (vectors, matrix.Matrix) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	x := matrix.New(len(v.X), len(v.X[0]))
	for i, row := range v.X {
		for j, n := range row {
			x.Row(i)[j] = float32(n)
		}
	}
	return v, x
}

func near(t *testing.T, what string, got, want []float64, by float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > by {
			t.Errorf("%s: entry %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// What ranks people must be what an independent implementation finds, not what a loose tolerance leaves over. (Rows are float32 here and float64 there.)
func TestLeaveOneOutIsScikitLearns(t *testing.T) {
	v, x := load(t)
	e, err := LeaveOneOut(context.Background(), x, v.Y, Options{C: v.C})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "theta", e.Theta(), v.Theta, 1e-6)
	for i := range v.Without {
		near(t, "without", e.Without(i), v.Without[i], 1e-6)
	}
	for q, query := range v.Queries {
		near(t, "influence", e.Influences(query, nil), v.Influence[q], 1e-7)
	}
	places, err := e.Places(context.Background(), x)
	if err != nil || !slices.Equal(places, v.Places) {
		t.Errorf("places %v, want %v (%v)", places, v.Places, err)
	}
	g, err := e.Graph(context.Background(), x, 3)
	if err != nil {
		t.Fatal(err)
	}
	sizes := g.components()
	slices.Sort(sizes)
	if s := g.Shape(); !slices.Equal(sizes, v.Components) || s.InDegree != v.InDegree || s.Unnamed != v.Unnamed {
		t.Errorf("graph %v %+v, want %v, %d, %d", sizes, s, v.Components, v.InDegree, v.Unnamed)
	}
}

func TestInfluenceFunctionsAreNumPysAndNearLeaveOneOut(t *testing.T) {
	v, x := load(t)
	exact, err := LeaveOneOut(context.Background(), x, v.Y, Options{C: v.C})
	if err != nil {
		t.Fatal(err)
	}
	var off [2]float64
	for own, want := range [][][]float64{v.First, v.Own} {
		e, err := Influence(context.Background(), x, v.Y, own == 1, Options{C: v.C})
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			got := e.Without(i)
			for j := range got {
				got[j] -= e.theta[j]
			}
			near(t, "shift", got, want[i], 1e-6)
			truth := exact.Without(i)
			for j := range truth {
				off[own] = max(off[own], math.Abs(truth[j]-e.Without(i)[j]))
			}
		}
	}
	if off[0] > 0.3 || off[1] > off[0]/2 {
		t.Errorf("off by %.3g, with the record's own curvature by %.3g: not nearer", off[0], off[1])
	}
}

func TestWhatCannotBeLeftOutOfIsRefused(t *testing.T) {
	v, x := load(t)
	lone := make([]int, x.Rows)
	lone[3] = 1
	three := slices.Clone(v.Y)
	three[0] = 2
	for name, c := range map[string]struct {
		x  matrix.Matrix
		y  []int
		is error
	}{
		"class of one":  {x, lone, tribune.ErrInvalid},
		"three classes": {x, three, tribune.ErrUnsupported},
		"two records":   {x.Slice(0, 2), v.Y[:2], tribune.ErrInvalid},
		"labels":        {x, v.Y[1:], tribune.ErrInvalid},
	} {
		if _, err := LeaveOneOut(context.Background(), c.x, c.y, Options{}); !errors.Is(err, c.is) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := LeaveOneOut(ctx, x, v.Y, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// people is n random records of ten numbers with a noisy label.
func people(n int, seed uint64) (matrix.Matrix, []int) {
	r := rand.New(rand.NewPCG(seed, 0))
	x, y := matrix.New(n, 10), make([]int, n)
	for i := range n {
		var z float64
		for j := range x.Row(i) {
			v := r.NormFloat64()
			x.Row(i)[j] = float32(v)
			z += v * float64(j%3-1)
		}
		if z+2*r.NormFloat64() > 0 {
			y[i] = 1
		}
	}
	return x, y
}

// A crawl knows what the graph lets it know, no more than its budget asked for.
func TestCrawlFollowsEdgesWithinItsBudget(t *testing.T) {
	g := &Graph{Next: [][]int{{1, 2}, {2, 0}, {0, 3}, {3, 3}, {5, 5}, {4, 4}}}
	r := rand.New(rand.NewPCG(1, 1))
	if found := g.Crawl([]int{0}, 100, r); found[len(found)-1] != 4 || len(found) != 5 {
		t.Errorf("from 0: %v", found)
	}
	if found := g.Crawl([]int{4}, 100, r); found[len(found)-1] != 2 {
		t.Errorf("from 4: %v", found)
	}
	if found := g.Crawl([]int{0}, 1, r); len(found) != 2 || found[1] != 3 {
		t.Errorf("with one query: %v", found)
	}
	if s := g.Shape(); s != (Shape{Components: 3, Single: 1, Largest: 3, InDegree: 3, Unnamed: 0}) {
		t.Errorf("shape %+v", s)
	}
}

// The attack needs nothing but answers; what it recovers must be the true models, and a budget must stop it.
func TestHyperplanesAreTheLeaveOneOutModels(t *testing.T) {
	x, y := people(100, 1)
	e, err := LeaveOneOut(context.Background(), x, y, Options{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Hyperplanes(context.Background(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Records) < 5 || slices.Max(all.Errors) > 1e-6 || all.Queries < 11+len(all.Records)*11 {
		t.Errorf("recovered %+v", all)
	}
	for i, q := range all.After {
		if q > all.Queries || i > 0 && q <= all.After[i-1] {
			t.Errorf("spent %v of %d", all.After, all.Queries)
		}
	}
	some, err := e.Hyperplanes(context.Background(), 40)
	if err != nil || len(some.Records) != 2 || some.Queries != 40 || some.Ended != ErrBudget.Error() {
		t.Errorf("with 40 queries: %+v, %v", some, err)
	}
}

func TestQueriesRevealMoreRecordsTheMoreAreAskedAndNamed(t *testing.T) {
	x, y := people(100, 2)
	e, err := LeaveOneOut(context.Background(), x, y, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, queries := range map[string][][]float64{"real": Rows(x), "marginal": Marginal(x, 100, r), "uniform": Uniform(x, 100, r)} {
		last := 0
		for _, k := range []int{1, 5, 10} {
			found, err := e.Revealed(context.Background(), queries, k)
			if err != nil || found[0] != k || found[99] <= last || !slices.IsSorted(found) {
				t.Errorf("%s, k=%d: %v, %v", name, k, found, err)
			}
			last = found[99]
		}
	}
	if _, err := e.Revealed(context.Background(), [][]float64{{1}}, 1); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a narrow query: %v", err)
	}
}
