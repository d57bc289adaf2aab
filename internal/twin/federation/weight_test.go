package federation

import (
	"encoding/json"
	"errors"
	"testing"

	"tribune"
)

// Fifty thousand registrations as large as one may be would take all memory there is.
func TestWhatRegistrationsTakeTogetherIsBounded(t *testing.T) {
	g := &Registry{tenants: map[tribune.Tenant]*index{}, wake: make(chan struct{}, 1)}
	reg := func(tenant tribune.Tenant, id string, size int) *Registration {
		return &Registration{ID: id, Tenant: tenant, doc: document{{"description", make(json.RawMessage, size)}}}
	}
	const large = maxWeightOfOne/2 - weightOfAny // it weighs twice as much
	for i := range maxWeight / maxWeightOfOne {
		one := reg(tribune.Tenant(rune('a'+i)), "big", large)
		if err := g.room(one, nil); err != nil {
			t.Fatal(err)
		}
		g.keep(one)
	}
	if err := g.room(reg("z", "too much", large), nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("one tenant more: got %v, want ErrTooLarge", err)
	}
	big := g.tenants["a"].byID["big"]
	fits := reg("a", "more", large)
	if err := g.room(reg("a", "big", large), big); err != nil {
		t.Errorf("changing one that is there: %v", err)
	}
	g.keep(reg("a", "big", 10))
	if err := g.room(fits, nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("beside the small one: got %v, want ErrTooLarge: a tenant may not have more", err)
	}
	if err := g.room(reg("z", "big", large-weightOfAny), nil); err != nil {
		t.Errorf("after one has become small: %v", err)
	}
}
