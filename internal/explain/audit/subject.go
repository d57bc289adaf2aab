package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
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
	// References says in words how that is, and whether it is how the target was trained.
	References string
}

// pool is every record that the target's owner has: those that it was trained on first.
type pool struct {
	all     data.Set
	members int   // all.X's first rows
	scored  []int // rows that are attacked
}

func newPool(s Subject, p Plan) (*pool, error) {
	if s.Train.X.Cols != s.Test.X.Cols || s.Train.X.Cols != s.Target.Inputs() {
		return nil, fmt.Errorf("%w: the model takes %d numbers, the training records have %d and the test records %d", tribune.ErrInvalid, s.Target.Inputs(), s.Train.X.Cols, s.Test.X.Cols)
	}
	if len(s.Train.Y) == 0 || len(s.Test.Y) == 0 {
		return nil, fmt.Errorf("%w: %d training and %d test records", tribune.ErrInvalid, len(s.Train.Y), len(s.Test.Y))
	}
	all, err := join(s.Train, s.Test)
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

// draw names n of the rows from..to-1, in order; all of them where n is 0 or there are no more.
func draw(from, to, n int, seed, stream uint64) []int {
	rows := make([]int, to-from)
	for i := range rows {
		rows[i] = from + i
	}
	if n == 0 || n >= len(rows) {
		return rows
	}
	rng := rand.New(rand.NewPCG(seed, stream))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	rows = rows[:n]
	slices.Sort(rows)
	return rows
}

// join puts test records after training records.
func join(train, test data.Set) (data.Set, error) {
	out := train
	out.X = matrix.Matrix{Rows: train.X.Rows + test.X.Rows, Cols: train.X.Cols, Data: slices.Concat(train.X.Data, test.X.Data)}
	out.Y = slices.Concat(train.Y, test.Y)
	out.Person, out.Row, out.Groups = nil, nil, nil
	for _, g := range train.Groups {
		i := slices.IndexFunc(test.Groups, func(o data.Grouping) bool { return o.Name == g.Name })
		if i < 0 || !slices.Equal(test.Groups[i].Values, g.Values) {
			return out, fmt.Errorf("%w: training and test records are not grouped alike by %q", tribune.ErrInvalid, g.Name)
		}
		out.Groups = append(out.Groups, data.Grouping{Name: g.Name, Values: g.Values, Of: slices.Concat(g.Of, test.Groups[i].Of)})
	}
	return out, nil
}

// half is what reference r is trained on: each record by the toss of a coin, so that of every record some references have seen it and some have not.
func (o *pool) half(seed uint64, r int) (in []bool, rows []int) {
	rng := rand.New(rand.NewPCG(seed, 1000+uint64(r)))
	in = make([]bool, len(o.all.Y))
	for i := range in {
		if in[i] = rng.Uint64()&1 == 0; in[i] {
			rows = append(rows, i)
		}
	}
	return in, rows
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
