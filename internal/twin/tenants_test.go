package twin

import (
	"fmt"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/twin/model"
)

func TestTenantsAreThoseOfWhichSomethingIsHeld(t *testing.T) {
	st := memory(t)
	open := func() *Twin {
		tw, err := New(Config{Store: st})
		if err != nil {
			t.Fatal(err)
		}
		return tw
	}
	tw := open()
	names := []tribune.Tenant{"a", "ab", "a:b", "a.b", "b", "snapshot 1"}
	for i, name := range names {
		for n := range 3 { // in several partitions
			m := Mutation{Tenant: name, Mode: Create, Entity: model.Entity{ID: tribune.EntityID(fmt.Sprintf("urn:c:%d%d", i, n)), Types: []tribune.Name{"Car"}}}
			if res := tw.Mutate(t.Context(), []Mutation{m})[0]; res.Err != nil {
				t.Fatal(res.Err)
			}
		}
	}
	for when, tw := range map[string]*Twin{"at once": tw, "after a restart": open()} {
		for _, name := range append(names, "") {
			if is, err := tw.Holds(t.Context(), name); err != nil || !is {
				t.Errorf("%s: %q is not there: %v", when, name, err)
			}
		}
		for _, name := range []tribune.Tenant{"A", "abc", "a:", "c", "snapshot", "\x00"} {
			if is, err := tw.Holds(t.Context(), name); err != nil || is {
				t.Errorf("%s: %q is there, %v", when, name, err)
			}
		}
		if all, err := tw.Named(t.Context(), "a"); err != nil || !slices.Equal(all, []tribune.Tenant{"a", "a.b", "a:b", "ab"}) {
			t.Errorf("%s: beginning with a: %q, %v", when, all, err)
		}
	}
	if n, err := open().Tenants(t.Context()); err != nil || n != 5 {
		t.Errorf("got %d tenants that callers can name, %v, want 5", n, err)
	}
	if err := tw.Drop(t.Context(), "snapshot 1"); err != nil {
		t.Fatal(err)
	}
	if all, err := open().Named(t.Context(), "snapshot "); err != nil || len(all) != 0 {
		t.Errorf("after it was dropped: %q, %v", all, err)
	}
}
