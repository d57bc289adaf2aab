package report

import (
	"fmt"
	"slices"

	"tribune/internal/explain/audit"
)

// card is one large number at the top.
type card struct{ Head, Figure, Sub string }

// failure is why one explanation did not pass, by group.
type failure struct {
	Name       string
	Above, Few []string
}

// shownGroups of each kind stand in a failure.
const shownGroups = 5

// cards are what a reader sees first: how many people are found, of everybody and of the group that fares worst, and how many by the answer alone.
func cards(v *audit.Verdict) []card {
	all, of := found(v, func(g audit.Group) bool { return g.Grouping == audit.Everybody })
	worst, in := found(v, func(g audit.Group) bool { return g.Grouping != audit.Everybody })
	alone, ok := worstFigure(v.Figures, func(f audit.Figure) bool {
		return f.Explanation == "" && f.Grouping == audit.Everybody && f.Measure == audit.MeasureTPR1
	})
	out := []card{
		newCard("found of 100 people in the training data, by answer and explanation", all, of, "By "+all.Explanation),
		newCard("by the answer alone, without an explanation", alone, ok, "No defence of explanations changes that"),
	}
	if len(v.Groups) > 0 {
		c := newCard("of 100 in the group that may fare worst", worst, in, audit.Group{Grouping: worst.Grouping, Group: worst.Group}.String()+", by "+worst.Explanation)
		out = slices.Insert(out, 1, c)
	}
	return out
}

// found is the highest share of people found at one false alarm in a hundred, over all explanations and some groups.
func found(v *audit.Verdict, in func(audit.Group) bool) (audit.Figure, bool) {
	return worstFigure(v.Figures, func(f audit.Figure) bool {
		return f.Explanation != "" && f.Measure == audit.MeasureTPR1 && in(audit.Group{Grouping: f.Grouping, Group: f.Group})
	})
}

// worstFigure is that of some figures whose interval reaches highest; false where none of them could be measured.
func worstFigure(figures []audit.Figure, is func(audit.Figure) bool) (out audit.Figure, found bool) {
	for _, f := range figures {
		if is(f) && f.Refused == "" && (!found || f.High > out.High) {
			out, found = f, true
		}
	}
	return out, found
}

func newCard(head string, f audit.Figure, ok bool, by string) card {
	if !ok {
		return card{head, "too few", "there are too few records to say"}
	}
	return card{head, hundred(f.Value), fmt.Sprintf("at most %s; guessing finds 1. %s", hundred(f.High), by)}
}

// hundred is a share as so many of a hundred people.
func hundred(share float64) string {
	if share > 0 && share < 0.1 {
		return fmt.Sprintf("%.1f", 100*share)
	}
	return fmt.Sprintf("%.0f", 100*share)
}

// outline is one explanation in a line of a table: of 100 people how many are found, and what it adds to the answer's area.
type outline struct{ Found, Most, Adds, AddsMost string }

func newOutline(v *audit.Verdict, name string) outline {
	o := outline{"too few", "–", "too few", "–"}
	if f, ok := worst(v.Figures, name, audit.Group{}, audit.MeasureTPR1); ok && f.Refused == "" {
		o.Found, o.Most = hundred(f.Value), hundred(f.High)
	}
	if b, ok := worst(v.Figures, name, audit.Group{}, audit.MeasureBeyond); ok && b.Refused == "" {
		o.Adds, o.AddsMost = fmt.Sprintf("%+.3f", b.Value), fmt.Sprintf("%+.3f", b.High)
	}
	return o
}

// saying is one recommendation, and the methods that it is about.
type saying struct {
	Say string
	Of  []front
}

// sayings are recommendations, those in the same words together.
func sayings(fronts []front) (out []saying) {
	for _, f := range fronts {
		i := slices.IndexFunc(out, func(s saying) bool { return s.Say == f.Say })
		if i < 0 {
			i, out = len(out), append(out, saying{Say: f.Say})
		}
		out[i].Of = append(out[i].Of, f)
	}
	return out
}

// sentence is what a stranger should understand of one explanation.
func sentence(v *audit.Verdict, name string) string {
	f, ok := worst(v.Figures, name, audit.Group{}, audit.MeasureTPR1)
	b, also := worst(v.Figures, name, audit.Group{}, audit.MeasureBeyond)
	if !ok || f.Refused != "" {
		return "There were too few records to say how many people an attacker would find."
	}
	say := fmt.Sprintf("Of 100 people in the training data the strongest attacker finds %s (at most %s), and accuses one in a hundred others wrongly; guessing finds 1.", hundred(f.Value), hundred(f.High))
	switch {
	case !also || b.Refused != "":
		return say
	case b.High <= 0:
		return say + " The explanation adds nothing to what the answer alone gives away."
	case b.Low > 0:
		return say + fmt.Sprintf(" The explanation gives away more than the answer alone: it adds %.3f to the area under the curve (at most %.3f).", b.Value, b.High)
	}
	return say + fmt.Sprintf(" Whether the explanation adds anything to what the answer alone gives away cannot be told; to the area under the curve it adds at most %.3f.", b.High)
}

// failures are by explanation the groups that are above a limit, and those that are too small for it.
func failures(v *audit.Verdict) (out []failure) {
	for _, e := range v.Plan.Explanations {
		f := failure{Name: e.Name()}
		for _, g := range append([]audit.Group{{}}, v.Groups...) {
			limits := v.Plan.GroupLimits
			if g.Grouping == audit.Everybody {
				limits = v.Plan.Limits
			}
			var above, refused string
			for _, m := range judged {
				limit := limits.Of(m)
				x, ok := worst(v.Figures, e.Name(), g, m)
				top, measured := worstFigure(v.Figures, func(o audit.Figure) bool {
					return o.Explanation == e.Name() && o.Grouping == g.Grouping && o.Group == g.Group && o.Measure == m
				})
				switch {
				case limit == nil:
				case measured && top.High > *limit && above == "":
					above = fmt.Sprintf("%s (%s)", g, overLimit(top, *limit))
				case !ok || x.Refused != "":
					refused = g.String()
					if ok {
						refused += fmt.Sprintf(" (%d / %d)", x.Members, x.Others)
					}
				}
			}
			if above != "" {
				f.Above = append(f.Above, above)
			} else if refused != "" {
				f.Few = append(f.Few, refused)
			}
		}
		f.Above, f.Few = first(f.Above), first(f.Few)
		if len(f.Above)+len(f.Few) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func first(names []string) []string {
	if len(names) <= shownGroups {
		return names
	}
	return append(names[:shownGroups:shownGroups], fmt.Sprintf("and %d more", len(names)-shownGroups))
}

// overLimit says by how much, in words for the measure.
func overLimit(f audit.Figure, limit float64) string {
	switch f.Measure {
	case audit.MeasureTPR01:
		return fmt.Sprintf("found at 1 false alarm in 1,000: up to %s, the limit is %s", percent(f.High), percent(limit))
	case audit.MeasureTPR1:
		return fmt.Sprintf("found: up to %.2f of 100, the limit is %g", 100*f.High, 100*limit)
	case audit.MeasureBeyond:
		return fmt.Sprintf("added by the explanation: up to %.3f, the limit is %g", f.High, limit)
	}
	return fmt.Sprintf("area: up to %.3f, the limit is %g", f.High, limit)
}
