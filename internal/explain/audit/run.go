package audit

import (
	"context"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/defence"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
)

// Options are what an audit needs beside the subject and the plan.
type Options struct {
	Program string // version and commit, for the verdict
	Shelf   Shelf  // nil: nothing is kept, an interrupted audit begins anew
	// Method makes an explanation of its name; nil: attribution.New. Its settings in the plan are applied after.
	Method func(name string, s attribution.Setting) (attribution.Method, error)
	// Defence reads what a plan says; nil: defence.Parse.
	Defence func(text string) (Defence, error)
	Unclean []string // what is wrong with the split, found before
	Dropped int      // test records that were left out before, as doubles
	Now     func() time.Time
	Step    func(Step) // nil: nobody looks; it is called from one goroutine at a time
}

// Defence changes attributions before anybody sees them. The same seed changes them alike.
type Defence interface {
	Apply(ctx context.Context, a matrix.Matrix, seed uint64) (matrix.Matrix, error)
}

// Result is a verdict and what its report draws.
type Result struct {
	Verdict *Verdict
	Curves  []Curve
}

// Curve is a ROC curve of everybody, for a plot with logarithmic axes.
type Curve struct {
	Explanation string
	Attack      string
	Sight       Sight
	Points      []metric.Point
}

// Run audits: it has the target and its references answer and explain, attacks what was seen, measures every group and judges. The same subject, plan
// and program give the same verdict but for the time it was made.
func Run(ctx context.Context, s Subject, p Plan, o Options) (*Result, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if len(o.Unclean) > 0 && !p.Unclean {
		return nil, tribune.Hint(fmt.Errorf("%w: the split is unclean: %s", tribune.ErrInvalid, o.Unclean[0]), "Mend the split; or write unclean = true into the plan, to measure all the same: such a verdict never passes.")
	}
	if o.Step == nil {
		o.Step = func(Step) {}
	}
	if o.Method == nil {
		o.Method = attribution.New
	}
	if o.Defence == nil {
		o.Defence = func(text string) (Defence, error) { return defence.Parse(text) }
	}
	if o.Shelf == nil {
		o.Shelf = bare{}
	}
	attacks, err := byName(p.Attacks)
	if err != nil {
		return nil, err
	}
	pool, err := newPool(s, p)
	if err != nil {
		return nil, err
	}
	methods, err := prepare(p, s, o)
	if err != nil {
		return nil, err
	}
	seen, err := observe(ctx, s, p, pool, methods, o.Shelf, o.Step)
	if err != nil {
		return nil, err
	}
	groups, err := crowds(p, pool.attacked(), seen.prediction.sheet)
	if err != nil {
		return nil, err
	}
	found, err := measure(ctx, p, attacks, pool.isMember(), groups, seen, o.Step)
	if err != nil {
		return nil, err
	}
	v := &Verdict{
		Version: 1, Program: o.Program, Model: s.Model, Train: s.Train.Source, Test: s.Test.Source, Plan: p, Unclean: append([]string{}, o.Unclean...),
		References: s.References, Dropped: o.Dropped,
		Figures: found.figures, Gaps: found.gaps, Made: o.Now().UTC().Truncate(time.Second),
	}
	for _, c := range groups {
		if c.Grouping != Everybody {
			v.Groups = append(v.Groups, c.Group)
		}
	}
	v.Judge()
	return &Result{v, found.curves}, nil
}
