package price

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/defence"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

const (
	deleted = 10  // inputs that are taken away to see whether the answer rested on them
	nearby  = 0.1 // of an input's typical deviation: how far a slightly changed copy lies
)

// looks is what records of the test split show of one training's schemes.
type looks struct {
	right []bool // of every test record: was it answered rightly
	of    map[[2]string]*look
}

// look is what one method's explanations under one scheme are worth, for each record looked at.
type look struct {
	quality  []defence.Quality
	steady   []float64
	deletion []float64 // how far the answer's probability falls where the inputs named first are made ordinary
}

// eye is what looking needs.
type eye struct {
	set    data.Set  // the records looked at
	rows   []int     // which they are of the test split
	mean   []float32 // of the training records
	radius float64
}

func (c *comparison) eye(s audit.Subject) eye {
	rng := rand.New(rand.NewPCG(c.plan.Seed, 42))
	rows := rng.Perm(s.Test.X.Rows)
	rows = rows[:min(len(rows), c.options.Records)]
	slices.Sort(rows)
	e := eye{set: s.Test.Pick(rows), rows: rows, mean: make([]float32, s.Train.X.Cols)}
	var squares float64
	for j := range e.mean {
		var sum, square float64
		for i := range s.Train.X.Rows {
			v := float64(s.Train.X.Row(i)[j])
			sum += v
			square += v * v
		}
		n := float64(s.Train.X.Rows)
		e.mean[j] = float32(sum / n)
		squares += max(0, square/n-sum/n*sum/n) / float64(len(e.mean))
	}
	if e.radius = nearby * math.Sqrt(squares); !(e.radius > 0) {
		e.radius = nearby
	}
	return e
}

// look measures fidelity, steadiness and accuracy of all schemes of one training.
func (c *comparison) look(ctx context.Context, s audit.Subject, schemes []Scheme) (*looks, error) {
	e := c.eye(s)
	c.eyeRows = e.rows
	out := &looks{of: map[[2]string]*look{}, right: make([]bool, len(s.Test.Y))}
	classes, err := attribution.Predicted(ctx, s.Target, s.Test.X)
	if err != nil {
		return nil, fmt.Errorf("asking the model: %w", err)
	}
	for i, y := range s.Test.Y {
		out.right[i] = classes[i] == y
	}
	for _, method := range c.methods {
		for _, scheme := range schemes {
			l, err := c.lookAt(ctx, s, e, method, scheme)
			if err != nil {
				return nil, fmt.Errorf("looking at %s under %s: %w", method.Name(), scheme.Text, err)
			}
			out.of[[2]string{method.Name(), scheme.Text}] = l
		}
	}
	return out, nil
}

func (c *comparison) lookAt(ctx context.Context, s audit.Subject, e eye, method audit.Explanation, scheme Scheme) (*look, error) {
	how, err := scheme.of(method).Explainer(s, c.plan, c.options.Audit)
	if err != nil {
		return nil, err
	}
	explain := func(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
		return how(ctx, s.Target, x, c.plan.Seed)
	}
	a, err := explain(ctx, e.set.X)
	if err != nil {
		return nil, err
	}
	if scheme == Plain() {
		c.plain[method.Name()] = a
	}
	var l look
	if l.quality, err = defence.Fidelity(c.plain[method.Name()], a); err != nil {
		return nil, err
	}
	if l.steady, err = defence.Stability(ctx, explain, e.set.X, e.radius, c.options.Copies, c.plan.Seed); err != nil {
		return nil, err
	}
	l.deletion, err = deletion(ctx, s.Target, e, a)
	return &l, err
}

// deletion takes from each record the inputs that its explanation names first. An explanation that names fewer takes fewer.
func deletion(ctx context.Context, m model.Model, e eye, a matrix.Matrix) ([]float64, error) {
	before, err := m.Predict(ctx, e.set.X)
	if err != nil {
		return nil, err
	}
	x, at := matrix.New(e.set.X.Rows, e.set.X.Cols), make([]int, a.Cols)
	copy(x.Data, e.set.X.Data)
	for i := range x.Rows {
		row := a.Row(i)
		for j := range at {
			at[j] = j
		}
		slices.SortStableFunc(at, func(p, q int) int { return cmp.Compare(math.Abs(float64(row[q])), math.Abs(float64(row[p]))) })
		for _, j := range at[:min(deleted, len(at))] {
			if row[j] != 0 {
				x.Row(i)[j] = e.mean[j]
			}
		}
	}
	after, err := m.Predict(ctx, x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.Rows)
	for i := range out {
		p := before.Row(i)
		class := 0
		for k, v := range p {
			if v > p[class] {
				class = k
			}
		}
		out[i] = float64(p[class] - after.Row(i)[class])
	}
	return out, nil
}
