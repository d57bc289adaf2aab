package policy_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
)

// lookUps is what the demo law lets be looked up.
const lookUps = "[[class.equality]] # a notice comes back with a driver's name, and the vehicle has gone\nattribute = \"city:driver\"\npurposes = [\"enforce-parking\"]\n"

func TestTightens(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	tests := []struct {
		what           string
		file, old, new string
		want           bool
	}{
		{"nothing but a comment", "offices.toml", "# Who may act.", "# Who can act.", true},
		{"a forbid more", "policies/parking.cedar", "", "\n@id(\"pause\")\n@because(\"Paused.\")\nforbid (principal, action, resource);\n", true},
		{"a permit ends earlier", "policies/parking.cedar", `@until("2027-11-22")`, `@until("2027-01-01")`, true},
		{"an office ends earlier", "offices.toml", "until = 2027-11-22", "until = 2027-01-01", true},
		{"a limit goes down", "offices.toml", "acts_per_hour = 600", "acts_per_hour = 599", true},
		{"a signer may sign less", "city.toml", `"mandates", "appointments"`, `"appointments"`, true},
		{"nothing can be looked up any more", "classes.toml", lookUps, ``, true},
		{"a class can no longer be opened without guardians", "classes.toml", "vital = \"ambulance-dispatch\"\n", ``, true},
		{"less is told of others to who reads their own data", "classes.toml", `others = ["city:driver"]`, `others = ["city:driver", "city:refParking"]`, true},
		{"data are kept for less", "classes.toml", `keep = "30d"`, `keep = "29d"`, true},

		{"a permit more", "policies/parking.cedar", "", "\n@id(\"more\")\n@because(\"More.\")\n@until(\"2027-01-01\")\npermit (principal == Office::\"planner\", action == Action::\"decide\", resource);\n", false},
		{"a permit ends later", "policies/parking.cedar", `@until("2027-11-22")`, `@until("2027-11-23")`, false},
		{"a permit says more", "policies/parking.cedar", `context.windowDays <= 31`, `context.windowDays <= 32`, false},
		{"a permit says less in another way", "policies/parking.cedar", `context.windowDays <= 31`, `context.windowDays <= 30`, false},
		{"a permit gives another reason", "policies/parking.cedar", "the person can object to it", "that is all", false},
		{"an office ends later", "offices.toml", "until = 2027-11-22", "until = 2027-11-23", false},
		{"a limit goes up", "offices.toml", "acts_per_hour = 600", "acts_per_hour = 601", false},
		{"a signer may sign more", "city.toml", `signs = ["registers"]`, `signs = ["registers", "mandates"]`, false},
		{"others' names are told to who reads their own data", "classes.toml", `others = ["city:driver"]`, ``, false},
		{"data are kept for longer", "classes.toml", `keep = "30d"`, `keep = "31d"`, false},
		{"an attribute becomes public", "classes.toml", `"city:refParking", `, ``, false},
		{"an attribute more can be looked up", "classes.toml", lookUps, lookUps + "[[class.equality]]\nattribute = \"city:refParking\"\npurposes = [\"enforce-parking\"]\n", false},
		{"an attribute can be looked up for a purpose more", "classes.toml", `purposes = ["enforce-parking"]`, `purposes = ["enforce-parking", "plan-city"]`, false},
		{"an attribute can be looked up for another purpose", "classes.toml", `purposes = ["enforce-parking"]`, `purposes = ["plan-city"]`, false},
		{"a class can be opened without guardians", "classes.toml", `keep = "30d"`, "keep = \"30d\"\nvital = \"ambulance-dispatch\"", false},
		{"a class can be opened without guardians by another office", "classes.toml", `vital = "ambulance-dispatch"`, `vital = "parking-inspector"`, false},
		{"a class covers more", "classes.toml", `"city:synthetic"`, `"city:synthetic", "city:colour"`, false},
		{"a purpose means something else", "purposes.toml", `dpv:RecordManagement`, `dpv:PublicBenefit`, false},
		{"a purpose more", "purposes.toml", "", "\n[[purpose]]\nid = \"more\"\ntitle = \"More\"\ndescription = \"More.\"\ndpv = \"dpv:PublicBenefit\"\n", false},
		{"another city", "city.toml", `name = "birmingham.example"`, `name = "coventry.example"`, false},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			amended := load(t, d.amended(t, tt.file, tt.old, tt.new), d.trust)
			got, why := policy.Tightens(old, amended)
			if got != tt.want || why == "" {
				t.Errorf("got %v (%s), want %v", got, why, tt.want)
			}
		})
	}
}

