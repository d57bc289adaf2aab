package reproduce

import (
	"fmt"

	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

// figures are what one attack finds of all records.
func (t trial) figures(attack string, s metric.Sample) ([]Row, error) {
	c, err := metric.NewCurve(s)
	if err != nil {
		return nil, err
	}
	area, err := metric.Support{}.AUC(s, confidence)
	rows := []Row{t.row("all", attack+", area", Area, area, err)}
	for _, at := range rates {
		tpr, err := metric.Support{}.TPR(c, at, confidence)
		rows = append(rows, t.row("all", fmt.Sprintf("%s, members found at %g %% false alarms", attack, 100*at), Rate, tpr, err))
	}
	return rows, nil
}

func others(s metric.Sample) int {
	n := 0
	for _, m := range s.Member {
		if !m {
			n++
		}
	}
	return n
}

// groups are what one attack finds of each group: with intervals that hold for all groups of a grouping at once, and at the threshold that raises 1 % of false
// alarms over everybody, which is what an attacker who does not ask for the group has.
func (t trial) groups(attack string, set data.Set, s metric.Sample) ([]Row, error) {
	all, err := metric.NewCurve(s)
	if err != nil {
		return nil, err
	}
	_, threshold := all.TPR(rates[1])
	var rows []Row
	for _, g := range set.Groups {
		each := metric.Each(confidence, len(g.Values))
		for v, value := range g.Values {
			var of []int
			for i, at := range g.Of {
				if at == v {
					of = append(of, i)
				}
			}
			name, own := g.Name+"="+value, s.Pick(of)
			n := others(own)
			if n == 0 || n == len(of) {
				rows = append(rows, t.row(name, attack+", area", Area, metric.Figure{}, fmt.Errorf("%d members and %d others: %w", len(of)-n, n, metric.ErrTooFew)))
				continue
			}
			c, err := metric.NewCurve(own)
			if err != nil {
				return nil, err
			}
			area, err := metric.Support{}.AUC(own, each)
			row := t.row(name, attack+", area", Area, area, err)
			if err == nil {
				row.Note = fmt.Sprintf("%d records; the interval holds for all groups of %s at once", len(of), g.Name)
			}
			tpr, fpr, err := metric.Support{}.TPRAt(c, threshold, each)
			found := t.row(name, fmt.Sprintf("%s, members found at the threshold of %g %% over all", attack, 100*rates[1]), Rate, tpr, err)
			if err == nil {
				found.Note = fmt.Sprintf("the group's own false alarms: %.2f %%", 100*fpr.Value)
			}
			rows = append(rows, row, found)
		}
	}
	return rows, nil
}
