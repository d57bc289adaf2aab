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
	reg := func(id string, size int) *Registration {
		return &Registration{ID: id, doc: document{{"description", make(json.RawMessage, size)}}}
	}
	big := reg("big", maxWeight/4)
	if err := g.room(big, nil); err != nil {
		t.Fatal(err)
	}
	g.keep(big)
	if err := g.room(reg("too much", maxWeight/4), nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("twice as much: got %v, want ErrTooLarge", err)
	}
	if err := g.room(reg("big", maxWeight/4), big); err != nil {
		t.Errorf("changing the one that is there: %v", err)
	}
	g.keep(reg("big", 10))
	if err := g.room(big, nil); err != nil {
		t.Errorf("after it has become small: %v", err)
	}
}
