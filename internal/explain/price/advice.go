package price

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/audit"
)

// Rule says beforehand which scheme is recommended: of those under which the explanation keeps every limit of the plan, by the upper end of its
// intervals, for everybody and for every group (a group too small to measure is one that does not), which cost the model at most MostLoss of its
// accuracy and which leave at least LeastFidelity of the explanation, the most faithful; of equally faithful ones the steadier.
type Rule struct {
	MostLoss      float64 `json:"most_loss"`      // of accuracy, as a difference; 0 = none
	LeastFidelity float64 `json:"least_fidelity"` // mean cosine with the undefended explanation; an explanation that says nothing leaks nothing
}

func (r Rule) check() error {
	if !(r.MostLoss >= 0 && r.MostLoss <= 1) || !(r.LeastFidelity >= -1 && r.LeastFidelity <= 1) {
		return fmt.Errorf("%w: the rule allows a loss of accuracy of %v and a fidelity of %v", tribune.ErrInvalid, r.MostLoss, r.LeastFidelity)
	}
	return nil
}

// String is the rule for people, to be printed before the run.
func (r Rule) String() string {
	return fmt.Sprintf("the most faithful scheme that keeps every limit of the plan for everybody and every group, costs at most %g of accuracy and leaves a fidelity of at least %g; else none", r.MostLoss, r.LeastFidelity)
}

// Choice is what decides about a scheme.
type Choice struct {
	Method   string   `json:"method"`
	Scheme   string   `json:"scheme"`
	Keeps    bool     `json:"keeps"`   // all limits of the plan, for everybody and every group
	Reasons  []string `json:"reasons"` // why not
	Fidelity float64  `json:"fidelity"`
	Steady   float64  `json:"steady"`
	Loss     float64  `json:"loss"`              // of accuracy, against the model as it was
	Above    bool     `json:"above,omitempty"`   // something that could be measured is above its limit
	Few      []string `json:"few,omitempty"`     // groups that are too small for one of the plan's measures
	Planned  bool     `json:"planned,omitempty"` // the plan publishes it so: it was judged by the audit itself, on all its records
}

// Advice is what the rule says about one method.
type Advice struct {
	Method string `json:"method"`
	Scheme string `json:"scheme"` // "" = none suffices: do not publish explanations by this method
	Why    string `json:"why"`
	// Measured is, where Scheme is "", what the rule would take if it asked only for groups that could be measured; Few are the others.
	Measured string   `json:"measured,omitempty"`
	Few      []string `json:"few,omitempty"`
}

// String is the advice in a few words.
func (a Advice) String() string {
	switch {
	case a.Scheme != "":
		return a.Scheme + " is recommended"
	case a.Measured != "":
		return fmt.Sprintf("none is recommended, since groups are too small to say (%d of them); of the others, %s", len(a.Few), a.Measured)
	}
	return "none suffices"
}

// choose judges one scheme by the plan, as package audit judges an explanation; what the plan publishes is judged by the audit itself, which has more records.
func (c *comparison) choose(v *audit.Verdict, method audit.Explanation, s Scheme, rows []Row, right []bool) Choice {
	e := s.of(method)
	out := Choice{Method: method.Name(), Scheme: s.Text, Fidelity: rows[0].Fidelity.Value, Steady: rows[0].Steady.Value, Loss: share(c.right) - share(right)}
	if c.judged != nil && s.training() == [2]float64{} {
		if out.Planned = slices.ContainsFunc(c.judged.Explanations, func(o audit.Explanation) bool { return o.Name() == e.Name() }); out.Planned {
			v = c.audited.Verdict
		}
	}
	one := *v
	one.Plan.Explanations = []audit.Explanation{e}
	one.Judge()
	out.Keeps, out.Reasons = one.Passed, one.Reasons
	for _, f := range v.Figures {
		g := audit.Group{Grouping: f.Grouping, Group: f.Group}
		limits := v.Plan.GroupLimits
		if g.Grouping == audit.Everybody {
			limits = v.Plan.Limits
		}
		limit := limits.Of(f.Measure)
		switch {
		case f.Explanation != e.Name() || limit == nil:
		case f.Refused == "" && f.High > *limit:
			out.Above = true
		case f.Refused != "" && !slices.Contains(out.Few, g.String()):
			out.Few = append(out.Few, g.String())
		}
	}
	if rows[0].Fidelity.Refused != "" {
		out.Keeps, out.Reasons = false, append(out.Reasons, "fidelity: "+rows[0].Fidelity.Refused)
	}
	return out
}

func share(right []bool) float64 {
	n := 0.0
	for _, is := range right {
		if is {
			n++
		}
	}
	return n / float64(max(len(right), 1))
}

// Advise applies the rule to each method's choices.
func (r Rule) Advise(methods []string, choices []Choice) (out []Advice) {
	for _, method := range methods {
		of := slices.DeleteFunc(slices.Clone(choices), func(c Choice) bool { return c.Method != method })
		a := Advice{Method: method}
		best, safe := r.best(of, func(c Choice) bool { return c.Keeps })
		switch {
		case best != nil:
			a.Scheme = best.Scheme
			a.Why = fmt.Sprintf("of %d schemes %d keep every limit; this one is the most faithful of them (%.3f) and costs %.3f of accuracy", len(of), safe, best.Fidelity, best.Loss)
		case safe > 0:
			a.Why = fmt.Sprintf("none does: of %d schemes %d keep every limit, but none of these at a loss of accuracy of at most %g and a fidelity of at least %g", len(of), safe, r.MostLoss, r.LeastFidelity)
		default:
			a.Why = fmt.Sprintf("none does: no scheme of %d keeps every limit for everybody and every group", len(of))
		}
		if best == nil {
			if best, _ = r.best(of, func(c Choice) bool { return !c.Above && len(c.Few) > 0 }); best != nil {
				a.Measured, a.Few = best.Scheme, best.Few
			}
		}
		out = append(out, a)
	}
	return out
}

// best is the most faithful choice among those that are safe and cost no more than the rule allows, and of equally faithful ones the steadier; nil: there is none. safe is how many are.
func (r Rule) best(choices []Choice, is func(Choice) bool) (best *Choice, safe int) {
	for i := range choices {
		c := &choices[i]
		if !is(*c) {
			continue
		}
		safe++
		if c.Loss > r.MostLoss || c.Fidelity < r.LeastFidelity {
			continue
		}
		if best == nil || c.Fidelity > best.Fidelity || c.Fidelity == best.Fidelity && c.Steady > best.Steady {
			best = c
		}
	}
	return best, safe
}

// front marks the rows that no other row of their method and group dominates. What could not be measured is on no front.
func front(rows []Row) {
	known := func(r Row) bool { return r.AUC.Refused == "" && r.Fidelity.Refused == "" && r.Steady.Refused == "" }
	for i := range rows {
		a := rows[i]
		rows[i].Front = known(a)
		for _, b := range rows {
			if b.Method == a.Method && b.Grouping == a.Grouping && b.Group == a.Group && known(b) && dominates(b, a) {
				rows[i].Front = false
			}
		}
	}
}

// dominates: nowhere worse, and somewhere better. Leak is the area's distance from guessing: below one half chance plays, and less is no better.
func dominates(b, a Row) bool {
	leak := func(r Row) float64 { return max(r.AUC.Value, 0.5) }
	if leak(b) > leak(a) || b.Fidelity.Value < a.Fidelity.Value || b.Steady.Value < a.Steady.Value {
		return false
	}
	return leak(b) < leak(a) || b.Fidelity.Value > a.Fidelity.Value || b.Steady.Value > a.Steady.Value
}
