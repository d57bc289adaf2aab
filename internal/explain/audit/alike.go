package audit

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// undefended is what a defence changes: the method with its settings.
func (e Explanation) undefended() Explanation {
	e.Defence, e.Points = "", 0
	return e
}

// attackedBy is how many records the plan attacks by a method under any of its defences; 0 = all.
func (p Plan) attackedBy(plain Explanation) (points int) {
	for _, e := range p.Explanations {
		if e.undefended() != plain {
			continue
		}
		if e.Points == 0 {
			return 0
		}
		points = max(points, e.Points)
	}
	return points
}

// group puts methods together that differ by their defence alone: what is defended is made once for all of them.
func (w *observer) group() {
	of := map[Explanation]int{}
	for i, e := range w.methods {
		at, known := of[e.undefended()]
		if !known {
			at = len(w.alike)
			of[e.undefended()], w.alike = at, append(w.alike, nil)
		}
		w.alike[at] = append(w.alike[at], i)
	}
	for _, alike := range w.alike {
		slices.SortStableFunc(alike, func(a, b int) int {
			return cmp.Compare(len(w.seen.explanations[b].rows), len(w.seen.explanations[a].rows))
		})
	}
}

// explain fills what is seen of one model by methods that are alike.
func (w *observer) explain(ctx context.Context, alike []int, m int, ready func() (model.Model, error)) error {
	name := func(i int) string { return fmt.Sprintf("model-%03d-explanation-%02d", m, i) }
	var missing []int
	for _, i := range alike {
		kept, err := w.kept(name(i), w.seen.explanations[i], m)
		if err != nil {
			return err
		}
		if !kept {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 {
		mod, err := ready()
		if err != nil {
			return err
		}
		if err := w.explained(ctx, missing, mod, m); err != nil {
			return fmt.Errorf("explaining model %d: %w", m, err)
		}
	}
	for _, i := range missing {
		if err := w.put(name(i), w.seen.explanations[i], m); err != nil {
			return err
		}
	}
	for _, i := range alike {
		w.tell(w.naming(m) + ": " + w.methods[i].Name())
	}
	return nil
}

// explained notes what an attacker knows of explanations who has asked for each of them again and again: their mean. The methods are alike, and the first has all the records that the
// others have.
func (w *observer) explained(ctx context.Context, methods []int, mod model.Model, m int) error {
	widest := w.seen.explanations[methods[0]]
	means := make([]matrix.Matrix, len(methods))
	var plain matrix.Matrix
	for q := range w.plan.Queries {
		seed := w.plan.Seed + uint64(m)<<20 + uint64(q)
		if first := w.methods[methods[0]]; q == 0 || randomised(first.Method) {
			var err error
			if plain, err = first.plain(ctx, mod, widest.at.X, seed); err != nil {
				return fmt.Errorf("by %s: %w", first.Method, err)
			}
		}
		g, inner := errgroup.WithContext(ctx)
		g.SetLimit(runtime.GOMAXPROCS(0))
		for k, i := range methods {
			if q > 0 && w.methods[i].once {
				continue
			}
			g.Go(func() error {
				a, err := w.methods[i].defend(inner, widest.narrow(plain, w.seen.explanations[i]), seed)
				if err != nil {
					return fmt.Errorf("by %s: %w", w.methods[i].Name(), err)
				}
				if q == 0 {
					means[k] = a
				} else {
					means[k] = towards(means[k], a, q+1)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	w.note(methods, means, m)
	return nil
}

// note fills the methods' views with what was seen of model m.
func (w *observer) note(methods []int, seen []matrix.Matrix, m int) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k, i := range methods {
		v, a := w.seen.explanations[i], seen[k]
		numbers := v.numbers(m)
		for from := 0; from < a.Rows; from += batchRows {
			to := min(from+batchRows, a.Rows)
			g.Go(func() error {
				attack.Explanation(a.Slice(from, to), numbers[from*attack.ExplanationWidth:to*attack.ExplanationWidth])
				return nil
			})
		}
		if v.whole != nil {
			v.keep(m, a)
		}
	}
	_ = g.Wait() // none of them fails
}

// towards is the mean of n matrices, from that of the first n-1 and the last.
func towards(mean, last matrix.Matrix, n int) matrix.Matrix {
	out := matrix.New(mean.Rows, mean.Cols)
	for i, v := range mean.Data {
		out.Data[i] = v + (last.Data[i]-v)/float32(n)
	}
	return out
}

// narrow picks from a, which has v's rows, those of another view, which are among them.
func (v *view) narrow(a matrix.Matrix, to *view) matrix.Matrix {
	if len(to.rows) == len(v.rows) {
		return a
	}
	at := make([]int, len(to.rows))
	for i, row := range to.rows {
		at[i], _ = slices.BinarySearch(v.rows, row)
	}
	return a.Pick(at)
}
