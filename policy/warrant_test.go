package policy_test

import (
	"strings"
	"testing"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// investigation is an investigator's act under the court's warrant, with old replaced by new in the warrant, signed by skey.
func (d *demo) investigation(t *testing.T, old, new, skey string) (tribune.Act, tribune.Evidence) {
	t.Helper()
	act, _ := d.lookup()
	act.Caller = tribune.Caller{Actor: law.Investigator, Office: "investigator", Purpose: "investigate-crime", Mandate: "warrant-2026-17"}
	text, _ := protocol.SplitDocument(d.mandates["warrant-2026-17"])
	if old != "" && !strings.Contains(text, old) {
		t.Fatalf("the warrant does not contain %q:\n%s", old, text)
	}
	doc := sign(t, strings.Replace(text, old, new, 1), skey)
	return act, tribune.Evidence{Mandate: doc, Appointment: d.appointments[string(law.Investigator)]}
}

func TestOnlyACourtsWarrantHidesAUse(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	quarter := protocol.Quarter(protocol.QuarterOf(now))
	for _, c := range []struct {
		name, old, new, skey string
		change               func(*tribune.Act)
		want                 string // of what is missing; "" = permitted
	}{
		{name: "as the court issued it", skey: d.court},
		{name: "signed by the council", skey: d.council, want: "not by its issuer"},
		{name: "issued by the council", old: "birmingham.example/court", new: "birmingham.example/council", skey: d.council, want: "may not issue warrants"},
		{name: "no warrant: nothing is hidden, and the policy asks for one", old: "disclose = \"" + quarter + "\"", skey: d.court, want: "no policy permits"},
		{name: "for a purpose that is never hidden", old: `"investigate-crime"`, new: `"enforce-parking"`, skey: d.court, want: "may not issue mandates for this purpose"},
		{name: "two people in one act", skey: d.court, change: func(a *tribune.Act) { a.Count = 2 }, want: "allows 1 people"},
		{name: "a decision instead of a reading", skey: d.court, change: func(a *tribune.Act) { a.Kind, a.Scope = tribune.ActDecide, tribune.Scope{} }, want: "nothing else is done"},
		{name: "a standing subscription", skey: d.court, change: func(a *tribune.Act) { a.Kind = tribune.ActStanding }, want: "nothing else is done"},
		{name: "an extension in the place of a use", old: "max_subjects", new: "extends = \"warrant-2026-16\"\nmax_subjects", skey: d.court, want: "it permits no use"},
		{name: "a year later", skey: d.court, change: func(a *tribune.Act) { a.At = now.AddDate(1, 0, 0) }, want: "ended"},
	} {
		act, evidence := d.investigation(t, c.old, c.new, c.skey)
		if c.change != nil {
			c.change(&act)
		}
		got := set.Decide(act, evidence)
		if got.Permit != (c.want == "") || c.want != "" && !strings.Contains(strings.Join(got.Missing, "; "), c.want) {
			t.Errorf("%s: permit %v, missing %q; want %q", c.name, got.Permit, got.Missing, c.want)
		}
	}
}

func TestExtensionNeedsAWarrantThatExtends(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	for want, extends := range map[string]string{"": "extends = \"warrant-2026-16\"\n", "extends no other": ""} {
		act, evidence := d.investigation(t, "max_subjects", extends+"max_subjects", d.court)
		act.Kind, act.Scope = tribune.ActExtension, tribune.Scope{}
		got := set.Decide(act, evidence)
		if got.Permit != (want == "") || want != "" && !strings.Contains(strings.Join(got.Missing, "; "), want) {
			t.Errorf("extends %q: permit %v, missing %q", extends, got.Permit, got.Missing)
		}
	}
}

func TestWarrantIsBounded(t *testing.T) {
	d := newDemo(t)
	text, _ := protocol.SplitDocument(d.mandates["warrant-2026-17"])
	from := now.AddDate(0, 0, -1).Format("2006-01-02")
	until := now.AddDate(0, 0, 29).Format("2006-01-02")
	for _, c := range []struct{ name, old, new string }{
		{"disclosed before it ends", `"2026-Q4"`, `"2026-Q3"`},
		{"hidden for more than a year", `"2026-Q4"`, `"2028-Q1"`},
		{"no quarter", `"2026-Q4"`, `"2026-Q5"`},
		{"another spelling", `"2026-Q4"`, `"2026-q4"`},
		{"longer than a year", "until = " + until, "until = " + now.AddDate(1, 1, 0).Format("2006-01-02")},
		{"an extension that discloses nothing", `disclose = "2026-Q4"`, `extends = "warrant-2026-16"`},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		if changed == text {
			t.Fatalf("%s: the warrant from %s does not contain %q:\n%s", c.name, from, c.old, text)
		}
		if _, bad := policy.MandateText("warrant", changed); len(bad) == 0 {
			t.Errorf("%s: taken", c.name)
		}
	}
	if m, bad := policy.MandateText("warrant", text); len(bad) > 0 || m.Disclose == 0 {
		t.Errorf("the demo's warrant: %v, disclosed in %d", bad, m.Disclose)
	}
}

func TestHidingAPurposeLoosens(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	hidden := load(t, d.amended(t, "purposes.toml", "dpv = \"dpv:MisusePreventionAndDetection\"\n", "dpv = \"dpv:MisusePreventionAndDetection\"\nhidden = true\n"), d.trust)
	if tightens, _ := policy.Tightens(old, hidden); tightens {
		t.Error("uses for a purpose may be hidden from now on, and nobody has to agree")
	}
	if tightens, why := policy.Tightens(hidden, old); !tightens {
		t.Errorf("uses for a purpose are hidden no more, and that waits: %s", why)
	}
}
