package release

import (
	"context"
	"fmt"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

const (
	recordsAtOnce = 2048 // about which the endpoint is asked before it is said how far it is
	copiesAtOnce  = 1 << 15
)

// askTarget asks the endpoint about the records, then about their copies. It reports whether it told classes alone.
func (a *asked) askTarget(ctx context.Context) (alone bool, err error) {
	answers := matrix.New(len(a.scored), a.Target.Classes())
	for from := 0; from < len(a.scored); from += recordsAtOnce {
		to := min(from+recordsAtOnce, len(a.scored))
		p, err := a.Target.Predict(ctx, a.at.X.Slice(from, to))
		if err != nil {
			return false, fmt.Errorf("asking about the records: %w", err)
		}
		copy(answers.Slice(from, to).Data, p.Data)
		a.step(fmt.Sprintf("the endpoint: %d of %d records", to, len(a.scored)))
	}
	alone = true
	for _, v := range answers.Data {
		alone = alone && (v == 0 || v == 1)
	}
	a.see(0, answers)
	if alone && a.Confident {
		return alone, nil // nothing more will be asked
	}
	return alone, a.copies(ctx, 0, a.Target, recordsAtOnce, "the endpoint: copies of %d of %d records")
}

// watch has a reference answer about records and copies.
func (a *asked) watch(ctx context.Context, m int, mod model.Model) error {
	p, err := mod.Predict(ctx, a.at.X)
	if err != nil {
		return fmt.Errorf("asking reference %d: %w", m, err)
	}
	a.see(m, p)
	return a.copies(ctx, m, mod, copiesAtOnce, "")
}

// copies has a model answer about all copies, about so many at once, and makes numbers of it.
func (a *asked) copies(ctx context.Context, m int, mod model.Model, atOnce int, said string) error {
	if a.Copies == 0 {
		return nil
	}
	each := max(1, atOnce/a.Copies)
	for from := 0; from < len(a.scored); from += each {
		to := min(from+each, len(a.scored))
		if err := a.count(ctx, m, mod, from, to); err != nil {
			return fmt.Errorf("asking about copies of records: %w", err)
		}
		if said != "" {
			a.step(fmt.Sprintf(said, to, len(a.scored)))
		}
	}
	return nil
}

// see makes numbers of a model's answers about the records.
func (a *asked) see(m int, p matrix.Matrix) {
	size := a.sheet.Points * a.sheet.Width
	attack.Prediction(p, a.at.Y, a.sheet.Values[m*size:(m+1)*size])
	a.right[m] = make([]bool, p.Rows)
	for i, y := range a.at.Y {
		a.right[m][i] = top(p.Row(i)) == y
	}
}

// count asks a model about the copies of records from..to-1 and makes numbers of how often it is right at each level.
func (a *asked) count(ctx context.Context, m int, mod model.Model, from, to int) error {
	x := matrix.New((to-from)*a.Copies, a.at.X.Cols)
	for i := from; i < to; i++ {
		a.disturb.disturb(a.at.X.Row(i), a.scored[i], x, (i-from)*a.Copies)
	}
	p, err := mod.Predict(ctx, x)
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		var right [Levels]int
		for c := range a.Copies {
			if top(p.Row((i-from)*a.Copies+c)) == a.at.Y[i] {
				right[c/a.disturb.copies]++
			}
		}
		a.disturb.robustness(right[:], a.right[m][i], a.robust.At(m, i))
	}
	return nil
}

// top is the class of the highest number, the first of equal ones.
func top(row []float32) (best int) {
	for c, v := range row {
		if v > row[best] {
			best = c
		}
	}
	return best
}

// step says how far it is.
func (a *asked) step(what string) {
	a.done++
	if a.Step == nil {
		return
	}
	parts := func(each int) int { return (len(a.scored) + each - 1) / each }
	of := parts(recordsAtOnce) + a.References
	if a.Copies > 0 {
		of += parts(max(1, recordsAtOnce/a.Copies))
	}
	a.Step(audit.Step{Done: a.done, Of: of, What: what})
}
