package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune/internal/explain/audit"
)

// view is what the template shows.
type view struct {
	Content
	Passed   bool
	Plan     string // as JSON
	PlanHash string
	Public   map[string]float64
	Until    string
	Made     string
	Lead     string // the attack that curves are drawn of
	Cards    []card
	Parts    []part
	Failures []failure
	Balanced []balanced
	Fronts   []front // what defences would buy, of each method
	Sayings  []saying
	Rule     string // that recommends one
}

// part is one explanation.
type part struct {
	Name    string
	ID      string
	Sum     string // in a sentence
	Points  int
	Roc     roc
	Curves  []row // the table of the chart: sights
	Chart   dots
	Groups  []row
	Reasons int
	Outline outline
	Front   *front // of its method, where it is the first with this method
}

// row is a line of a table.
type row struct {
	Name  string
	Count string
	Cells []cell
}

// cell is a figure, or why there is none.
type cell struct {
	Text, Between, Refused, By string
	Over                       bool // above its limit
	Common                     bool
}

type balanced struct {
	Explanation, Attack string
	Shadow, Optimal     cell
}

var judged = []audit.Measure{audit.MeasureTPR01, audit.MeasureTPR1, audit.MeasureAUC, audit.MeasureBeyond}

func newView(c Content) (*view, error) {
	v := c.Verdict
	plan, err := json.MarshalIndent(v.Plan, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}
	hash, err := v.Plan.Hash()
	if err != nil {
		return nil, err
	}
	public, err := v.Public()
	if err != nil {
		return nil, err
	}
	out := &view{
		Content: c, Passed: v.Passed, Plan: string(plan), PlanHash: hash.String(), Public: public.Worst,
		Until: v.Made.AddDate(0, 0, v.Plan.Days).Format("2 January 2006"), Made: v.Made.Format(time.RFC3339), Lead: lead(c.Curves),
	}
	out.Cards, out.Failures = cards(v), failures(v)
	if c.Price != nil {
		out.Fronts, out.Rule = fronts(c.Price), c.Price.Rule.String()
		out.Sayings = sayings(out.Fronts)
	}
	shown := map[string]bool{}
	for i, e := range v.Plan.Explanations {
		p := newPart(c, e, fmt.Sprintf("explanation-%d", i+1), out.Lead)
		plain := e
		plain.Defence = ""
		for k, f := range out.Fronts {
			if f.Method == plain.Name() && !shown[f.Method] {
				p.Front, shown[f.Method] = &out.Fronts[k], true
			}
		}
		out.Parts = append(out.Parts, p)
	}
	out.Balanced = thresholds(v.Figures)
	return out, nil
}

// lead is the first of the plan's attacks that sees everything.
func lead(curves []audit.Curve) string {
	for _, c := range curves {
		if c.Sight == audit.OnBoth {
			return c.Attack
		}
	}
	return ""
}

func newPart(c Content, e audit.Explanation, id, lead string) part {
	v, name := c.Verdict, e.Name()
	p := part{Name: name, ID: id, Roc: newRoc(c.Curves, name, lead)}
	for _, s := range []audit.Sight{audit.OnPrediction, audit.OnExplanation, audit.OnBoth} {
		of, words := name, map[audit.Sight]string{audit.OnPrediction: "the answer alone, all records", audit.OnExplanation: "the explanation alone", audit.OnBoth: "answer and explanation"}[s]
		if s == audit.OnPrediction {
			of = ""
		}
		r := row{Name: words}
		for _, m := range judged[:3] {
			f, ok := one(v.Figures, of, lead, s, audit.Group{}, m)
			r.Cells = append(r.Cells, show(f, ok, nil))
		}
		p.Curves = append(p.Curves, r)
	}
	for _, g := range append([]audit.Group{{}}, v.Groups...) {
		limits := v.Plan.GroupLimits
		if g.Grouping == audit.Everybody {
			limits = v.Plan.Limits
		}
		r := row{Name: g.String()}
		for _, m := range judged {
			f, ok := worst(v.Figures, name, g, m)
			if r.Count == "" && ok {
				r.Count = fmt.Sprintf("%d / %d", f.Members, f.Others)
			}
			r.Cells = append(r.Cells, show(f, ok, limits.Of(m)))
			if r.Cells[len(r.Cells)-1].Over {
				p.Reasons++
			}
		}
		p.Groups = append(p.Groups, r)
	}
	p.Chart = newDots(v, name)
	p.Sum, p.Outline = sentence(v, name), newOutline(v, name)
	if f, ok := one(v.Figures, name, lead, audit.OnBoth, audit.Group{}, audit.MeasureAUC); ok {
		p.Points = f.Members + f.Others
	}
	return p
}

func show(f audit.Figure, ok bool, limit *float64) cell {
	switch {
	case !ok:
		return cell{Refused: "not measured", Over: limit != nil}
	case f.Refused != "":
		return cell{Refused: few(f.Refused), By: by(f), Over: limit != nil}
	}
	text := func(x float64) string {
		if f.Measure == audit.MeasureTPR01 || f.Measure == audit.MeasureTPR1 {
			return percent(x)
		}
		if f.Measure == audit.MeasureBeyond {
			return fmt.Sprintf("%+.3f", x)
		}
		return decimal(x)
	}
	return cell{Text: text(f.Value), Between: text(f.Low) + " to " + text(f.High), By: by(f), Over: limit != nil && f.High > *limit, Common: f.Common}
}

// few is a refusal without its reasons, as "8 others, at least 53 are needed"; verdict.json has it whole.
func few(refused string) string {
	if parts := strings.Split(refused, ": "); len(parts) > 1 {
		return parts[1]
	}
	return refused
}

func by(f audit.Figure) string { return f.Attack + ", " + string(f.Sight) }

// thresholds are the paper's attacks, of everybody.
func thresholds(figures []audit.Figure) (out []balanced) {
	for _, f := range figures {
		if f.Measure != audit.MeasureShadow || f.Grouping != audit.Everybody {
			continue
		}
		best, ok := one(figures, f.Explanation, f.Attack, f.Sight, audit.Group{}, audit.MeasureOptimal)
		b := balanced{Explanation: f.Explanation, Attack: f.Attack, Shadow: show(f, true, nil), Optimal: show(best, ok, nil)}
		if b.Explanation == "" {
			b.Explanation = "the answer alone"
		}
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b balanced) int {
		if (a.Explanation == "the answer alone") == (b.Explanation == "the answer alone") {
			return 0
		} else if a.Explanation == "the answer alone" {
			return -1
		}
		return 1
	})
	return out
}
