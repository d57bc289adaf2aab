package audit

import (
	"context"
	"fmt"
	"slices"
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
	// Trials are explanations under other defences, measured beside the plan's and not judged (package price). What differs from one of the plan's by its defence alone is explained once for
	// both. Of their Points, at most as many as the plan's explanation has, the attacked records are a sample; small groups are attacked besides.
	Trials          []Explanation
	TrialConfidence float64 // of all intervals of a measure of trials at once; 0 = the plan's

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
	Trials  *Verdict // what was measured of the trials, as if the plan had named them; nil: there were none. Nobody publishes by it
	Curves  []Curve
}

// Curve is a ROC curve of everybody, for a plot with logarithmic axes.
type Curve struct {
	Explanation string
	Attack      string
	Sight       Sight
	Points      []metric.Point
}

// filled are o with what was left out.
func (o Options) filled() Options {
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
	return o
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
	o = o.filled()
	attacks, err := byName(p.Attacks)
	if err != nil {
		return nil, err
	}
	pool, err := newPool(s, p)
	if err != nil {
		return nil, err
	}
	groups, err := named(p, pool.attacked())
	if err != nil {
		return nil, err
	}
	methods, err := prepare(slices.Concat(p.Explanations, o.Trials), p, s, o)
	if err != nil {
		return nil, err
	}
	seen, err := observe(ctx, s, p, pool, methods, o.Shelf, o.Step)
	if err != nil {
		return nil, err
	}
	recalled, err := seen.recollect(pool.isMember())
	if err != nil {
		return nil, err
	}
	if s.Given != nil {
		if err := recalled.check(); err != nil {
			return nil, err
		}
	}
	odd, err := standOut(seen.prediction.sheet)
	if err != nil {
		return nil, err
	}
	groups = append(groups, odd)
	found, err := measure(ctx, p, attacks, pool.isMember(), groups, seen, o.Step)
	if err != nil {
		return nil, err
	}
	s.References += "; " + recalled.String()
	r := &Result{Curves: found.curves}
	if r.Verdict = o.verdict(s, p, groups, found); len(o.Trials) == 0 {
		return r, nil
	}
	seen.explanations = slices.Clone(seen.explanations[len(p.Explanations):]) // of the others nothing is needed any more
	beside := p
	if beside.Explanations = o.Trials; o.TrialConfidence > 0 {
		beside.Confidence = o.TrialConfidence
	}
	tried, err := found.again(ctx, beside, attacks, pool.isMember(), groups, seen, o.Step)
	if err != nil {
		return nil, fmt.Errorf("measuring other defences: %w", err)
	}
	r.Trials = o.verdict(s, beside, groups, tried)
	return r, nil
}

// verdict judges figures.
func (o Options) verdict(s Subject, p Plan, groups []crowd, found measured) *Verdict {
	v := &Verdict{
		Version: 1, Program: o.Program, Model: s.Model, Train: s.Train.Source, Test: s.Test.Source, Records: s.Records(), Plan: p, Unclean: append([]string{}, o.Unclean...),
		References: s.References, Dropped: o.Dropped,
		Figures: found.figures, Gaps: found.gaps, Made: o.Now().UTC().Truncate(time.Second),
	}
	for _, c := range groups {
		if c.Grouping != Everybody {
			v.Groups = append(v.Groups, c.Group)
		}
	}
	v.Judge()
	return v
}
