package gate_test

import (
	"context"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
)

// What guardians would refuse, because it arrived under a law that did not permit it, is denied before anything is signed.
func TestGateDeniesWhatTheLawOfThenDidNotPermit(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	old := c.Set()
	c.edit(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400", c.steward)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	loose, err := c.Proposed()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetSet(loose); err != nil {
		t.Fatal(err)
	}
	changed := c.now.AddDate(0, 0, -2)
	c.SetReigns([]policy.Reign{{Set: old.Hash()}, {Set: loose.Hash(), From: changed}})
	act := c.lookup()
	act.Scope.Window.Until = c.now.AddDate(0, 0, 20) // longer than the old law permits
	p := tribune.Pseudonym{1}
	act.Scope.Subjects = []tribune.Pseudonym{p}
	opens := func(days, seconds int) tribune.Decision {
		at := changed.AddDate(0, 0, days)
		act.Scope.Identities = []tribune.Identity{{Kind: tribune.IdentitySubject, Pseudonym: p, Class: "parking-session", Day: tribune.DayOf(at), Segment: tribune.SecondOf(at) + uint32(seconds)}}
		d, _, err := c.Decide(context.Background(), act)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := opens(0, 1); !d.Permit {
		t.Errorf("arrived under the new law: %q", d.Missing)
	}
	d := opens(0, -1)
	if d.Permit || d.Set != loose.Hash() || len(d.Policies) != 0 || len(d.Missing) != 1 || !strings.Contains(d.Missing[0], "arrived under an older law") {
		t.Errorf("arrived under the old law: %+v", d)
	}
	c.SetReigns([]policy.Reign{{Set: old.Hash()}}) // the record has not been read on yet
	if d := opens(-1, 0); d.Permit {
		t.Error("between SetSet and SetReigns the new law reaches back")
	}
}
