package audit

import (
	"context"
	"fmt"
	"slices"

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

// wholeRows are how many whole explanations of one reference an attack network learns from.
const wholeRows = 1000

// view is what attackers saw: of the answers, or of one explanation.
type view struct {
	rows  []int // which of the attacked records
	at    data.Set
	sheet *attack.Sheet
	// For the attack network, by model: all of the target's; of references those at drawn. Empty where the plan names no such attack.
	drawn [][]int // by reference from 1: indices into rows
	whole []matrix.Matrix
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
	shelf   Shelf
	step    func(Step)
	done    int
	seen    observation
}

// observe has the target and its references answer and explain the attacked records.
func observe(ctx context.Context, s Subject, p Plan, o *pool, methods []method, shelf Shelf, step func(Step)) (*observation, error) {
	w := &observer{plan: p, pool: o, methods: methods, shelf: shelf, step: step}
	w.seen.prediction = w.view(0, attack.PredictionWidth, attack.SortedWidth(s.Target.Classes()), true)
	for _, e := range methods {
		w.seen.explanations = append(w.seen.explanations, w.view(e.Points, attack.ExplanationWidth, s.Target.Inputs(), false))
	}
	if err := w.watch(ctx, 0, func() (model.Model, error) { return s.Target, nil }); err != nil {
		return nil, err
	}
	for r := 1; r <= p.References; r++ {
		in, rows := o.half(p.Seed, r)
		w.mark(r, in)
		err := w.watch(ctx, r, func() (model.Model, error) {
			m, err := s.Like(ctx, o.all.Pick(rows), p.Seed+uint64(r))
			if err != nil {
				return nil, fmt.Errorf("training reference %d of %d: %w", r, p.References, err)
			}
			return m, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &w.seen, nil
}

// view prepares room for what will be seen of so many records. every: whole answers of all records are kept, so that they can stand beside any explanation's.
func (w *observer) view(points, width, whole int, every bool) *view {
	v := &view{rows: w.pool.some(points, w.plan.Seed)}
	v.at = w.pool.attacked().Pick(v.rows)
	v.sheet = attack.NewSheet(w.plan.References+1, len(v.rows), width)
	if !slices.Contains(w.plan.Attacks, NetworkAttack) {
		return v
	}
	for m := range w.plan.References + 1 {
		n := 0
		if m > 0 && !every {
			n = wholeRows
		}
		v.drawn = append(v.drawn, draw(0, len(v.rows), n, w.plan.Seed, 2000+uint64(m)))
		v.whole = append(v.whole, matrix.New(len(v.drawn[m]), whole))
	}
	return v
}

// mark notes on every sheet which attacked records a reference was trained on. The target's stay unmarked: attacks have no business with them.
func (w *observer) mark(r int, in []bool) {
	for _, v := range append([]*view{w.seen.prediction}, w.seen.explanations...) {
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
	for i, e := range w.methods {
		if err != nil {
			return err
		}
		v := w.seen.explanations[i]
		err = w.fill(fmt.Sprintf("model-%03d-explanation-%02d", m, i), w.naming(m)+": "+e.Name(), v, m, func() error {
			mod, err := ready()
			if err != nil {
				return err
			}
			a, err := w.explained(ctx, e, mod, v.at.X, uint64(m))
			if err != nil {
				return fmt.Errorf("explaining model %d by %s: %w", m, e.Name(), err)
			}
			attack.Explanation(a, v.numbers(m))
			if v.whole != nil {
				v.keep(m, a)
			}
			return nil
		})
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

// explained is what an attacker knows of explanations who has asked for each of them again and again: their mean.
func (w *observer) explained(ctx context.Context, e method, m model.Model, x matrix.Matrix, number uint64) (matrix.Matrix, error) {
	queries := w.plan.Queries
	if e.once {
		queries = 1
	}
	var mean matrix.Matrix
	for q := range queries {
		a, err := e.explain(ctx, m, x, w.plan.Seed+number<<20+uint64(q))
		if err != nil {
			return mean, err
		}
		if q == 0 {
			mean = a
			continue
		}
		for i, v := range a.Data {
			mean.Data[i] += (v - mean.Data[i]) / float32(q+1)
		}
	}
	return mean, nil
}

// numbers are one model's part of the sheet.
func (v *view) numbers(m int) []float64 {
	size := v.sheet.Points * v.sheet.Width
	return v.sheet.Values[m*size : (m+1)*size]
}

// keep keeps those of a model's whole answers or explanations that an attack network will want.
func (v *view) keep(m int, all matrix.Matrix) {
	for i, row := range v.drawn[m] {
		copy(v.whole[m].Row(i), all.Row(row))
	}
}

// alone is what an attack network learns from, of this view.
func (v *view) alone() attack.Whole { return v.beside(nil) }

// beside is the same with the answers to the same records before it.
func (v *view) beside(answered *view) attack.Whole {
	width := v.whole[0].Cols
	if answered != nil {
		width += answered.whole[0].Cols
	}
	n := 0
	for m := 1; m < len(v.whole); m++ {
		n += len(v.drawn[m])
	}
	out := attack.Whole{Known: matrix.New(n, width), Member: make([]int, n), Target: matrix.New(len(v.rows), width)}
	join := func(to []float32, m, i int) {
		if answered != nil { // its rows are all the attacked records
			to = to[copy(to, answered.whole[m].Row(v.rows[v.drawn[m][i]])):]
		}
		copy(to, v.whole[m].Row(i))
	}
	for i := range v.rows {
		join(out.Target.Row(i), 0, i)
	}
	at := 0
	for m := 1; m < len(v.whole); m++ {
		for i, row := range v.drawn[m] {
			if join(out.Known.Row(at), m, i); v.sheet.In(m, row) {
				out.Member[at] = 1
			}
			at++
		}
	}
	return out
}
