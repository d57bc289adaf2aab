package price

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/defence"
	"tribune/internal/explain/metric"
)

// fewest records whose mean has an interval here: below, a mean is not near enough to normal.
const fewest = 30

// Number is a figure with its interval, or why there is none.
type Number struct {
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Refused string  `json:"refused,omitempty"`
	Group   string  `json:"group,omitempty"` // of a row of the worst group: which it is
}

// WorstGroup is the grouping of a row that has each figure of the group, outliers among them, for which it is worst. No group's own row is better in anything.
const WorstGroup = "worst group"

// Row is the price of one scheme for one group. Leaks are of the strongest attack (that with the highest upper end) on the explanation, with or without
// the answer beside it.
type Row struct {
	Method   string  `json:"method"`
	Scheme   string  `json:"scheme"`
	Grouping string  `json:"grouping"` // "" = everybody; WorstGroup
	Group    string  `json:"group"`
	Epsilon  float64 `json:"epsilon,omitempty"` // what the model's training promises every record, at Delta; 0 = nothing
	Delta    float64 `json:"delta,omitempty"`

	AUC    Number `json:"auc"`
	Alone  Number `json:"auc_alone"` // of the explanation without the answer
	TPR1   Number `json:"tpr_at_1_percent"`
	TPR01  Number `json:"tpr_at_0.1_percent"`
	Beyond Number `json:"beyond_auc"` // what the explanation adds to the answer

	Fidelity Number `json:"fidelity"` // mean cosine with the undefended explanation of the model as it was
	Rank     Number `json:"rank"`     // mean rank correlation of the sizes with it
	Top      Number `json:"top"`      // share of its ten largest inputs that stay among the ten largest
	Deletion Number `json:"deletion"` // how far the answer's probability falls without the ten inputs that are named first
	Steady   Number `json:"steady"`   // mean cosine with the explanations of slightly changed copies
	Accuracy Number `json:"accuracy"` // of the model that answers

	Front bool `json:"front"` // no other scheme for this method and group leaks less without being less faithful or less steady
}

