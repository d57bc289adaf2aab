package release

import (
	"errors"
	"math/rand/v2"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

// mixedCrowd has people who are like everybody, and people who are like nobody: distance takes the former for members.
func mixedCrowd(n, answers int, seed uint64) data.Set {
	s := crowdOf(n, answers, seed)
	rng := rand.New(rand.NewPCG(seed, 11))
	for i := range n {
		often := 0.03
		if i%4 < 2 {
			often = 0.5
		}
		for j := range answers {
			s.X.Row(i)[j] = 0
			if rng.Float64() < often {
				s.X.Row(i)[j] = 1
			}
		}
	}
	return s
}

// generate makes records of a crowd: each is somebody's with some answers turned round. A bold generator turns fewer, and stays nearer.
func generate(of data.Set, n int, turned float64, seed uint64) data.Set {
	rng := rand.New(rand.NewPCG(seed, 9))
	rows := make([]int, n)
	for i := range rows {
		rows[i] = rng.IntN(len(of.Y))
	}
	out := of.Pick(rows)
	for i := range n {
		for j := range out.X.Cols - 1 {
			if rng.Float64() < turned {
				out.X.Row(i)[j] = float32(rng.IntN(2))
			}
		}
		out.X.Row(i)[out.X.Cols-1] += float32(rng.NormFloat64() * 8 * turned)
	}
	return out
}

func TestShadowGeneratorsFindWhomDistanceHardlyFinds(t *testing.T) {
	t.Parallel()
	p := known(t, mixedCrowd(300, 20, 1), mixedCrowd(600, 20, 2))
	members := make([]int, 300)
	for i := range members {
		members[i] = i
	}
	for name, c := range map[string]struct {
		turned float64
		own    bool // the release was made of the members
		leaks  bool
	}{
		"a generator that stays near": {0.3, true, true},
		"the same, made of strangers": {0.35, false, false},
		"one that keeps shares alone": {2, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := p.At.Pick(members)
			if !c.own {
				source = mixedCrowd(300, 20, 8)
			}
			made := generate(source, 300, c.turned, 100)
			halves := p.Halves(5, 16)
			var shadows []data.Set
			for r, in := range halves {
				shadows = append(shadows, generate(p.At.Pick(chosen(in)), 300, c.turned, uint64(r)))
			}
			scores, err := Shadow(t.Context(), p, made, shadows, halves)
			if err != nil {
				t.Fatal(err)
			}
			distance, err := Synthetic(t.Context(), p, made)
			if err != nil {
				t.Fatal(err)
			}
			plain := area(t, p, distance[0], "")
			for _, s := range scores {
				f := area(t, p, s, "")
				if c.leaks && (f.Low < 0.55 || f.Value < plain.Value) || !c.leaks && f.Low > 0.5 {
					t.Errorf("%s: %+v; by distance %+v", s.Attack, f, plain)
				}
			}
		})
	}
}

func TestShadowsThatCannotBeComparedAreRefused(t *testing.T) {
	p := known(t, crowdOf(60, 5, 1), crowdOf(120, 5, 2))
	made, halves := crowdOf(50, 5, 3), p.Halves(1, 4)
	short := []data.Set{made, made, made, crowdOf(49, 5, 3)}
	wide := []data.Set{made, made, made, {X: matrix.New(50, 3), Y: make([]int, 50)}}
	for name, c := range map[string]struct {
		shadows []data.Set
		in      [][]bool
	}{"too few": {short[:3], halves[:3]}, "fewer records than the release": {short, halves}, "other columns": {wide, halves}, "a half too few": {short, halves[:3]}} {
		if _, err := Shadow(t.Context(), p, made, c.shadows, c.in); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Shadow(t.Context(), p, made, []data.Set{made, made, made, made}, halves); err != nil {
		t.Errorf("four that fit: %v", err)
	}
}
