package price

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tribune"
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
	right []bool // of every test record: was it answered rightly; nil: nobody asked
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
	crowds map[audit.Group]crowd
}

// crowd is a group among the test records: all of them, and those looked at, by their place among these.
type crowd struct{ all, some []int }

// groupLooks are how many records of a group are looked at, at least, where it has so many: those in the sample may be too few to say anything.
const groupLooks = 60

// open draws the records that are looked at: a sample, and of each group of the plan the next of the same draw.
func (c *comparison) open() (eye, error) {
	s := c.subject
	e := eye{mean: make([]float32, s.Train.X.Cols), crowds: map[audit.Group]crowd{}}
	drawn := rand.New(rand.NewPCG(c.plan.Seed, 42)).Perm(s.Test.X.Rows)
	groups, err := crowds(s.Test, c.plan.Groups)
	if err != nil {
		return e, err
	}
	chosen := map[audit.Group][]int{{}: drawn[:min(len(drawn), c.options.Records)]}
	e.rows = slices.Clone(chosen[audit.Group{}])
	for g, rows := range groups {
		if g.Grouping == audit.Everybody {
			continue
		}
		is := make([]bool, len(drawn))
		for _, row := range rows {
			is[row] = true
		}
		for place, row := range drawn {
			if is[row] && (place < c.options.Records || len(chosen[g]) < groupLooks) {
				chosen[g] = append(chosen[g], row)
			}
		}
		e.rows = append(e.rows, chosen[g]...)
	}
	slices.Sort(e.rows)
	e.rows = slices.Compact(e.rows)
	for g, rows := range groups {
		of := crowd{all: rows}
		for _, row := range chosen[g] {
			at, _ := slices.BinarySearch(e.rows, row)
			of.some = append(of.some, at)
		}
		slices.Sort(of.some)
		e.crowds[g] = of
	}
	e.set = s.Test.Pick(e.rows)
	e.measure(s.Train)
	return e, nil
}

// measure finds what is ordinary among the training records, and how far a slightly changed copy lies.
func (e *eye) measure(train data.Set) {
	var squares float64
	for j := range e.mean {
		var sum, square float64
		for i := range train.X.Rows {
			v := float64(train.X.Row(i)[j])
			sum += v
			square += v * v
		}
		n := float64(train.X.Rows)
		e.mean[j] = float32(sum / n)
		squares += max(0, square/n-sum/n*sum/n) / float64(len(e.mean))
	}
	if e.radius = nearby * math.Sqrt(squares); !(e.radius > 0) {
		e.radius = nearby
	}
}

// crowds are everybody and the values of some groupings, by their rows.
func crowds(s data.Set, groupings []string) (map[audit.Group][]int, error) {
	out := map[audit.Group][]int{{}: make([]int, len(s.Y))}
	for i := range s.Y {
		out[audit.Group{}][i] = i
	}
	for _, name := range groupings {
		at := slices.IndexFunc(s.Groups, func(g data.Grouping) bool { return g.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("%w: the plan judges groups by %q, which the records do not say", tribune.ErrInvalid, name)
		}
		for _, value := range s.Groups[at].Values {
			out[audit.Group{Grouping: name, Group: value}] = nil
		}
		for i, of := range s.Groups[at].Of {
			if of >= 0 && of < len(s.Groups[at].Values) {
				g := audit.Group{Grouping: name, Group: s.Groups[at].Values[of]}
				out[g] = append(out[g], i)
			}
		}
	}
	return out, nil
}

// look measures fidelity, steadiness and accuracy of all schemes of one training.
func (c *comparison) look(ctx context.Context, s audit.Subject, schemes []Scheme) (*looks, error) {
	out := &looks{of: map[[2]string]*look{}}
	if c.judged == nil || len(c.trainings) > 1 { // else there is one model, and nothing to compare its accuracy with
		classes, err := attribution.Predicted(ctx, s.Target, s.Test.X)
		if err != nil {
			return nil, fmt.Errorf("asking the model: %w", err)
		}
		out.right = make([]bool, len(s.Test.Y))
		for i, y := range s.Test.Y {
			out.right[i] = classes[i] == y
		}
	}
	for _, method := range c.methods {
		seen := map[string]*glances{}
		for _, scheme := range schemes {
			l, err := c.lookAt(ctx, s, seen, method, scheme)
			if err != nil {
				return nil, fmt.Errorf("looking at %s under %s: %w", method.Name(), scheme.Text, err)
			}
			out.of[[2]string{method.Name(), scheme.Text}] = l
		}
		if c.options.Audit.Step != nil {
			c.options.Audit.Step(audit.Step{Done: len(out.of) / len(schemes), Of: len(c.methods), What: "looked at " + method.Name()})
		}
	}
	return out, nil
}

// glances are undefended explanations of the records looked at, and then of each of their changed copies: every scheme defends the same, which are made once.
type glances struct {
	explain audit.Explain
	seen    []matrix.Matrix
}

// under gives the glances in their order as a defence leaves them.
func (g *glances) under(d audit.Defence, m model.Model, seed uint64) func(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	next := 0
	return func(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
		if next == len(g.seen) {
			a, err := g.explain(ctx, m, x, seed)
			if err != nil {
				return a, err
			}
			g.seen = append(g.seen, a)
		}
		a := g.seen[next]
		if next++; d == nil {
			return a, nil
		}
		return d.Apply(ctx, a, seed)
	}
}

func (c *comparison) lookAt(ctx context.Context, s audit.Subject, seen map[string]*glances, method audit.Explanation, scheme Scheme) (*look, error) {
	e := scheme.of(method)
	var d audit.Defence
	var err error
	if e.Defence != "" {
		if d, err = defence.Parse(e.Defence); err != nil {
			return nil, err
		}
	}
	e.Defence = ""
	if seen[e.Name()] == nil {
		how, err := e.Explainer(s, c.plan, c.options.Audit)
		if err != nil {
			return nil, err
		}
		seen[e.Name()] = &glances{explain: how}
	}
	g := seen[e.Name()]
	a, err := g.under(d, s.Target, c.plan.Seed)(ctx, c.eye.set.X)
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
	if l.steady, err = defence.Stability(ctx, g.under(d, s.Target, c.plan.Seed), c.eye.set.X, c.eye.radius, c.options.Copies, c.plan.Seed); err != nil {
		return nil, err
	}
	if c.judged == nil { // beside an audit, whose model may be paid for by the question, it is not asked once more for every scheme
		l.deletion, err = deletion(ctx, s.Target, c.eye, a)
	}
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
