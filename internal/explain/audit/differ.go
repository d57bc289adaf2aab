package audit

import (
	"fmt"
	"slices"
)

// Differs says in words where two verdicts differ that should be the same measurement; nothing where they do not. The time they were made, and what measured them,
// are not compared: another program that comes to the same figures is the best of witnesses.
func (v *Verdict) Differs(o *Verdict) (all []string) {
	say := func(what string, a, b any) {
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			all = append(all, fmt.Sprintf("%s: %s, and now %s", what, x, y))
		}
	}
	say("model", v.Model, o.Model)
	say("file of training records", v.Train, o.Train)
	say("file of test records", v.Test, o.Test)
	say("records", v.Records, o.Records)
	say("references", v.References, o.References)
	say("test records left out", v.Dropped, o.Dropped)
	say("groups", v.Groups, o.Groups)
	say("what is unclean", v.Unclean, o.Unclean)
	mine, err := v.Plan.Hash()
	theirs, wrong := o.Plan.Hash()
	if err != nil || wrong != nil || mine != theirs {
		all = append(all, fmt.Sprintf("plan: %s, and now %s", mine, theirs))
	}
	all = append(all, differ(v.Figures, o.Figures)...)
	if !slices.Equal(v.Gaps, o.Gaps) {
		all = append(all, "gaps between groups: they are others now")
	}
	say("passed", v.Passed, o.Passed)
	return all
}

// differ walks two sorted lists.
func differ(a, b []Figure) (all []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].compare(b[0]) < 0:
			all, a = append(all, a[0].String()+", and now it is not measured"), a[1:]
		case len(a) == 0 || a[0].compare(b[0]) > 0:
			all, b = append(all, b[0].String()+" was not there"), b[1:]
		default:
			if a[0] != b[0] {
				all = append(all, a[0].String()+", and now "+b[0].String())
			}
			a, b = a[1:], b[1:]
		}
	}
	return all
}

func (f Figure) String() string {
	what := fmt.Sprintf("%s by %s on %s of %s (%s)", f.Measure, f.Attack, f.Sight, Group{f.Grouping, f.Group}, f.Explanation)
	if f.Refused != "" {
		return what + " refused: " + f.Refused
	}
	return fmt.Sprintf("%s %v (%v to %v; %d members, %d others)", what, f.Value, f.Low, f.High, f.Members, f.Others)
}