// price makes the rows of one method and scheme: everybody, then the verdict's groups.
func (c *comparison) price(v *audit.Verdict, at *looks, method audit.Explanation, s Scheme, t Training) ([]Row, error) {
	name, l := s.of(method).Name(), at.of[[2]string{method.Name(), s.Text}]
	groups := append([]audit.Group{{}}, v.Groups...)
	each := c.each(len(groups))
	var rows []Row
	for _, g := range groups {
		r := Row{Method: method.Name(), Scheme: s.Text, Grouping: g.Grouping, Group: g.Group, Epsilon: t.Epsilon, Delta: t.Delta}
		for measure, to := range map[audit.Measure]*Number{audit.MeasureAUC: &r.AUC, audit.MeasureTPR1: &r.TPR1, audit.MeasureTPR01: &r.TPR01, audit.MeasureBeyond: &r.Beyond} {
			*to = strongest(v, name, g, measure, audit.OnExplanation, audit.OnBoth)
		}
		r.Alone = strongest(v, name, g, audit.MeasureAUC, audit.OnExplanation)
		if err := r.look(l, at.right, g, c.eye.crowds[g], each); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	if len(groups) > 1 {
		rows = append(rows, worst(rows[1:]))
	}
	return rows, nil
}

// look fills in what records of a group show of a scheme.
func (r *Row) look(l *look, right []bool, g audit.Group, of crowd, each float64) error {
	if g.Grouping == audit.Outliers {
		for _, to := range []*Number{&r.Fidelity, &r.Rank, &r.Top, &r.Deletion, &r.Steady, &r.Accuracy} {
			to.Refused = "who stands out is known of attacked records only"
		}
		return nil
	}
	pick := func(of func(q defence.Quality) float64) []float64 {
		out := make([]float64, len(l.quality))
		for i, q := range l.quality {
			out[i] = of(q)
		}
		return out
	}
	r.Fidelity = mean(pick(func(q defence.Quality) float64 { return q.Cosine }), of.some, each)
	r.Rank = mean(pick(func(q defence.Quality) float64 { return q.Rank }), of.some, each)
	r.Top = mean(pick(func(q defence.Quality) float64 { return q.Top }), of.some, each)
	if r.Steady, r.Deletion.Refused = mean(l.steady, of.some, each), "not asked for beside an audit"; l.deletion != nil {
		r.Deletion = mean(l.deletion, of.some, each)
	}
	if right == nil {
		r.Accuracy.Refused = "the model stays as it is"
		return nil
	}
	var err error
	r.Accuracy, err = accuracy(right, of.all, each)
	return err
}

// worst takes each figure from the group for which it is worst: of leaks the highest upper end, as a verdict would, of the others the lowest value.
func worst(groups []Row) Row {
	out := Row{Method: groups[0].Method, Scheme: groups[0].Scheme, Grouping: WorstGroup, Epsilon: groups[0].Epsilon, Delta: groups[0].Delta}
	numbers := func(r *Row) (leaks, gains []*Number) {
		return []*Number{&r.AUC, &r.Alone, &r.TPR1, &r.TPR01, &r.Beyond}, []*Number{&r.Fidelity, &r.Rank, &r.Top, &r.Deletion, &r.Steady, &r.Accuracy}
	}
	leaks, gains := numbers(&out)
	for i, r := range groups {
		name := audit.Group{Grouping: r.Grouping, Group: r.Group}.String()
		take := func(to, from *Number, worse bool) {
			if i == 0 || from.Refused == "" && (to.Refused != "" || worse) {
				*to = *from
				to.Group = name
			}
		}
		l, g := numbers(&r)
		for k, from := range l {
			take(leaks[k], from, from.High > leaks[k].High)
		}
		for k, from := range g {
			take(gains[k], from, from.Value < gains[k].Value)
		}
	}
	return out
}

// strongest is the figure with the highest upper end; refused only if every attack's is.
func strongest(v *audit.Verdict, name string, g audit.Group, m audit.Measure, sights ...audit.Sight) Number {
	out := Number{Refused: "not measured"}
	for _, f := range v.Figures {
		if f.Explanation != name || f.Measure != m || f.Grouping != g.Grouping || f.Group != g.Group || !slices.Contains(sights, f.Sight) {
			continue
		}
		switch {
		case f.Refused != "" && out.Refused != "":
			out.Refused = f.Refused
		case f.Refused == "" && (out.Refused != "" || f.High > out.High):
			out = Number{Value: f.Value, Low: f.Low, High: f.High}
		}
	}
	return out
}

// mean of some of the numbers, which lie in -1..1, with the normal interval.
func mean(of []float64, rows []int, confidence float64) Number {
	if len(rows) < fewest {
		return Number{Refused: fmt.Sprintf("%d records, at least %d are needed", len(rows), fewest)}
	}
	n := float64(len(rows))
	var sum, square float64
	for _, i := range rows {
		sum += of[i]
	}
	m := sum / n
	for _, i := range rows {
		square += (of[i] - m) * (of[i] - m)
	}
	reach := quantile(confidence) * math.Sqrt(square/(n-1)/n)
	return Number{Value: m, Low: max(-1, m-reach), High: min(1, m+reach)}
}

func accuracy(right []bool, rows []int, confidence float64) (Number, error) {
	if len(rows) < fewest {
		return Number{Refused: fmt.Sprintf("%d records, at least %d are needed", len(rows), fewest)}, nil
	}
	k := 0
	for _, i := range rows {
		if right[i] {
			k++
		}
	}
	i, err := metric.ClopperPearson(k, len(rows), confidence)
	return Number{Value: float64(k) / float64(len(rows)), Low: i.Low, High: i.High}, err
}

// order puts rows and choices in the plan's order: by method, scheme, and group as measured.
func order(r *Result, methods []string, schemes []Scheme) {
	place := func(method, scheme string) int {
		return slices.Index(methods, method)*len(schemes) + slices.IndexFunc(schemes, func(s Scheme) bool { return s.Text == scheme })
	}
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return cmp.Compare(place(a.Method, a.Scheme), place(b.Method, b.Scheme)) })
	slices.SortStableFunc(r.Choices, func(a, b Choice) int { return cmp.Compare(place(a.Method, a.Scheme), place(b.Method, b.Scheme)) })
}
