package audit

import (
	"context"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/metric"
)

// Options are what an audit needs beside the subject and the plan.
type Options struct {
	Program string // version and commit, for the verdict
	Shelf   Shelf  // nil: nothing is kept, an interrupted audit begins anew
	Defence func(text string) (Defence, error)
	Unclean []string // what is wrong with the split, found before
	Now     func() time.Time
	Step    func(Step) // nil: nobody looks
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
	background := s.Train.X.Pick(draw(0, s.Train.X.Rows, backgroundRows, p.Seed, 3))
	methods, err := prepare(p, background, o.Defence)
	if err != nil {
		return nil, err
	}
	seen, err := observe(ctx, s, p, pool, methods, o.Shelf, o.Step)
	if err != nil {
		return nil, err
	}
	groups, err := crowds(p, pool.attacked(), seen.prediction)
	if err != nil {
		return nil, err
	}
	figures, curves, err := measure(ctx, p, attacks, pool.isMember(), groups, seen, o.Step)
	if err != nil {
		return nil, err
	}
	v := &Verdict{
		Version: 1, Program: o.Program, Model: s.Model, Train: s.Train.Source, Test: s.Test.Source, Plan: p, Unclean: append([]string{}, o.Unclean...),
		Figures: figures, Made: o.Now().UTC().Truncate(time.Second),
	}
	for _, c := range groups {
		if c.Grouping != Everybody {
			v.Groups = append(v.Groups, c.Group)
		}
	}
	v.Judge()
	return &Result{v, curves}, nil
}

// backgroundRows are how many records lime, kernel-shap and the search for counterfactuals know the like of.
const backgroundRows = 200

// attacks that plans may name.
func attacks() []attack.Attack {
	return []attack.Attack{
		attack.LiRA{}, attack.RMIA{}, attack.Threshold{Of: "first", Number: 0},
	}
}

// Attacks are the names that plans may use.
func Attacks() (names []string) {
	for _, a := range attacks() {
		names = append(names, a.Name())
	}
	return names
}

func byName(names []string) (out []attack.Attack, err error) {
	for _, name := range names {
		found := false
		for _, a := range attacks() {
			if a.Name() == name {
				out, found = append(out, a), true
			}
		}
		if !found {
			return nil, tribune.Hint(fmt.Errorf("%w: the plan names the attack %q", tribune.ErrInvalid, name), "one of %q", Attacks())
		}
	}
	return out, nil
}

// bare is a shelf that keeps nothing.
type bare struct{}

func (bare) Get(string) ([]byte, error) { return nil, nil }
func (bare) Put(string, []byte) error   { return nil }
