package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

const (
	// outliers are the share of records that models which never saw them expect least: who stands out is found first.
	outliers = 0.05
	// Outliers is the grouping they stand under.
	Outliers = "outliers"
	unusual  = "the 5% least expected"

	curvePoints = 200 // of a plotted curve
)

// crowd is a group and its rows among the attacked records.
type crowd struct {
	Group
	rows []int
}

// crowds are everybody, the values of the plan's groupings, and outliers.
func crowds(p Plan, at data.Set, seen *attack.Sheet) ([]crowd, error) {
	everybody := make([]int, len(at.Y))
	for i := range everybody {
		everybody[i] = i
	}
	out := []crowd{{rows: everybody}}
	for _, name := range p.Groups {
		i := slices.IndexFunc(at.Groups, func(g data.Grouping) bool { return g.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: the plan judges groups by %q, which the records do not say", tribune.ErrInvalid, name)
		}
		g := at.Groups[i]
		for v, value := range g.Values {
			c := crowd{Group: Group{name, value}, rows: []int{}}
			for i, of := range g.Of {
				if of == v {
					c.rows = append(c.rows, i)
				}
			}
			out = append(out, c)
		}
	}
	odd, err := metric.Outliers(unexpected(seen), outliers)
	if err != nil {
		return nil, err
	}
	return append(out, crowd{Group{Outliers, unusual}, odd}), nil
}

// unexpected is how little the references that never saw a record expected its class, on average.
func unexpected(s *attack.Sheet) []float64 {
	out := make([]float64, s.Points)
	for i := range out {
		n := 0.0
		for m := 1; m < s.Models; m++ {
			if !s.In(m, i) {
				out[i] -= s.At(m, i)[0]
				n++
			}
		}
		out[i] /= max(n, 1)
	}
	return out
}

// measurer makes figures of scores.
type measurer struct {
	plan    Plan
	member  []bool
	crowds  []crowd
	scored  int     // scores that are measured: how many intervals of one group there are
	each    float64 // confidence of one interval, so that all of its measure hold at once
	figures []Figure
	curves  []Curve
}

// measure scores every sheet by every attack, and measures every group.
func measure(ctx context.Context, p Plan, attacks []attack.Attack, member []bool, groups []crowd, seen *observation, step func(Step)) ([]Figure, []Curve, error) {
	scored := len(attacks) * (1 + 2*len(p.Explanations))
	m := &measurer{plan: p, member: member, crowds: groups, scored: scored, each: metric.Each(p.Confidence, scored*len(groups))}
	for i, a := range attacks {
		alone, err := a.Score(seen.prediction)
		if err != nil {
			return nil, nil, fmt.Errorf("attacking answers by %s: %w", a.Name(), err)
		}
		if err := m.rates(ctx, "", a.Name(), OnPrediction, alone); err != nil {
			return nil, nil, err
		}
		for j, e := range p.Explanations {
			if err := m.explanation(ctx, e, a, seen.explanations[j], seen.prediction, alone); err != nil {
				return nil, nil, err
			}
			step(Step{i*len(p.Explanations) + j + 1, len(attacks) * len(p.Explanations), fmt.Sprintf("measured %s by %s", e.Name(), a.Name())})
		}
	}
	sortFigures(m.figures)
	return m.figures, m.curves, nil
}

// explanation measures what one explanation gives away to one attack: by itself, with the answer, and beyond the answer.
func (m *measurer) explanation(ctx context.Context, e Explanation, a attack.Attack, explained, answered *attack.Sheet, alone []float64) error {
	own, err := a.Score(explained)
	if err != nil {
		return fmt.Errorf("attacking %s by %s: %w", e.Name(), a.Name(), err)
	}
	beside, err := answered.Beside(explained)
	if err != nil {
		return err
	}
	both, err := a.Score(beside)
	if err != nil {
		return fmt.Errorf("attacking answers with %s by %s: %w", e.Name(), a.Name(), err)
	}
	if err := m.rates(ctx, e.Name(), a.Name(), OnExplanation, own); err != nil {
		return err
	}
	if err := m.rates(ctx, e.Name(), a.Name(), OnBoth, both); err != nil {
		return err
	}
	return m.beyond(e.Name(), a.Name(), alone, both)
}

// rates adds area and rates of every group.
func (m *measurer) rates(ctx context.Context, explanation, by string, sight Sight, scores []float64) error {
	all := metric.Sample{Score: scores, Member: m.member}
	whole, err := metric.NewCurve(all)
	if err != nil {
		return fmt.Errorf("measuring %s: %w", by, err)
	}
	m.curves = append(m.curves, Curve{explanation, by, sight, whole.LogPoints(curvePoints)})
	areas, refused, err := m.areas(ctx, all)
	if err != nil {
		return fmt.Errorf("measuring %s: %w", by, err)
	}
	for i, c := range m.crowds {
		f := Figure{Explanation: explanation, Attack: by, Sight: sight, Grouping: c.Grouping, Group: c.Group.Group, Measure: MeasureAUC}
		_, own, none := m.of(c, all, &f)
		area := f
		area.set(areas[i])
		if refused[i] != nil {
			area.refuse(refused[i])
		}
		m.figures = append(m.figures, area)
		for _, measure := range []Measure{MeasureTPR1, MeasureTPR01} {
			g := f
			if g.Measure = measure; none != nil {
				g.refuse(none)
			} else if err := m.rate(&g, c, own, whole); err != nil {
				g.refuse(err)
			}
			m.figures = append(m.figures, g)
		}
	}
	return nil
}

// areas of every group, with intervals that hold for all groups and scores at once.
func (m *measurer) areas(ctx context.Context, all metric.Sample) ([]metric.Figure, []error, error) {
	groups := make([]metric.Group, len(m.crowds))
	for i, c := range m.crowds {
		groups[i] = metric.Group{Name: c.String(), Rows: c.rows}
	}
	boot := metric.Bootstrap{Replicates: m.plan.Resamples, Seed: m.plan.Seed}
	return boot.Simultaneous(ctx, all, groups, metric.Support{}, metric.Each(m.plan.Confidence, m.scored))
}

// of is a group's part of a sample.
func (m *measurer) of(c crowd, all metric.Sample, f *Figure) (metric.Sample, metric.Curve, error) {
	sample := all.Pick(c.rows)
	for _, is := range sample.Member {
		if is {
			f.Members++
		} else {
			f.Others++
		}
	}
	if f.Members == 0 || f.Others == 0 {
		return sample, metric.Curve{}, fmt.Errorf("%d members and %d others are too few", f.Members, f.Others)
	}
	curve, err := metric.NewCurve(sample)
	return sample, curve, err
}

// rate measures the members found at few false alarms in one group. One that is too small for a threshold of its own is measured at everybody's.
func (m *measurer) rate(f *Figure, c crowd, own, whole metric.Curve) error {
	var support metric.Support
	fpr := 0.01
	if f.Measure == MeasureTPR01 {
		fpr = 0.001
	}
	v, err := support.TPR(own, fpr, m.each)
	if errors.Is(err, metric.ErrTooFew) && c.Grouping != Everybody && whole.Others >= support.OthersFor(fpr) {
		_, threshold := whole.TPR(fpr)
		f.Common = true
		v, _, err = support.TPRAt(own, threshold, m.each)
	}
	f.set(v)
	return err
}

func (f *Figure) set(v metric.Figure) { f.Value, f.Low, f.High = v.Value, v.Low, v.High }

// refuse says in place of a number why there is none.
func (f *Figure) refuse(why error) {
	f.Value, f.Low, f.High, f.Common, f.Refused = 0, 0, 0, false, why.Error()
}

// beyond adds what the explanation gives away that the answer does not, for every group.
func (m *measurer) beyond(explanation, by string, alone, both []float64) error {
	with, without := metric.Sample{Score: both, Member: m.member}, metric.Sample{Score: alone, Member: m.member}
	for _, c := range m.crowds {
		f := Figure{Explanation: explanation, Attack: by, Sight: OnBoth, Grouping: c.Grouping, Group: c.Group.Group, Measure: MeasureBeyond}
		if _, _, err := m.of(c, with, &f); err != nil {
			f.refuse(err)
		} else if v, err := m.added(with.Pick(c.rows), without.Pick(c.rows)); err != nil {
			f.refuse(err)
		} else {
			f.set(v)
		}
		m.figures = append(m.figures, f)
	}
	return nil
}

// added is the area with the explanation less the area without it.
func (m *measurer) added(with, without metric.Sample) (metric.Figure, error) {
	var support metric.Support
	for _, s := range []metric.Sample{with, without} {
		if _, err := support.AUC(s, m.each); err != nil {
			return metric.Figure{}, err
		}
	}
	d, err := metric.Compare(with.Member, with.Score, without.Score)
	if err != nil {
		return metric.Figure{}, err
	}
	return d.Difference(0, 1, m.each)
}
