package attack

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// corners are records of which members agree in the signs of their first two numbers: no single number tells them apart. Each number then has its own size.
func corners(n int, seed uint64) (matrix.Matrix, []int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	m, member := matrix.New(n, 4), make([]int, n)
	for i := range n {
		row := m.Row(i)
		for j := range row {
			row[j] = float32(rng.NormFloat64())
		}
		if row[0]*row[1] > 0 {
			member[i] = 1
		}
		row[0], row[1] = 1000*row[0]+5, row[1]/1000
		row[3] = 7 // says nothing, and has no spread
	}
	return m, member
}

func TestNetworkFindsWhatNoSingleNumberTells(t *testing.T) {
	known, member := corners(3000, 1)
	target, truth := corners(400, 2)
	w := Whole{Known: known, Member: member, Target: target}
	scores, err := Network{Seed: 3}.Score(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	is := make([]bool, len(truth))
	for i, v := range truth {
		is[i] = v == 1
	}
	if got := area(scores, is); got < 0.9 {
		t.Errorf("area %.3f, want above 0.9", got)
	}
	again, err := Network{Seed: 3}.Score(t.Context(), w)
	if err != nil || !slices.Equal(scores, again) {
		t.Errorf("the same attack scores otherwise when it is played again (%v)", err)
	}
	rng := rand.New(rand.NewPCG(4, 1))
	for i := range member {
		member[i] = rng.IntN(2)
	}
	if scores, err = (Network{Seed: 3}).Score(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := area(scores, is); got < 0.4 || got > 0.6 {
		t.Errorf("area %.3f where nothing was to be learned", got)
	}
}

func TestNetworkRefusesWhatTeachesNothing(t *testing.T) {
	known, member := corners(20, 1)
	for name, w := range map[string]Whole{
		"members alone":  {known, make([]int, 20), known},
		"another width":  {known, member, matrix.New(3, 2)},
		"labels missing": {known, member[1:], known},
	} {
		if _, err := (Network{}).Score(t.Context(), w); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func TestSortedAnswersHideTheClass(t *testing.T) {
	p := matrix.Matrix{Rows: 2, Cols: 3, Data: []float32{0.2, 0.7, 0.1, 0.1, 0.2, 0.7}}
	s := Sorted(p)
	if !slices.Equal(s.Row(0), s.Row(1)) || !slices.IsSortedFunc(s.Row(0), func(a, b float32) int { return int(1e3 * (b - a)) }) {
		t.Errorf("%v and %v", s.Row(0), s.Row(1))
	}
}
