package policy_test

import (
	"slices"
	"testing"

	"tribune"
	"tribune/policy"
)

func TestReachNamesWhatAPolicyIsAbout(t *testing.T) {
	d := newDemo(t)
	set, err := policy.Load(d.files, d.trust)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range set.Rules() {
		r := rule.Reach()
		switch rule.ID {
		case "inspector-looks-up-sessions":
			if !slices.Equal(r.Offices, []tribune.OfficeID{"parking-inspector"}) || !slices.Equal(r.Kinds, []tribune.ActKind{"read"}) ||
				!slices.Equal(r.Classes, []tribune.ClassID{"parking-session"}) || !slices.Equal(r.Purposes, []tribune.PurposeID{"enforce-parking"}) {
				t.Errorf("%s: %+v", rule.ID, r)
			}
		case "hub-publishes":
			if !slices.Equal(r.Kinds, []tribune.ActKind{"law", "appoint", "device"}) || r.Classes != nil || r.Purposes != nil {
				t.Errorf("%s: %+v", rule.ID, r)
			}
		case "floor-many":
			if r.Offices != nil || r.Kinds != nil || r.Classes != nil || !policy.Covers(r.Kinds, tribune.ActRead) {
				t.Errorf("%s: %+v", rule.ID, r)
			}
		}
	}
	if policy.Covers([]tribune.ClassID{}, "parking-session") || !policy.Covers([]tribune.ClassID{"a", "b"}, "b") {
		t.Error("Covers confuses nothing with everything")
	}
}
