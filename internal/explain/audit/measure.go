package audit

import (
	"context"
	"errors"
	"fmt"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/metric"
)

// curvePoints are those of a plotted curve.
const curvePoints = 200

// measurer makes figures of scores: of all, or of one explanation by itself.
type measurer struct {
	plan    Plan
	member  []bool
	crowds  []crowd
	scored  int     // scores that are measured: how many intervals of one group there are
	each    float64 // confidence of one interval, so that all of its measure hold at once
	trial   bool    // figures are all that is wanted
	figures []Figure
	curves  []Curve
	gaps    []Gap
}

// answers measures what answers alone give away, and gives each attack's scores.
func (m *measurer) answers(ctx context.Context, attacks []attacker, answered *view) (map[string][]float64, error) {
	alone := map[string][]float64{}
	for _, a := range attacks {
		if !a.sees(OnPrediction) {
			continue
		}
		scores, err := a.score(ctx, m.plan.Seed, answered.sheet, answered.alone)
		if err != nil {
			return nil, err
		}
		alone[a.name] = scores
		if err := m.rates(ctx, "", a, OnPrediction, scores); err != nil {
			return nil, err
		}
	}
	return alone, nil
}

// explanation measures what one explanation gives away: by itself, with the answer, and beyond the answer.
func (m *measurer) explanation(ctx context.Context, name string, attacks []attacker, explained, answered *view, alone map[string][]float64) error {
	m.crowds, m.member = explained.among(m.crowds, m.member), pick(m.member, explained.rows)
	beside, err := answered.sheet.Pick(explained.rows).Beside(explained.sheet)
	if err != nil {
		return err
	}
	for _, a := range attacks {
		if a.sees(OnExplanation) {
			own, err := a.score(ctx, m.plan.Seed, explained.sheet, explained.alone)
			if err != nil {
				return err
			}
			if err := m.rates(ctx, name, a, OnExplanation, own); err != nil {
				return err
			}
		}
		if a.sees(OnBoth) {
			both, err := a.score(ctx, m.plan.Seed, beside, func() attack.Whole { return explained.beside(answered) })
			if err != nil {
				return err
			}
			if err := m.rates(ctx, name, a, OnBoth, both); err != nil {
				return err
			}
			if err := m.beyond(name, a.name, pick(alone[a.name], explained.rows), both); err != nil {
				return err
			}
			if !m.trial {
				m.between(name, a.name, both)
			}
		}
	}
	return nil
}

func pick[T any](of []T, rows []int) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = of[r]
	}
	return out
}

// rates adds area and rates of every group.
func (m *measurer) rates(ctx context.Context, explanation string, by attacker, sight Sight, scores []float64) error {
	all := metric.Sample{Score: scores, Member: m.member}
	whole, err := metric.NewCurve(all.Pick(m.crowds[0].rows)) // everybody
	if err != nil {
		return fmt.Errorf("measuring %s: %w", by.name, err)
	}
	if !m.trial {
		m.curves = append(m.curves, Curve{explanation, by.name, sight, whole.LogPoints(curvePoints)})
	}
	areas, refused, err := m.areas(ctx, all)
	if err != nil {
		return fmt.Errorf("measuring %s: %w", by.name, err)
	}
	for i, c := range m.crowds {
		f := Figure{Explanation: explanation, Attack: by.name, Sight: sight, Grouping: c.Grouping, Group: c.Group.Group, Measure: MeasureAUC}
		own, none := m.of(c, all, &f)
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
		if _, is := by.sheet.(attack.Threshold); is && refused[i] == nil && none == nil {
			m.balanced(f, own, all.Pick(c.rows))
		}
	}
	return nil
}

// areas of every group, with intervals that hold for all groups and scores at once: DeLong's, made wider for their number (Bonferroni); and where the plan has a
// bootstrap with enough resamples to tell so rare an event, no wider than how the groups vary together (see metric.Simultaneous).
func (m *measurer) areas(ctx context.Context, all metric.Sample) ([]metric.Figure, []error, error) {
	confidence := metric.Each(m.plan.Confidence, m.scored)
	if float64(m.plan.Resamples)*(1-confidence) >= fewestBeyond {
		groups := make([]metric.Group, len(m.crowds))
		for i, c := range m.crowds {
			groups[i] = metric.Group{Name: c.String(), Rows: c.rows}
		}
		return metric.Bootstrap{Replicates: m.plan.Resamples, Seed: m.plan.Seed}.Simultaneous(ctx, all, groups, metric.Support{}, confidence)
	}
	figures, refused := make([]metric.Figure, len(m.crowds)), make([]error, len(m.crowds))
	for i, c := range m.crowds {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		figures[i], refused[i] = metric.Support{}.AUC(all.Pick(c.rows), m.each)
	}
	return figures, refused, nil
}

// fewestBeyond replicates have to lie beyond a quantile for it to be told.
const fewestBeyond = 10

// of is a group's curve.
func (m *measurer) of(c crowd, all metric.Sample, f *Figure) (metric.Curve, error) {
	sample := all.Pick(c.rows)
	for _, is := range sample.Member {
		if is {
			f.Members++
		} else {
			f.Others++
		}
	}
	if f.Members == 0 || f.Others == 0 {
		return metric.Curve{}, fmt.Errorf("%d members and %d others are too few", f.Members, f.Others)
	}
	return metric.NewCurve(sample)
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

// balanced adds the paper's figures of a threshold attack, whose threshold on the scores is 0.
func (m *measurer) balanced(f Figure, own metric.Curve, sample metric.Sample) {
	add := func(measure Measure, c metric.Curve, threshold float64) {
		if v, err := c.Balanced(threshold, m.each); err == nil {
			g := f
			g.Measure = measure
			g.set(v)
			m.figures = append(m.figures, g)
		}
	}
	add(MeasureShadow, own, 0)
	best, threshold := own.Best()
	if turned, at, err := reversed(sample); err == nil {
		if other, _ := turned.Best(); other > best {
			own, threshold = turned, at
		}
	}
	add(MeasureOptimal, own, threshold)
}

// reversed is the curve of whoever takes low scores for members, and its best threshold.
func reversed(s metric.Sample) (metric.Curve, float64, error) {
	low := make([]float64, len(s.Score))
	for i, v := range s.Score {
		low[i] = -v
	}
	c, err := metric.NewCurve(metric.Sample{Score: low, Member: s.Member})
	if err != nil {
		return c, 0, err
	}
	_, at := c.Best()
	return c, at, nil
}
