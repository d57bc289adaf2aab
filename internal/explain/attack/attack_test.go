package attack

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// world of records of which each has its own level, models that each saw half of them, and members that differ by shift.
func play(points, models int, shift []float64, seed uint64) (s *Sheet, member []bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	s = NewSheet(models, points, len(shift))
	levels := make([]float64, points*len(shift))
	for i := range levels {
		levels[i] = 3 * rng.NormFloat64()
	}
	for m := range models {
		for i := range points {
			s.Member[m*points+i] = rng.IntN(2) == 0
			for f, d := range shift {
				v := levels[i*len(shift)+f] + rng.NormFloat64()
				if s.In(m, i) {
					v += d
				}
				s.At(m, i)[f] = v
			}
		}
	}
	return s, slices.Clone(s.Member[:points])
}

// area under the ROC curve, by its definition: how often a member scores above another.
func area(scores []float64, member []bool) float64 {
	var wins, pairs float64
	for i, a := range scores {
		for j, b := range scores {
			if member[i] && !member[j] {
				pairs++
				switch {
				case a > b:
					wins++
				case a == b:
					wins += 0.5
				}
			}
		}
	}
	return wins / pairs
}

func TestAttacksFindWhatLeaksAndNothingWhereNothingDoes(t *testing.T) {
	// A shift of d between unit Gaussians gives an AUC of Phi(d/sqrt 2) to whoever knows each record's level.
	for name, c := range map[string]struct {
		attack Attack
		shift  []float64
		least  float64
		most   float64
	}{
		"lira, one number":                 {LiRA{}, []float64{1}, 0.68, 0.80},
		"lira, two numbers":                {LiRA{}, []float64{1, -1}, 0.78, 0.88},
		"lira, nothing":                    {LiRA{}, []float64{0, 0}, 0.45, 0.55},
		"rmia, one number":                 {RMIA{}, []float64{1}, 0.70, 0.80},
		"rmia, two against each other":     {RMIA{}, []float64{1, -1}, 0.78, 0.88},
		"rmia, nothing":                    {RMIA{}, []float64{0}, 0.45, 0.55},
		"threshold drowns in the levels":   {Threshold{"x", 0}, []float64{1}, 0.52, 0.64},
		"threshold, members are below":     {Threshold{"x", 0}, []float64{-9}, 0.9, 1},
		"threshold on a number like noise": {Threshold{"x", 1}, []float64{9, 0}, 0.45, 0.55},
	} {
		t.Run(name, func(t *testing.T) {
			s, member := play(600, 25, c.shift, 3)
			scores, err := c.attack.Score(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := area(scores, member); got < c.least || got > c.most {
				t.Errorf("area %.3f, want %.2f to %.2f", got, c.least, c.most)
			}
		})
	}
}

func TestScoresDoNotLookAtTheTargetsMembership(t *testing.T) {
	for _, a := range []Attack{LiRA{}, RMIA{}, Threshold{"x", 0}} {
		s, _ := play(80, 9, []float64{1, 0}, 5)
		honest, err := a.Score(s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Points {
			s.Member[i] = !s.Member[i]
		}
		blind, err := a.Score(s)
		if err != nil || !slices.Equal(honest, blind) {
			t.Errorf("%s: scores change with the answer that they are to find (%v)", a.Name(), err)
		}
	}
}

func TestSheetsThatNoAttackCanUseAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Sheet){
		"not a number":             func(s *Sheet) { s.Values[7] = math.NaN() },
		"endless":                  func(s *Sheet) { s.Values[7] = math.Inf(1) },
		"all trained on the same":  func(s *Sheet) { clear(s.Member) },
		"everybody in every model": func(s *Sheet) { fill(s.Member, true) },
		"cut off":                  func(s *Sheet) { s.Values = s.Values[1:] },
	} {
		for _, a := range []Attack{LiRA{}, RMIA{}} {
			s, _ := play(20, 5, []float64{1}, 5)
			spoil(s)
			if _, err := a.Score(s); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("%s, %s: %v, want ErrInvalid", name, a.Name(), err)
			}
		}
	}
}

func fill(b []bool, v bool) {
	for i := range b {
		b[i] = v
	}
}

func TestOptimalThresholdIsTheBestOfAll(t *testing.T) {
	scores := []float64{1, 2, 2, 3, 4, 5}
	member := []bool{false, false, true, false, true, true}
	if got, want := Optimal(scores, member), (1.0+2.0/3)/2; math.Abs(got-want) > 1e-12 { // above 3.5, or from 2 on: 5/6 either way
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Optimal([]float64{5, 4, 1}, []bool{false, false, true}); got != 1 {
		t.Errorf("members below: %v, want 1", got)
	}
}

func TestSignalsOfCertainAnswersAndEmptyExplanationsAreNumbers(t *testing.T) {
	p := matrix.Matrix{Rows: 2, Cols: 2, Data: []float32{1, 0, 0.25, 0.75}}
	out := make([]float64, 2*PredictionWidth)
	Prediction(p, []int{1, 1}, out)
	if !(out[0] < -10) || math.IsInf(out[0], 0) || math.Abs(out[3]-math.Log(3)) > 1e-6 || math.Abs(out[4]-0.0625) > 1e-9 {
		t.Errorf("prediction: %v", out)
	}
	e := make([]float64, ExplanationWidth)
	Explanation(matrix.New(1, 3), e)
	for _, v := range e {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			t.Errorf("an explanation of nothing: %v", e)
		}
	}
	Explanation(matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{3, -4}}, e)
	if math.Abs(e[1]-math.Log(7)) > 1e-9 || math.Abs(e[2]-math.Log(5)) > 1e-9 || math.Abs(e[3]-math.Log(4)) > 1e-9 || math.Abs(e[0]-math.Log(12.25)) > 1e-9 {
		t.Errorf("explanation: %v", e)
	}
}

func TestBesideKeepsBoth(t *testing.T) {
	a, _ := play(3, 4, []float64{1}, 1)
	b, _ := play(3, 4, []float64{1, 2}, 2)
	both, err := a.Beside(b)
	if err != nil || both.Width != 3 || !slices.Equal(both.At(2, 1), append(slices.Clone(a.At(2, 1)), b.At(2, 1)...)) || !slices.Equal(both.Member, a.Member) {
		t.Errorf("%v, %v", both, err)
	}
	c, _ := play(2, 4, []float64{1}, 1)
	if _, err := a.Beside(c); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("sheets about different records: %v", err)
	}
}
