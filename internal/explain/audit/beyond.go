package audit

import (
	"fmt"
	"math"

	"tribune/internal/explain/metric"
)

// beyond adds what the explanation gives away that the answer does not, for every group.
func (m *measurer) beyond(explanation, by string, alone, both []float64) error {
	with, without := metric.Sample{Score: both, Member: m.member}, metric.Sample{Score: alone, Member: m.member}
	for _, c := range m.crowds {
		f := Figure{Explanation: explanation, Attack: by, Sight: OnBoth, Grouping: c.Grouping, Group: c.Group.Group, Measure: MeasureBeyond}
		if _, err := m.of(c, with, &f); err != nil {
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

// Gap is how far the groups of one grouping lie apart in what answer and explanation together give away. The largest of noisy areas less the smallest is
// too large on average; Corrected is not (metric.NewGap).
type Gap struct {
	Explanation string  `json:"explanation"`
	Attack      string  `json:"attack"`
	Grouping    string  `json:"grouping"`
	Groups      int     `json:"groups"` // that could be measured
	Naive       float64 `json:"naive"`  // difference of areas
	Corrected   float64 `json:"corrected"`
	Low         float64 `json:"low"` // of the true difference, at the plan's confidence for this gap alone
	High        float64 `json:"high"`
	P           float64 `json:"p"` // of such differences, if the groups were alike (Cochran)
}

func (g Gap) sound() error {
	for _, v := range []float64{g.Naive, g.Corrected, g.Low, g.High, g.P} {
		if math.IsNaN(v) || v < 0 || v > 1 {
			return fmt.Errorf("a gap between groups is no share")
		}
	}
	return nil
}

// between adds the gap of every grouping of which two groups or more could be measured.
func (m *measurer) between(explanation, by string, scores []float64) {
	all := metric.Sample{Score: scores, Member: m.member}
	for _, name := range m.plan.Groups {
		var groups []metric.Estimate
		for _, c := range m.crowds {
			if c.Grouping != name {
				continue
			}
			part := all.Pick(c.rows)
			if _, err := (metric.Support{}).AUC(part, m.each); err != nil {
				continue
			}
			d, err := metric.Compare(part.Member, part.Score)
			if err != nil || !(d.Cov[0][0] > 0) {
				continue
			}
			groups = append(groups, metric.Estimate{Value: d.AUC[0], SE: math.Sqrt(d.Cov[0][0])})
		}
		g, err := metric.NewGap(groups, m.plan.Confidence, m.plan.Seed)
		if err != nil {
			continue // fewer than two groups: there is nothing between them
		}
		m.gaps = append(m.gaps, Gap{explanation, by, name, len(groups), g.Naive, g.Corrected, max(0, g.Interval.Low), min(1, g.Interval.High), g.P})
	}
}
