package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

type change func(*tribune.Act, *tribune.Evidence)

// TestDecisions is the law of the demo city as a table: who may do what, and what exactly is missing where they may not.
func TestDecisions(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	stranger := newKey(t, "birmingham.example/council")
	mandateText := func(id string) string { text, _ := protocol.SplitDocument(d.mandates[id]); return text }
	lookup, study, enrol := d.lookup, d.study, d.enrolment
	tests := []struct {
		name     string
		base     func() (tribune.Act, tribune.Evidence)
		change   change
		policies string // that decided
		missing  string // the first thing missing; "" = permitted
	}{
		{"inspector looks up a plate", lookup, nil, "inspector-looks-up-sessions", ""},
		{"planner studies without plates", study, nil, "planner-studies-sessions", ""},
		{"hub enrols", enrol, nil, "hub-enrols", ""},
		{"inspector issues a notice", lookup, func(a *tribune.Act, e *tribune.Evidence) { a.Kind, a.Scope = tribune.ActDecide, tribune.Scope{} }, "inspector-issues-notice", ""},
		{"hub publishes law before anybody is appointed", enrol, func(a *tribune.Act, e *tribune.Evidence) {
			a.Kind, a.Count, a.Caller.Purpose, a.Caller.Mandate, *e = tribune.ActLaw, 0, "", "", tribune.Evidence{}
		}, "hub-publishes", ""},
		{"hub publishes somebody's appointment", enrol, func(a *tribune.Act, e *tribune.Evidence) {
			a.Kind, a.Count, a.Caller.Purpose, a.Caller.Mandate = tribune.ActAppoint, 0, "", ""
			*e = tribune.Evidence{Appointment: d.appointments[string(law.Inspector)]}
		}, "hub-publishes", ""},

		{"no purpose", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Purpose = "" }, "", "no purpose was named"},
		{"unknown purpose", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Purpose = "mrs-smith" }, "", "the purpose named is not in the register of purposes"},
		{"purpose that the mandate is not for", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Purpose = "plan-city" }, "floor-mandate",
			"the mandate parking-enforcement-2026 is for purpose enforce-parking, not for plan-city"},
		{"purpose that no policy allows this office", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			a.Caller.Purpose, a.Caller.Mandate = "plan-city", "odd"
			e.Mandate = sign(t, strings.NewReplacer(`"mobility-study-2026"`, `"odd"`, `"planner"`, `"parking-inspector"`).Replace(mandateText("mobility-study-2026")), d.council)
		}, "", "no policy permits office parking-inspector to read class parking-session for purpose plan-city"},
		{"expired mandate", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			a.Caller.Mandate, e.Mandate = "parking-enforcement-2025", d.mandates["parking-enforcement-2025"]
		}, "floor-mandate", "the mandate parking-enforcement-2025 ended on 2025-12-31"},
		{"mandate not begun", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.At = now.AddDate(0, 0, -3) }, "floor-mandate", "the mandate parking-enforcement-2026 begins on 2026-11-21"},
		{"no mandate", lookup, func(a *tribune.Act, e *tribune.Evidence) { a.Caller.Mandate, e.Mandate = "", nil }, "floor-mandate", "no mandate was named"},
		{"mandate named but not shown", lookup, func(a *tribune.Act, e *tribune.Evidence) { e.Mandate = nil }, "floor-mandate", "the mandate named is not in the register of mandates"},
		{"mandate signed by a stranger under the council's name", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			e.Mandate = sign(t, mandateText("parking-enforcement-2026"), stranger)
		}, "floor-mandate", "the mandate's signature is not by its issuer birmingham.example/council"},
		{"mandate signed by the steward", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			e.Mandate = sign(t, mandateText("parking-enforcement-2026"), d.steward)
		}, "floor-mandate", "the mandate's signature is not by its issuer birmingham.example/council"},
		{"mandate issued by somebody unknown", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			e.Mandate = sign(t, strings.Replace(mandateText("parking-enforcement-2026"), "birmingham.example/council", "mallory.example", 1), d.council)
		}, "floor-mandate", "the mandate's signature is not by an issuer this city knows"},
		{"mandate altered after signing", lookup, func(a *tribune.Act, e *tribune.Evidence) {
			e.Mandate = []byte(strings.Replace(string(e.Mandate), "max_subjects = 50", "max_subjects = 99", 1))
		}, "floor-mandate", "the mandate's signature is not by its issuer birmingham.example/council"},
		{"another mandate than named", lookup, func(a *tribune.Act, e *tribune.Evidence) { e.Mandate = d.mandates["mobility-study-2026"] }, "floor-mandate",
			"the document presented is mandate mobility-study-2026, not the one named"},
		{"office the mandate does not name", study, func(a *tribune.Act, e *tribune.Evidence) {
			a.Caller.Office, a.Caller.Actor, e.Appointment = "parking-inspector", law.Inspector, d.appointments[string(law.Inspector)]
		}, "floor-mandate", "the mandate mobility-study-2026 does not name this office"},
		{"class the mandate does not cover", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = tribune.ClassUnclassified }, "floor-mandate",
			"the mandate parking-enforcement-2026 does not cover this class of data"},
		{"more people than the mandate allows", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Count = 51 }, "floor-many floor-mandate",
			"the mandate parking-enforcement-2026 allows 50 people in one act, this one touches 51"},
		{"nobody", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Count = 0 }, "", "the act says of nobody whom it touches"},
		{"nobody was found by a value", lookup, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Count, a.Scope.Attrs, a.Scope.LookUp = 0, []tribune.Name{city + "driver"}, city+"driver"
		}, "inspector-looks-up-sessions", ""},
		{"looked up by a value that the law does not let be looked up", lookup, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Attrs, a.Scope.LookUp = nil, city+"refParking"
		}, "", "class parking-session lets nobody be looked up in this way for this purpose"},
		{"looked up for another purpose", study, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Attrs, a.Scope.LookUp = []tribune.Name{city + "startedAt", city + "driver"}, city+"driver"
		}, "", "class parking-session lets nobody be looked up in this way for this purpose"},
		{"looked up by an attribute that is not asked for", lookup, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Attrs, a.Scope.LookUp = []tribune.Name{city + "startedAt"}, city+"driver"
		}, "", "the attribute by which people are looked up is not among those asked for"},
		{"an enrolment that looks somebody up", enrol, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.LookUp = city + "driver" }, "", "an act of this kind looks nobody up"},

		{"planner asks for plates", study, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Attrs = append(a.Scope.Attrs, city+"licensePlate")
		}, "", "no policy permits office planner to read class parking-session for purpose plan-city"},
		{"planner asks for everything by naming nothing", study, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Attrs = nil }, "",
			"no policy permits office planner to read class parking-session for purpose plan-city"},
		{"attribute of another class", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Attrs = []tribune.Name{city + "diagnosis"} }, "",
			"class parking-session does not cover 1 of the attributes asked for"},
		{"window longer than the policy allows", lookup, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Window = tribune.Window{From: now.AddDate(0, 0, -1), Until: now.AddDate(0, 0, 31)}
		}, "",
			"no policy permits office parking-inspector to read class parking-session for purpose enforce-parking"},
		{"window of all time", lookup, func(a *tribune.Act, _ *tribune.Evidence) {
			a.Scope.Window = tribune.Window{From: time.Unix(-1<<60, 0), Until: time.Unix(1<<60, 0)}
		}, "", "class parking-session is kept 30 days, and the act asks for what arrived before that"},
		{"empty window", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Window = tribune.Window{} }, "", "the window of arrival times is empty"},
		{"unknown class", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = "tax-file" }, "", "the class of data named is not in the register of classes"},
		{"enrolment of a class", enrol, func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = "parking-session" }, "", "an act of this kind concerns no class of data"},

		{"unknown office", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Office = "mayor" }, "", "the office named is not in the register of offices"},
		{"office ended", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.At = now.AddDate(1, 0, 1) }, "floor-mandate", "the office parking-inspector ended on 2027-11-22"},
		{"anonymous", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Actor = "" }, "", "nobody answers for the act: an anonymous request is never an act"},
		{"no appointment", lookup, func(_ *tribune.Act, e *tribune.Evidence) { e.Appointment = nil }, "", "no appointment to the office was shown"},
		{"somebody else's appointment", lookup, func(_ *tribune.Act, e *tribune.Evidence) { e.Appointment = d.appointments[string(law.Planner)] }, "", "the appointment is somebody else's"},
		{"appointment signed by the steward", lookup, func(_ *tribune.Act, e *tribune.Evidence) {
			text, _ := protocol.SplitDocument(e.Appointment)
			e.Appointment = sign(t, text, d.steward)
		}, "", "the appointment's signature is not by the council"},
		{"appointment ended", lookup, func(_ *tribune.Act, e *tribune.Evidence) {
			text, _ := protocol.SplitDocument(e.Appointment)
			e.Appointment = sign(t, strings.Replace(text, "until = 2027-11-22", "until = 2026-11-22T09:59:59Z", 1), d.council)
		}, "", "the appointment ended at 2026-11-22T09:59:59Z"},
		{"kind that policies do not decide", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Kind = tribune.ActIndex }, "", "acts of this kind are not decided by policies"},
		{"inspector publishes law", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Kind, a.Scope = tribune.ActLaw, tribune.Scope{} }, "", "no policy permits office parking-inspector to law for purpose enforce-parking"},
		{"integrator reads", lookup, func(a *tribune.Act, _ *tribune.Evidence) { a.Caller.Office = "integrator" }, "floor-mandate", "the mandate parking-enforcement-2026 does not name this office"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			act, evidence := tt.base()
			if tt.change != nil {
				tt.change(&act, &evidence)
			}
			got := set.Decide(act, evidence)
			if got.Permit != (tt.missing == "") {
				t.Fatalf("got permit %v, missing %q", got.Permit, got.Missing)
			}
			if tt.missing != "" && (len(got.Missing) == 0 || got.Missing[0] != tt.missing) {
				t.Errorf("got missing %q, want first %q", got.Missing, tt.missing)
			}
			for _, want := range strings.Fields(tt.policies) {
				if !strings.Contains(" "+strings.Join(got.Policies, " ")+" ", " "+want+" ") {
					t.Errorf("got policies %q, want %q among them", got.Policies, want)
				}
			}
			if tt.policies == "" && len(got.Policies) > 0 {
				t.Errorf("got policies %q, want none", got.Policies)
			}
			if got.Set != set.Hash() {
				t.Errorf("got set %s, want %s", got.Set, set.Hash())
			}
			for _, word := range []string{"ward", "hale", "smith", "tax-file", "mayor", "diagnosis", "mallory"} {
				if strings.Contains(fmt.Sprint(got.Missing), word) {
					t.Errorf("%q names what only the caller has said or a person: %q", word, got.Missing)
				}
			}
		})
	}
}
