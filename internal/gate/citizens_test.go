package gate_test

import (
	"context"
	"slices"
	"testing"

	"tribune"
)

// said is what people have said about their data.
type said struct {
	consents [][]byte
	whom     tribune.Pseudonym
}

func (s said) Consents(a tribune.Act) [][]byte {
	if slices.Contains(a.Scope.Subjects, s.whom) {
		return s.consents
	}
	return nil
}

func (s said) Stopped(a tribune.Act) string {
	if slices.Contains(a.Scope.Subjects, s.whom) {
		return "it is restricted"
	}
	return ""
}

// What a person has stopped is denied whatever the policy says, and counts nothing against the office's hour; others are not touched by it.
// Consents stand in the evidence that the decision is handed out with.
func TestPeopleAreHeard(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	restricted, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	ask := func(p tribune.Pseudonym) (tribune.Decision, tribune.Evidence) {
		t.Helper()
		act := c.lookup()
		act.Scope.Subjects = []tribune.Pseudonym{p}
		d, evidence, err := c.Decide(context.Background(), act)
		if err != nil {
			t.Fatal(err)
		}
		return d, evidence
	}
	if d, e := ask(restricted); !d.Permit || e.Consents != nil {
		t.Fatalf("before anybody has said anything: %+v", d)
	}
	c.SetCitizens(said{consents: [][]byte{[]byte("signed")}, whom: restricted})
	d, e := ask(restricted)
	if d.Permit || len(d.Policies) != 0 || !slices.Contains(d.Missing, "it is restricted") {
		t.Errorf("restricted: %+v", d)
	}
	if len(e.Consents) != 1 || string(e.Consents[0]) != "signed" {
		t.Errorf("evidence: %q", e.Consents)
	}
	if d, e := ask(other); !d.Permit || e.Consents != nil {
		t.Errorf("somebody else: %+v", d)
	}
}
