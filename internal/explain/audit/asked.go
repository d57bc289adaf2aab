package audit

import (
	"context"
	"hash/fnv"
	"math"
	"sync/atomic"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// triedRows are how many records are explained to learn what an explanation asks.
const triedRows = 32

// Asked is how many records an audit has the target answer: exact but for counterfactuals, whose search depends on the answers. Nobody is asked.
func Asked(ctx context.Context, s Subject, p Plan, o Options) (int64, error) {
	pool, err := newPool(s, p)
	if err != nil {
		return 0, err
	}
	t := &tally{inputs: s.Target.Inputs(), classes: s.Target.Classes()}
	s.Target = t
	methods, err := prepare(p.Explanations, p, s, o.filled())
	if err != nil {
		return 0, err
	}
	total := int64(len(pool.scored))
	for _, e := range methods {
		rows := pool.some(e.Points, p.Seed)
		x := pool.attacked().X.Pick(rows[:min(2*triedRows, len(rows))])
		half := x.Rows / 2
		few, err := t.during(ctx, e, x.Slice(0, half))
		if err != nil {
			return 0, err
		}
		all, err := t.during(ctx, e, x)
		if err != nil {
			return 0, err
		}
		queries := int64(p.Queries)
		if e.once {
			queries = 1
		}
		each := float64(all-few) / float64(max(x.Rows-half, 1))
		total += queries * int64(math.Ceil(float64(all)+each*float64(len(rows)-x.Rows)))
	}
	return total, nil
}

// tally answers anything, always the same to the same record, and counts.
type tally struct {
	inputs, classes int
	asked           atomic.Int64
}

var _ model.Model = (*tally)(nil)

func (t *tally) Inputs() int  { return t.inputs }
func (t *tally) Classes() int { return t.classes }

func (t *tally) Predict(_ context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	t.asked.Add(int64(x.Rows))
	p := matrix.New(x.Rows, t.classes)
	for i := range x.Rows {
		h := fnv.New32a()
		for _, v := range x.Row(i) {
			b := math.Float32bits(v)
			h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
		p.Row(i)[int(h.Sum32()%uint32(t.classes))] = 1
	}
	return p, nil
}

// during is what explaining x asks.
func (t *tally) during(ctx context.Context, e method, x matrix.Matrix) (int64, error) {
	before := t.asked.Load()
	if x.Rows > 0 {
		if _, err := e.plain(ctx, t, x, 1); err != nil {
			return 0, err
		}
	}
	return t.asked.Load() - before, nil
}
