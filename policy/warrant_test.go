package policy_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// suspect is whom the demo's warrant names.
var suspect = tribune.Pseudonym{0xab, 0xcd}

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
	act.Scope.Subjects = []tribune.Pseudonym{suspect}
	return act, tribune.Evidence{Mandate: doc, Appointment: d.appointments[string(law.Investigator)], Names: d.salts}
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
		{name: "no warrant: nothing is hidden, and the policy asks for one", old: "disclose = \"" + quarter + "\"", skey: d.court, want: "cannot be read"},
		{name: "for a purpose that is never hidden", old: `"investigate-crime"`, new: `"enforce-parking"`, skey: d.court, want: "may not issue mandates for this purpose"},
		{name: "two people in one act", skey: d.court, change: func(a *tribune.Act) { a.Count, a.Scope.Subjects = 2, append(a.Scope.Subjects, tribune.Pseudonym{9}) }, want: "allows 1 people"},
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

func TestAWarrantReachesWhomItNamesAndNobodyElse(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	other := tribune.Pseudonym{7}
	salt := d.salts[0]
	text, _ := protocol.SplitDocument(d.mandates["warrant-2026-17"])
	two := strings.Replace(text, "max_subjects = 1", "max_subjects = 2", 1)
	names := regexp.MustCompile(`names = \[.*\]`)
	named := func(text string, all ...tribune.Hash) string {
		var words []string
		for _, h := range all {
			words = append(words, `"`+h.String()+`"`)
		}
		return names.ReplaceAllString(text, "names = ["+strings.Join(words, ", ")+"]")
	}
	commit := func(city, id string) tribune.Hash {
		return protocol.WarrantName(city, tribune.MandateID(id), salt, suspect)
	}
	const demo = "birmingham.example"
	lookUp := func(a *tribune.Act) { a.Scope.LookUp, a.Scope.Attrs = city+"driver", []tribune.Name{city + "driver"} }
	for _, c := range []struct {
		name     string
		text     string
		subjects []tribune.Pseudonym
		salts    [][]byte
		change   func(*tribune.Act)
		want     string
	}{
		{name: "the person whom it names", text: text, subjects: []tribune.Pseudonym{suspect}, salts: d.salts},
		{name: "somebody else", text: text, subjects: []tribune.Pseudonym{other}, salts: d.salts, want: "does not name everybody"},
		{name: "somebody else, by a salt made up", text: text, subjects: []tribune.Pseudonym{other}, salts: [][]byte{protocol.NewSalt()}, want: "does not name everybody"},
		{name: "somebody else beside the person", text: named(two, commit(demo, "warrant-2026-17"), tribune.Hash{1}), subjects: []tribune.Pseudonym{suspect, other}, salts: [][]byte{salt, salt}, want: "does not name everybody"},
		{name: "the person, without the salt", text: text, subjects: []tribune.Pseudonym{suspect}, want: "does not name everybody"},
		{name: "the person, by half a salt", text: text, subjects: []tribune.Pseudonym{suspect}, salts: [][]byte{salt[:16]}, want: "does not name everybody"},
		{name: "a salt too many", text: text, subjects: []tribune.Pseudonym{suspect}, salts: [][]byte{salt, salt}, want: "does not name everybody"},
		{name: "a warrant that names nobody", text: named(text), subjects: []tribune.Pseudonym{suspect}, salts: d.salts, want: "does not name whom it is about"},
		{name: "one without names", text: names.ReplaceAllString(text, ""), subjects: []tribune.Pseudonym{suspect}, salts: d.salts, want: "does not name whom it is about"},
		{name: "one without names, before anybody is named", text: names.ReplaceAllString(text, ""), want: "does not name whom it is about"},
		{name: "a name taken from another warrant", text: named(text, commit(demo, "warrant-2026-16")), subjects: []tribune.Pseudonym{suspect}, salts: d.salts, want: "does not name everybody"},
		{name: "a name taken from another city", text: named(text, commit("leeds.example", "warrant-2026-17")), subjects: []tribune.Pseudonym{suspect}, salts: d.salts, want: "does not name everybody"},
		{name: "the pseudonym in clear", text: named(text, tribune.Hash{0xab, 0xcd}), subjects: []tribune.Pseudonym{suspect}, salts: d.salts, want: "does not name everybody"},
		{name: "looked up by what is held", text: text, subjects: []tribune.Pseudonym{suspect}, salts: d.salts, change: lookUp, want: "not looked up"},
		{name: "more people than it names", text: two, subjects: []tribune.Pseudonym{suspect, suspect}, salts: [][]byte{salt, salt}, want: "names 1 people, and the act touches 2"},
	} {
		act, evidence := d.investigation(t, "", "", d.court)
		evidence.Mandate, evidence.Names = sign(t, c.text, d.court), c.salts
		act.Scope.Subjects, act.Count = c.subjects, max(1, len(c.subjects))
		if c.change != nil {
			c.change(&act)
		}
		got := set.Decide(act, evidence)
		if got.Permit != (c.want == "") || c.want != "" && !strings.Contains(strings.Join(got.Missing, "; "), c.want) {
			t.Errorf("%s: permit %v, missing %q; want %q", c.name, got.Permit, got.Missing, c.want)
		}
	}
	act, evidence := d.lookup()
	evidence.Names = d.salts
	if got := set.Decide(act, evidence); got.Permit {
		t.Error("an ordinary mandate with salts: permitted; evidence that nothing asks for has no place in a leaf")
	}
}

func TestNamesOfWarrantsAreHashesOnceEach(t *testing.T) {
	d := newDemo(t)
	text, _ := protocol.SplitDocument(d.mandates["warrant-2026-17"])
	one := regexp.MustCompile(`names = \["(.*)"\]`)
	h := one.FindStringSubmatch(text)[1]
	many := ""
	for i := range protocol.MaxNamed + 1 {
		many += fmt.Sprintf(`"%064x", `, i+1)
	}
	for what, names := range map[string]string{"twice": `"` + h + `", "` + h + `"`, "zero": `"` + strings.Repeat("0", 64) + `"`, "upper case": `"` + strings.ToUpper(h) + `"`, "short": `"` + h[:62] + `"`, "a plate": `"AB12 CDE"`, "too many": many} {
		if _, bad := policy.MandateText("warrant", one.ReplaceAllString(text, "names = ["+names+"]")); len(bad) == 0 {
			t.Errorf("%s: taken", what)
		}
	}
	other, _ := protocol.SplitDocument(d.mandates["parking-enforcement-2026"])
	if _, bad := policy.MandateText("mandate", other+"names = [\""+h+"\"]\n"); len(bad) == 0 {
		t.Error("a mandate that is no warrant names people")
	}
	m, bad := policy.MandateText("warrant", text)
	again, err := policy.WarrantText(m)
	if len(bad) > 0 || err != nil || again != text {
		t.Errorf("written again it reads %q, want %q (%v, %v)", again, text, bad, err)
	}
	m.Basis = "a \"basis\"\nid = \"x\" \\ \x7f é"
	again, err = policy.WarrantText(m)
	if got, bad := policy.MandateText("warrant", again); err != nil || len(bad) > 0 || got.Basis != m.Basis || got.ID != m.ID {
		t.Errorf("a basis with quotes: %v, %v, %q", err, bad, got.Basis)
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
