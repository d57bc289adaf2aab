package data

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"tribune"
)

func table(t testing.TB, csv string, columns ...Field) *Table {
	t.Helper()
	out, err := CSV(strings.NewReader(csv), Schema{Name: "t", Columns: columns}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	numberA = Field{Name: "a", Kind: Numeric}
	wordB   = Field{Name: "b", Kind: Category}
	labelY  = Field{Name: "y", Kind: Label}
)

// A scale that had seen the test rows would tell the model of them.
func TestScalesAreLearntFromTrainingRowsAlone(t *testing.T) {
	tab := table(t, "a,b,y\n1,u,0\n3,v,1\n1,u,0\n3,w,1\n1000,u,0\n", numberA, wordB, labelY)
	for scale, want := range map[Scale][2]float64{Standard: {-1, 998}, MinMax: {0, 499.5}, Raw: {1, 1000}, HalfMean: {0.25, 250}} {
		train, test, err := tab.Split(Split{Train: []int{0, 1, 2, 3}, Test: []int{4}}, FitOptions{Scale: scale})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]float64{float64(train.X.Row(0)[0]), float64(test.X.Row(0)[0])}; math.Abs(got[0]-want[0]) > 1e-6 || math.Abs(got[1]-want[1]) > 1e-3 {
			t.Errorf("scale %d: got %v, want %v", scale, got, want)
		}
		if got := train.X.Row(3)[1:]; !slices.Equal(got, []float32{0, 0, 1}) {
			t.Errorf("scale %d: words %v", scale, got)
		}
	}
}

func TestWhatTeachesNothingOrCannotBeKnownIsRefused(t *testing.T) {
	csv := "a,b,y\n1,u,0\n3,v,1\n1,u,0\n3,u,1\n5,w,0\n5,w,2\n"
	declared := wordB
	declared.Values = []string{"u", "v", "w"}
	open, closed := table(t, csv, numberA, wordB, labelY), table(t, csv, numberA, declared, labelY)
	for name, c := range map[string]struct {
		table *Table
		split Split
		o     FitOptions
		says  string
	}{
		"constant number":  {open, Split{Train: []int{0, 2}}, FitOptions{Rare: true}, `column "a": the same value in all 2 training rows`},
		"constant word":    {open, Split{Train: []int{0, 3}}, FitOptions{Rare: true}, `column "b": the same value in all 2 training rows`},
		"class of one row": {open, Split{Train: []int{0, 1, 2, 5}}, FitOptions{}, `column "y": class "1" has one training row (row 2)`},
		"class of no row":  {open, Split{Train: []int{0, 1, 2, 3}}, FitOptions{}, `column "y": class "2" has no training row`},
		"unknown category": {open, Split{Train: []int{0, 1, 2, 3}, Test: []int{4}}, FitOptions{Rare: true}, `row 5, column "b": a category that the training rows do not have`},
		"no rows":          {open, Split{}, FitOptions{}, "no rows"},
	} {
		_, _, err := c.table.Split(c.split, c.o)
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	if _, test, err := closed.Split(Split{Train: []int{0, 1, 2, 3}, Test: []int{4}}, FitOptions{Rare: true}); err != nil || test.X.Row(0)[3] != 1 {
		t.Errorf("a declared category that training lacks: %v, %v", test.X.Data, err)
	}
	if _, test, err := open.Split(Split{Train: []int{0, 1, 2, 3}, Test: []int{4}}, FitOptions{Rare: true, Unknown: true}); err != nil || test.X.Row(0)[1] != 0 {
		t.Errorf("an unknown category let through: %v, %v", test.X.Data, err)
	}
}

func TestAnEncodingDoesNotFitAnotherSchema(t *testing.T) {
	tab, other := table(t, "a,b,y\n1,u,0\n3,v,1\n", numberA, wordB, labelY), table(t, "a,y\n1,0\n3,1\n", numberA, labelY)
	e, err := Fit(tab, tab.All(), FitOptions{Rare: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Apply(other, other.All()); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Apply(tab, tab.All()); err != nil {
		t.Errorf("its own: %v", err)
	}
}
