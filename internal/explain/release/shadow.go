package release

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
)

// nearby is how many of the closest synthetic records are looked at.
const nearby = 5

// fewestShadows give each record some shadows that knew it and some that did not.
const fewestShadows = 4

// Halves are what shadows of a generator are made of: of each, who of the people is in it, as reference models' halves are drawn (audit.Plan.Halves).
func (p People) Halves(seed uint64, number int) [][]bool {
	return audit.Plan{References: number, Seed: seed}.Halves(len(p.Member))
}

// chosen are the rows that are marked.
func chosen(in []bool) (rows []int) {
	for i, is := range in {
		if is {
			rows = append(rows, i)
		}
	}
	return rows
}

// Shadow plays whoever has the generator and has run it on halves of the people, whom he knows: by how close its records come to somebody when they were
// among its data and when they were not, it is told of the release which of the two is likelier (Stadler, Oprisanu, Troncoso 2022, 2011.07018; the shadow
// models of LiRA, Carlini et al. 2022, 2112.03570, with generators for models). What is seen of somebody are the distances of the closest synthetic record
// and of the closest five, and how many synthetic records differ in none, at most one, two, three and so on of their attributes (counting queries around a
// record, as Houssiau et al. 2022, 2211.06550), all as logarithms. in[s] says who went into shadows[s].
//
// Who runs another generator sees less: distance is what it is, and what is usual for a person is what shadows tell.
func Shadow(ctx context.Context, p People, made data.Set, shadows []data.Set, in [][]bool) ([]Scores, error) {
	if len(shadows) < fewestShadows || len(in) != len(shadows) {
		return nil, tribune.Hint(fmt.Errorf("attacking by shadow generators: %w: %d of them", tribune.ErrInvalid, len(shadows)), "at least %d; 16 make a strong attacker", fewestShadows)
	}
	unit, blocks := units(p.Reference.X), blocksOf(p.Reference.X, p.Reference.Features)
	sheet := attack.NewSheet(1+len(shadows), len(p.Member), 2+balls)
	for m, set := range append([]data.Set{made}, shadows...) {
		if set.X.Rows < made.X.Rows || set.X.Cols != p.At.X.Cols {
			return nil, tribune.Hint(fmt.Errorf("attacking by shadow generators: %w: set %d has %d records of %d columns, the release %d of %d", tribune.ErrInvalid, m, set.X.Rows, set.X.Cols, made.X.Rows, p.At.X.Cols),
				"each shadow needs as many synthetic records as the release has; the first ones are taken")
		}
		set = set.Pick(first(made.X.Rows))
		near, err := closest(ctx, p.At, set, unit, nearby)
		if err != nil {
			return nil, fmt.Errorf("attacking by shadow generators: %w", err)
		}
		around, err := alike(ctx, p.At, set, unit, blocks)
		if err != nil {
			return nil, fmt.Errorf("attacking by shadow generators: %w", err)
		}
		for i, d := range near {
			mean := 0.0
			for _, v := range d {
				mean += v / float64(len(d))
			}
			at := sheet.At(m, i)
			at[0], at[1] = -math.Log(d[0]+leastDistance), -math.Log(mean+leastDistance)
			for k, n := range around[i] {
				at[2+k] = math.Log1p(float64(n))
			}
			if m > 0 {
				sheet.Member[m*sheet.Points+i] = in[m-1][i]
			}
		}
	}
	return scored(sheet, "shadow", attack.LiRA{}, attack.OneSided{Number: 1}, attack.RMIA{})
}

// balls is in how many attributes at most a synthetic record may differ from somebody to be counted, and one more.
const balls = 6

// alike counts for each row of a how many rows of b differ from it in at most so many attributes, the class being one; numbers differ that lie farther apart than
// a quarter of their deviation.
func alike(ctx context.Context, a, b data.Set, unit []float64, blocks []block) ([][balls]int, error) {
	out := make([][balls]int, a.X.Rows)
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < a.X.Rows; from += 64 {
		g.Go(func() error {
			for i := from; i < min(from+64, a.X.Rows); i++ {
				if err := inner.Err(); err != nil {
					return err
				}
				for k := range b.X.Rows {
					differ := 0
					if a.Y[i] != b.Y[k] {
						differ++
					}
					x, y := a.X.Row(i), b.X.Row(k)
					for at := 0; at < len(blocks) && differ < balls; at++ {
						if blocks[at].differ(x, y, unit) {
							differ++
						}
					}
					for n := differ; n < balls; n++ {
						out[i][n]++
					}
				}
			}
			return nil
		})
	}
	return out, g.Wait()
}

// differ reports whether two rows differ in an attribute.
func (b block) differ(x, y []float32, unit []float64) bool {
	if !b.word {
		return math.Abs(float64(x[b.from]-y[b.from])) > unit[b.from]/4
	}
	for j := b.from; j < b.to; j++ {
		if x[j] != y[j] {
			return true
		}
	}
	return false
}

// leastDistance stands for none: in units of a column's deviation, less than any two different records are apart.
const leastDistance = 1e-3

func first(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// scored has attacks judge a sheet; each is called by what it saw and its name.
func scored(sheet *attack.Sheet, what string, by ...attack.Attack) (out []Scores, err error) {
	for _, a := range by {
		of, err := a.Score(sheet)
		if err != nil {
			return nil, fmt.Errorf("attacking by %s of %s: %w", a.Name(), what, err)
		}
		out = append(out, Scores{what + " " + a.Name(), of})
	}
	return out, nil
}