func TestRepealTightensOnlyForPermits(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	less := maps.Clone(d.files)
	delete(less, "policies/planning.cedar")
	if got, why := policy.Tightens(old, load(t, less, d.trust)); !got {
		t.Errorf("a permit less: got %v (%s)", got, why)
	}
	if got, why := policy.Tightens(load(t, less, d.trust), old); got {
		t.Errorf("that permit again: got %v (%s)", got, why)
	}
	pause := d.amended(t, "policies/parking.cedar", "", "\n@id(\"pause\")\n@because(\"Paused.\")\nforbid (principal, action, resource);\n")
	if got, why := policy.Tightens(load(t, pause, d.trust), old); got {
		t.Errorf("a forbid less: got %v (%s)", got, why)
	}
}

// A permit whose evaluation can fail denies everything while it is there: repealing it would open what it blocks.
func TestRepealOfAFailingPermitDoesNotTighten(t *testing.T) {
	d := newDemo(t)
	failing := d.amended(t, "policies/planning.cedar", "", "\n@id(\"odd\")\n@because(\"Odd.\")\n@until(\"2027-01-01\")\npermit (principal, action, resource) when { context.count * 9223372036854775807 > 7 };\n")
	if got, why := policy.Tightens(load(t, failing, d.trust), load(t, d.files, d.trust)); got {
		t.Errorf("got %v (%s)", got, why)
	}
}

// Where policies look at how long data are kept, shorter keeping can satisfy a condition it did not before.
func TestShorterKeepingDoesNotTightenWherePoliciesLookAtIt(t *testing.T) {
	d := newDemo(t)
	d.files = d.amended(t, "policies/parking.cedar", "context.windowDays <= 31", "context.keepDays <= 30")
	old := load(t, d.files, d.trust)
	if got, why := policy.Tightens(old, load(t, d.amended(t, "classes.toml", `keep = "30d"`, `keep = "29d"`), d.trust)); got {
		t.Errorf("got %v (%s)", got, why)
	}
}

// What a change says of itself reaches the terminal of the operator who is asked to approve it: its author must not draw there.
func TestWhatLoosensIsSaidInOnePlainLineEach(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	more := d.amended(t, "policies/parking.cedar", "", "\n@id(\"more\")\n@because(\"More.\\u{1b}[2J\\n\\nIt only tightens.\\u{202e}\")\n@until(\"2027-01-01\")\npermit (principal == Office::\"planner\", action == Action::\"decide\", resource);\n")
	all := policy.Loosens(old, load(t, more, d.trust))
	if len(all) != 1 || !strings.Contains(all[0], "More.") || strings.ContainsFunc(all[0], func(r rune) bool { return r < ' ' || r == 0x202e }) {
		t.Errorf("got %q", all)
	}
}

// Whoever adds a field to a register has to say here that Loosens compares it, or why it need not: what it does not look at
// takes effect at once.
func TestEveryFieldOfTheRegistersIsCompared(t *testing.T) {
	for _, c := range []struct {
		of    any
		known string
	}{
		{policy.Signer{}, "Name Key Signs Purposes key"}, // key is Key, read
		{policy.Purpose{}, "ID Title Description DPV Practices Hidden Line"},
		{policy.Office{}, "ID Title Powers Until Limits Line"},
		{policy.Limits{}, "Acts Subjects"},
		{policy.ClassEntry{}, "Class Categories Line"},
		{tribune.Class{}, "ID Title Types Attrs Personal Subject SubjectType Keep Equality Others Vital"},
		{tribune.Equality{}, "Attr Purposes"},
		{policy.Rule{}, "ID Because Permit Floor Until File Line Text policy"}, // a forbid's Until is a day to look at it again; policy is Text, parsed
		{policy.Trust{}, "Steward Council Floors"},                             // pinned outside
	} {
		of := reflect.TypeOf(c.of)
		var fields []string
		for i := range of.NumField() {
			fields = append(fields, of.Field(i).Name)
		}
		if want := strings.Fields(c.known); !slices.Equal(fields, want) {
			t.Errorf("%s has the fields %v, compared are %v", of, fields, want)
		}
	}
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	for what, change := range map[string][3]string{
		"uses for a purpose can be hidden": {"purposes.toml", "[[purpose]]\n", "[[purpose]]\nhidden = true\n"},
		"a signer may sign warrants":       {"city.toml", `"mandates", "appointments"`, `"mandates", "appointments", "warrants"`},
	} {
		more := load(t, d.amended(t, change[0], change[1], change[2]), d.trust)
		if got, why := policy.Tightens(old, more); got {
			t.Errorf("%s: got %v (%s)", what, got, why)
		}
		if got, why := policy.Tightens(more, old); !got {
			t.Errorf("%s, and no more: got %v (%s)", what, got, why)
		}
	}
}

// Whoever pads a file keeps nobody from seeing what changes in it.
func TestDiffShowsWhatChangesInALongFile(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	d.files = d.amended(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	long := load(t, d.amended(t, "policies/parking.cedar", "", "\n"+strings.Repeat("// padding\n", 60_000)), d.trust)
	if got := policy.Diff(old, long); !strings.Contains(got, "context.windowDays <= 400") {
		t.Errorf("got %.200q", got)
	}
}
