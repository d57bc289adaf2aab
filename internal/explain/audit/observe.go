package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Step tells how far an audit is.
type Step struct {
	Done, Of int
	What     string // what has been done last
}

// Shelf keeps what took long to compute, so that an audit which was interrupted goes on where it was. Names are file names.
type Shelf interface {
	// Get gives what was put under a name, nil where nothing was.
	Get(name string) ([]byte, error)
	Put(name string, b []byte) error
}

// Defence changes attributions before anybody sees them. The same seed changes them alike.
type Defence interface {
	Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error)
}

// method is one explanation of the plan, made ready.
type method struct {
	Explanation
	explain func(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error)
	once    bool // asking again shows nothing new
}

// observation is what attackers saw: of the answers, and of each explanation.
type observation struct {
	prediction   *attack.Sheet
	explanations []*attack.Sheet
}

// observer watches models answer.
type observer struct {
	plan    Plan
	pool    *pool
	at      data.Set // the attacked records
	methods []method
	shelf   Shelf
	step    func(Step)
	done    int
	seen    observation
}

// observe has the target and its references answer and explain every attacked record.
func observe(ctx context.Context, s Subject, p Plan, o *pool, methods []method, shelf Shelf, step func(Step)) (*observation, error) {
	w := &observer{plan: p, pool: o, at: o.attacked(), methods: methods, shelf: shelf, step: step}
	w.seen.prediction = attack.NewSheet(p.References+1, len(o.scored), attack.PredictionWidth)
	for range methods {
		w.seen.explanations = append(w.seen.explanations, attack.NewSheet(p.References+1, len(o.scored), attack.ExplanationWidth))
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

// mark notes on every sheet which attacked records a reference was trained on. The target's stay unmarked: attacks have no business with them.
func (w *observer) mark(r int, in []bool) {
	for _, s := range append([]*attack.Sheet{w.seen.prediction}, w.seen.explanations...) {
		for i, row := range w.pool.scored {
			s.Member[r*s.Points+i] = in[row]
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
	err := w.fill(fmt.Sprintf("model-%03d-prediction", m), w.seen.prediction, m, func(to []float64) error {
		mod, err := ready()
		if err != nil {
			return err
		}
		p, err := mod.Predict(ctx, w.at.X)
		if err != nil {
			return fmt.Errorf("asking model %d: %w", m, err)
		}
		attack.Prediction(p, w.at.Y, to)
		return nil
	})
	for i, e := range w.methods {
		if err != nil {
			return err
		}
		err = w.fill(fmt.Sprintf("model-%03d-explanation-%02d", m, i), w.seen.explanations[i], m, func(to []float64) error {
			mod, err := ready()
			if err != nil {
				return err
			}
			a, err := w.explained(ctx, e, mod, uint64(m))
			if err != nil {
				return fmt.Errorf("explaining model %d by %s: %w", m, e.Name(), err)
			}
			attack.Explanation(a, to)
			return nil
		})
	}
	return err
}

// explained is what an attacker knows of explanations who has asked for each of them again and again: their mean.
func (w *observer) explained(ctx context.Context, e method, m model.Model, number uint64) (matrix.Matrix, error) {
	queries := w.plan.Queries
	if e.once {
		queries = 1
	}
	var mean matrix.Matrix
	for q := range queries {
		a, err := e.explain(ctx, m, w.at.X, w.plan.Seed+number<<20+uint64(q))
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

// fill takes one model's part of a sheet from the shelf, or computes it and puts it there.
func (w *observer) fill(name string, s *attack.Sheet, m int, compute func(to []float64) error) error {
	size := s.Points * s.Width
	to := s.Values[m*size : (m+1)*size]
	kept, err := w.shelf.Get(name)
	if err != nil {
		return fmt.Errorf("going on with an audit: %w", err)
	}
	if len(kept) == 8*size {
		for i := range to {
			to[i] = math.Float64frombits(binary.LittleEndian.Uint64(kept[8*i:]))
		}
	} else {
		if err := compute(to); err != nil {
			return err
		}
		b := make([]byte, 0, 8*size)
		for _, v := range to {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		if err := w.shelf.Put(name, b); err != nil {
			return fmt.Errorf("keeping what an audit has seen: %w", err)
		}
	}
	w.done++
	w.step(Step{w.done, (w.plan.References + 1) * (1 + len(w.methods)), name})
	return nil
}

// prepare makes the plan's explanations ready. background is of the training records, which every attacker is taken to know the like of.
func prepare(p Plan, background matrix.Matrix, defence func(text string) (Defence, error)) ([]method, error) {
	var out []method
	for _, e := range p.Explanations {
		if _, err := attribution.New(e.Method, attribution.Setting{Background: background}); err != nil {
			return nil, fmt.Errorf("reading the plan: %w", err)
		}
		var d Defence
		if e.Defence != "" {
			var err error
			if d, err = defence(e.Defence); err != nil {
				return nil, fmt.Errorf("reading the plan: explanation %q: %w", e.Method, err)
			}
		}
		out = append(out, method{Explanation: e, once: d == nil && !randomised(e.Method), explain: func(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error) {
			how, err := attribution.New(e.Method, attribution.Setting{Background: background, Seed: seed})
			if err != nil {
				return matrix.Matrix{}, err
			}
			a, err := how.Explain(ctx, m, x, nil)
			if err != nil || d == nil {
				return a, err
			}
			return d.Apply(ctx, a, seed)
		}})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no explanation to audit", tribune.ErrInvalid)
	}
	return out, nil
}

// randomised reports whether a method shows something new when it is asked again.
func randomised(method string) bool {
	return slices.Contains([]string{"smoothgrad", "lime", "kernel-shap"}, method)
}
