package gate_test

import (
	"testing"
	"time"

	"tribune"
	"tribune/policy"
)

func TestThenIsTheLawOfThatTime(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	old := c.Set()
	if got := c.Then(c.now); got != old {
		t.Error("before anybody has said: not the present law")
	}
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
	c.SetReigns([]policy.Reign{{Set: old.Hash()}, {Set: loose.Hash(), From: c.now}})
	for at, want := range map[time.Time]tribune.Hash{c.now.Add(-time.Second): old.Hash(), c.now: loose.Hash(), c.now.AddDate(1, 0, 0): loose.Hash()} {
		if got := c.Then(at); got == nil || got.Hash() != want {
			t.Errorf("at %s: %v, want %s", at, got, want)
		}
	}
	c.SetReigns([]policy.Reign{{Set: tribune.Hash{1}}})
	if got := c.Then(c.now); got != nil {
		t.Error("a set that is not to be had is taken for another")
	}
}
