package policy_test

import (
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
)

// What two people may open without guardians is what the register names, by the office it names, under a policy, one person at a time.
func TestVitalInterestIsDecidedByTheLaw(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	act := tribune.Act{
		ID: strings.Repeat("0a", 16), Kind: tribune.ActVital, Count: 1, At: now, Scope: tribune.Scope{Class: "telecare-address", Subjects: []tribune.Pseudonym{{1}}},
		Caller: tribune.Caller{Actor: "dispatcher-amin", Office: "ambulance-dispatch", Purpose: "save-a-life", Mandate: "vital-2026"},
	}
	evidence := tribune.Evidence{Mandate: d.mandates["vital-2026"], Appointment: d.appointments["dispatcher-amin"]}
	if got := set.Decide(act, evidence); !got.Permit || !slices.Equal(got.Policies, []string{"two-dispatchers-without-guardians"}) {
		t.Fatalf("as the law lets it: got %+v", got)
	}
	off := load(t, d.amended(t, "classes.toml", "vital = \"ambulance-dispatch\"\n", ""), d.trust)
	other := load(t, d.amended(t, "classes.toml", `vital = "ambulance-dispatch"`, `vital = "data-protection"`), d.trust)
	for name, c := range map[string]struct {
		set   *policy.Set
		alter func(*tribune.Act, *tribune.Evidence)
	}{
		"the class is not named":     {off, func(*tribune.Act, *tribune.Evidence) {}},
		"another office is named":    {other, func(*tribune.Act, *tribune.Evidence) {}},
		"another class":              {set, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = "parking-session" }},
		"no class":                   {set, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = "" }},
		"two people at once":         {set, func(a *tribune.Act, _ *tribune.Evidence) { a.Count = 2 }},
		"nobody":                     {set, func(a *tribune.Act, _ *tribune.Evidence) { a.Count = 0 }},
		"no mandate":                 {set, func(_ *tribune.Act, e *tribune.Evidence) { e.Mandate = nil }},
		"another mandate":            {set, func(_ *tribune.Act, e *tribune.Evidence) { e.Mandate = d.mandates["trace-keeping-2026"] }},
		"no appointment":             {set, func(_ *tribune.Act, e *tribune.Evidence) { e.Appointment = nil }},
		"a colleague's appointment":  {set, func(_ *tribune.Act, e *tribune.Evidence) { e.Appointment = d.appointments["dispatcher-berg"] }},
		"after everything has ended": {set, func(a *tribune.Act, _ *tribune.Evidence) { a.At = now.AddDate(2, 0, 0) }},
		"for another purpose":        {set, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Purpose = "plan-city" }},
	} {
		a, e := act, evidence
		c.alter(&a, &e)
		if got := c.set.Decide(a, e); got.Permit || len(got.Missing) == 0 {
			t.Errorf("%s: got %+v, want a denial with its reason", name, got)
		}
	}
	if got := set.VitalClasses(); len(got) != 1 || got[0].ID != "telecare-address" {
		t.Errorf("the classes are %v, want telecare-address", got)
	}
	if got := off.VitalClasses(); len(got) != 0 {
		t.Errorf("where it is off: got %v", got)
	}
}

func TestVitalInterestIsOffWhereTheRegisterIsWrong(t *testing.T) {
	d := newDemo(t)
	for name, c := range map[string][2]string{
		"an office that is not there": {`vital = "ambulance-dispatch"`, `vital = "nobody-at-all"`},
		"a class that is public":      {"id = \"session-public\"\n", "id = \"session-public\"\nvital = \"ambulance-dispatch\"\n"},
	} {
		if _, err := policy.Load(d.amended(t, "classes.toml", c[0], c[1]), d.trust); err == nil {
			t.Errorf("%s: the law loads", name)
		}
	}
}
