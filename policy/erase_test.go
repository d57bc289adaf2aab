package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"tribune"
)

// A person has their own data erased and nobody else's; an office by its mandate; and what a law keeps is kept, with its reason.
func TestOnlyWhoMayErases(t *testing.T) {
	d := newDemo(t)
	me, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	d.files["policies/keep.cedar"] = sign(t, `@id("tax-records-are-kept")
@because("What somebody has paid is kept ten years: the tax code says so.")
forbid (principal, action == Action::"erase", resource == Class::"unclassified");
`, d.steward)
	set := load(t, d.files, d.trust)
	own, bound := d.ownData(t, fmt.Sprintf("subject = %q\n", me))
	own.Kind, own.Scope = tribune.ActErase, tribune.Scope{Subjects: []tribune.Pseudonym{me}}
	own.Caller.Purpose, own.Caller.Mandate = "erasure", "erasure-2026"
	bound.Mandate = d.mandates["erasure-2026"]
	_, free := d.ownData(t, "")
	free.Mandate = bound.Mandate
	for name, c := range map[string]struct {
		change   func(*tribune.Act)
		evidence tribune.Evidence
		want     string // missing; "" = permitted
	}{
		"oneself, everything":      {func(a *tribune.Act) {}, bound, ""},
		"oneself, of a class":      {func(a *tribune.Act) { a.Scope.Class = "parking-session" }, bound, ""},
		"somebody else":            {func(a *tribune.Act) { a.Scope.Subjects[0] = other }, bound, "somebody else"},
		"a key bound to nobody":    {func(a *tribune.Act) {}, free, "no policy permits"},
		"nobody":                   {func(a *tribune.Act) { a.Count, a.Scope.Subjects = 0, nil }, bound, "says of nobody"},
		"for another purpose":      {func(a *tribune.Act) { a.Caller.Purpose = "subject-access" }, bound, "is for purpose erasure"},
		"what a law keeps":         {func(a *tribune.Act) { a.Scope.Class = "unclassified" }, bound, "the tax code says so"},
		"a class nobody may erase": {func(a *tribune.Act) { a.Scope.Class = "car-park" }, bound, "does not cover this class"},
	} {
		act := own
		act.Scope.Subjects = []tribune.Pseudonym{me}
		c.change(&act)
		got := set.Decide(act, c.evidence)
		if got.Permit != (c.want == "") || !strings.Contains(strings.Join(got.Missing, "; "), c.want) {
			t.Errorf("%s: permit %v, missing %q, want %q", name, got.Permit, got.Missing, c.want)
		}
	}
}
