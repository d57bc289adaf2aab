package policy_test

import (
	"strings"
	"testing"
)

// A hub that keeps what it should have deleted must find no policy for it: a short window of long ago is as old as a long one.
func TestNobodyReadsPastTheKeepingTime(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	act, evidence := d.lookup()
	if got := set.Decide(act, evidence); !got.Permit {
		t.Fatalf("positive control, thirty days: %v", got.Missing)
	}
	act.Scope.Window.From = now.AddDate(0, 0, -33)
	act.Scope.Window.Until = now.AddDate(0, 0, -32)
	got := set.Decide(act, evidence)
	if got.Permit || !strings.Contains(strings.Join(got.Missing, "; "), "class parking-session is kept 30 days") {
		t.Errorf("a day of 33 days ago: permit %v, missing %q", got.Permit, got.Missing)
	}
}
