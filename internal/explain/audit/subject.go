package audit

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
)

// Subject is what is audited.
type Subject struct {
	Target model.Model
	Model  tribune.Hash // of the target's own bytes
	Train  data.Set     // that the target was trained on
	Test   data.Set     // that it was not, encoded alike
	// Like trains a reference model as the target was trained, on other records; same records and seed, same model.
	Like func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error)
	// Given is reference r, from 1, that somebody has trained elsewhere on these records; nil: Like trains it. That it was trained on them is his word, and
	// as far as can be seen it is checked.
	Given func(ctx context.Context, r int, rows data.Set) (model.Model, error)
	// References says in words how that is, and whether it is how the target was trained.
	References string
}

// pool is every record that the target's owner has: those that it was trained on first.
type pool struct {
	all     data.Set
	members int   // all.X's first rows
	scored  []int // rows that are attacked
}

// Fits refuses a model that these records cannot be meant for: the target, or a reference.
func (s Subject) Fits(m model.Model) error {
	const how = "tribune explain export writes the records as a model must be given them"
	switch {
	case s.Train.X.Cols != s.Test.X.Cols || s.Train.X.Cols != m.Inputs():
		return tribune.Hint(fmt.Errorf("%w: the model takes %d numbers, the training records have %d and the test records %d", tribune.ErrInvalid, m.Inputs(), s.Train.X.Cols, s.Test.X.Cols), how)
	case len(s.Train.Y) == 0 || len(s.Test.Y) == 0:
		return fmt.Errorf("%w: %d training and %d test records", tribune.ErrInvalid, len(s.Train.Y), len(s.Test.Y))
	case m.Classes() != len(s.Train.Classes) || m.Classes() != len(s.Test.Classes):
		return tribune.Hint(fmt.Errorf("%w: the model knows %d classes, the records have %d: %.300q", tribune.ErrInvalid, m.Classes(), len(s.Train.Classes), s.Train.Classes), how)
	}
	return nil
}

func newPool(s Subject, p Plan) (*pool, error) {
	if err := s.Fits(s.Target); err != nil {
		return nil, err
	}
	all, err := data.Join(s.Train, s.Test)
	if err != nil {
		return nil, err
	}
	o := &pool{all: all, members: len(s.Train.Y)}
	o.scored = append(draw(0, o.members, p.Points/2, p.Seed, 1), draw(o.members, len(all.Y), p.Points/2, p.Seed, 2)...)
	return o, nil
}

// some of the attacked records, by their place among them; half of them members; all of them where points is 0.
func (o *pool) some(points int, seed uint64) []int {
	members := 0
	for members < len(o.scored) && o.scored[members] < o.members {
		members++
	}
	return append(draw(0, members, points/2, seed, 4), draw(members, len(o.scored), points/2, seed, 5)...)
}

// sample names of the attacked records, by their place among them, those that a trial attacks: the first members and as many others of the draw that some(of) makes, and of each group of
// the plan so many that there are groupRows of either kind, as far as the draw has them. place says of each where it stands in the draw.
func (o *pool) sample(p Plan, first, of int) (rows, place []int) {
	members := 0
	for members < len(o.scored) && o.scored[members] < o.members {
		members++
	}
	type drawn struct{ row, place int }
	var out []drawn
	for _, side := range [][]int{shuffled(0, members, p.Seed, 4), shuffled(members, len(o.scored), p.Seed, 5)} {
		if of > 0 {
			side = side[:min(of/2, len(side))]
		}
		count := map[Group]int{}
		for at, row := range side {
			wanted := at < first
			for _, name := range p.Groups {
				if g, known := o.group(name, row); known {
					count[g]++
					wanted = wanted || count[g] <= groupRows
				}
			}
			if wanted {
				out = append(out, drawn{row, at})
			}
		}
	}
	slices.SortFunc(out, func(a, b drawn) int { return cmp.Compare(a.row, b.row) })
	for _, d := range out {
		rows, place = append(rows, d.row), append(place, d.place)
	}
	return rows, place
}

// group is an attacked record's, under one grouping.
func (o *pool) group(grouping string, row int) (Group, bool) {
	i := slices.IndexFunc(o.all.Groups, func(g data.Grouping) bool { return g.Name == grouping })
	if i < 0 {
		return Group{}, false
	}
	g := o.all.Groups[i]
	of := g.Of[o.scored[row]]
	if of < 0 || of >= len(g.Values) {
		return Group{}, false
	}
	return Group{grouping, g.Values[of]}, true
}

// draw names n of the rows from..to-1, in order; all of them where n is 0 or there are no more.
func draw(from, to, n int, seed, stream uint64) []int {
	if n == 0 || n >= to-from {
		rows := make([]int, to-from)
		for i := range rows {
			rows[i] = from + i
		}
		return rows
	}
	rows := shuffled(from, to, seed, stream)[:n]
	slices.Sort(rows)
	return rows
}

// shuffled is the rows from..to-1 in the order in which they are drawn: of fewer, the first.
func shuffled(from, to int, seed, stream uint64) []int {
	rows := make([]int, to-from)
	for i := range rows {
		rows[i] = from + i
	}
	rng := rand.New(rand.NewPCG(seed, stream))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// half is which of n records reference r is trained on: each by the toss of a coin, so that of every record some references have seen it and some have not.
func half(n int, seed uint64, r int) []bool {
	rng := rand.New(rand.NewPCG(seed, 1000+uint64(r)))
	in := make([]bool, n)
	for i := range in {
		in[i] = rng.Uint64()&1 == 0
	}
	return in
}

// Halves are which of so many records each reference of the plan is trained on; training records come first, then test records.
func (p Plan) Halves(records int) [][]bool {
	out := make([][]bool, p.References)
	for r := range out {
		out[r] = half(records, p.Seed, r+1)
	}
	return out
}

// attacked is the records that are attacked, in order of the pool.
func (o *pool) attacked() data.Set { return o.all.Pick(o.scored) }

// isMember of each attacked record.
func (o *pool) isMember() []bool {
	out := make([]bool, len(o.scored))
	for i, row := range o.scored {
		out[i] = row < o.members
	}
	return out
}
