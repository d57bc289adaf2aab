package audit

import (
	"context"
	"fmt"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Step tells how far an audit is.
type Step struct {
	Done, Of int
	What     string // what has been done last
}

// observation is what attackers saw.
type observation struct {
	prediction   *view
	explanations []*view
}

// observer watches models answer.
type observer struct {
	plan    Plan
	pool    *pool
	methods []method
	alike   [][]int // methods that differ by their defence alone, those with the most records first
	shelf   Shelf
	step    func(Step)
	done    int
	seen    observation
}

// observe has the target and its references answer and explain the attacked records. Of the methods the first are the plan's, and the others trials.
func observe(ctx context.Context, s Subject, p Plan, o *pool, methods []method, shelf Shelf, step func(Step)) (*observation, error) {
	w := &observer{plan: p, pool: o, methods: methods, shelf: shelf, step: step}
	w.seen.prediction = w.view(0, wide{numbers: attack.PredictionWidth, whole: attack.SortedWidth(s.Target.Classes())})
	for i, e := range methods {
		size := wide{numbers: attack.ExplanationWidth, whole: s.Target.Inputs(), known: wholeRows}
		if i >= len(p.Explanations) {
			size.trial, size.known, size.of = true, trialRows, p.attackedBy(e.undefended())
		}
		w.seen.explanations = append(w.seen.explanations, w.view(e.Points, size))
	}
	w.group()
	if err := w.watch(ctx, 0, func() (model.Model, error) { return s.Target, nil }); err != nil {
		return nil, err
	}
	for r := 1; r <= p.References; r++ {
		in := half(len(o.all.Y), p.Seed, r)
		w.mark(r, in)
		err := w.watch(ctx, r, func() (model.Model, error) { return s.reference(ctx, p, r, o.all, in) })
		if err != nil {
			return nil, err
		}
	}
	return &w.seen, nil
}

// reference makes reference r, of the records that it is in.
func (s Subject) reference(ctx context.Context, p Plan, r int, all data.Set, in []bool) (m model.Model, err error) {
	var rows []int
	for i, is := range in {
		if is {
			rows = append(rows, i)
		}
	}
	if s.Given != nil {
		if m, err = s.Given(ctx, r, all.Pick(rows)); err != nil {
			return nil, fmt.Errorf("opening reference %d of %d: %w", r, p.References, err)
		}
		return m, nil
	}
	if m, err = s.Like(ctx, all.Pick(rows), p.Seed+uint64(r)); err != nil {
		return nil, fmt.Errorf("training reference %d of %d: %w", r, p.References, err)
	}
	return m, nil
}

// views are all there are so far.
func (w *observer) views() []*view {
	if w.seen.prediction == nil {
		return nil
	}
	return append([]*view{w.seen.prediction}, w.seen.explanations...)
}

// mark notes on every sheet which attacked records a reference was trained on. The target's stay unmarked: attacks have no business with them.
func (w *observer) mark(r int, in []bool) {
	for _, v := range w.views() {
		for i, row := range v.rows {
			v.sheet.Member[r*v.sheet.Points+i] = in[w.pool.scored[row]]
		}
	}
}

// watch fills what is seen of one model. The model is made only if something of it is not on the shelf.
func (w *observer) watch(ctx context.Context, m int, make func() (model.Model, error)) error {
	var made model.Model
	ready := func() (model.Model, error) {
		if made != nil {
			return made, nil
		}
		var err error
		made, err = make()
		return made, err
	}
	v := w.seen.prediction
	err := w.fill(fmt.Sprintf("model-%03d-prediction", m), w.naming(m)+": answers", v, m, func() (err error) {
		mod, err := ready()
		if err != nil {
			return err
		}
		p, err := answers(ctx, mod, v.at.X)
		if err != nil {
			return fmt.Errorf("asking model %d: %w", m, err)
		}
		attack.Prediction(p, v.at.Y, v.numbers(m))
		if v.whole != nil {
			v.keep(m, attack.Sorted(p))
		}
		return nil
	})
	for _, alike := range w.alike {
		if err != nil {
			return err
		}
		err = w.explain(ctx, alike, m, ready)
	}
	return err
}

func (w *observer) naming(m int) string {
	if m == 0 {
		return "the model"
	}
	return fmt.Sprintf("reference %d of %d", m, w.plan.References)
}

// batchRows are asked at once: a model elsewhere bounds its requests, and memory is bounded here.
const batchRows = 4096

func answers(ctx context.Context, m model.Model, x matrix.Matrix) (matrix.Matrix, error) {
	out := matrix.New(x.Rows, m.Classes())
	for from := 0; from < x.Rows; from += batchRows {
		to := min(from+batchRows, x.Rows)
		p, err := m.Predict(ctx, x.Slice(from, to))
		if err != nil {
			return out, err
		}
		copy(out.Slice(from, to).Data, p.Data)
	}
	return out, nil
}
