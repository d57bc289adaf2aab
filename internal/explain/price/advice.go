package price

import (
	"fmt"

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
	Loss     float64  `json:"loss"` // of accuracy, against the model as it was
}

// Advice is what the rule says about one method.
type Advice struct {
	Method string `json:"method"`
	Scheme string `json:"scheme"` // "" = none suffices: do not publish explanations by this method
	Why    string `json:"why"`
}

// choose judges one scheme by the plan: as package audit judges an explanation.
func choose(v *audit.Verdict, e audit.Explanation, method, scheme string, rows []Row, before, now []bool) Choice {
	one := *v
	one.Plan.Explanations = []audit.Explanation{e}
	one.Judge()
	c := Choice{Method: method, Scheme: scheme, Keeps: one.Passed, Reasons: one.Reasons, Fidelity: rows[0].Fidelity.Value, Steady: rows[0].Steady.Value, Loss: share(before) - share(now)}
	if rows[0].Fidelity.Refused != "" {
		c.Keeps, c.Reasons = false, append(c.Reasons, "fidelity: "+rows[0].Fidelity.Refused)
	}
	return c
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
		a := Advice{Method: method}
		var best *Choice
		safe, seen := 0, 0
		for i := range choices {
			c := &choices[i]
			if c.Method != method {
				continue
			}
			seen++
			if !c.Keeps {
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
		switch {
		case best != nil:
			a.Scheme = best.Scheme
			a.Why = fmt.Sprintf("of %d schemes %d keep every limit; this one is the most faithful of them (%.3f) and costs %.3f of accuracy", seen, safe, best.Fidelity, best.Loss)
		case safe > 0:
			a.Why = fmt.Sprintf("none does: of %d schemes %d keep every limit, but none of these at a loss of accuracy of at most %g and a fidelity of at least %g", seen, safe, r.MostLoss, r.LeastFidelity)
		default:
			a.Why = fmt.Sprintf("none does: no scheme of %d keeps every limit for everybody and every group", seen)
		}
		out = append(out, a)
	}
	return out
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
