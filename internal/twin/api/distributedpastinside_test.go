package api

import (
	"testing"

	"tribune"
	"tribune/internal/twin/model"
)

// What is sealed comes with every page of what is here; it is withheld, counted and opened once.
func TestSealedPastComesOnceHoweverManyPages(t *testing.T) {
	page := func() *model.Entity {
		return &model.Entity{Attrs: map[tribune.Name][]model.Attr{"plate": {{Sealed: &tribune.Sealed{}}}, "speed": {{Kind: model.Property}}}}
	}
	g := &pastGathering{left: 100}
	e := g.join(g.join(g.join(nil, page()), page()), page())
	if len(e.Attrs["plate"]) != 1 || len(e.Attrs["speed"]) != 3 || g.left != 94 {
		t.Errorf("got %v, %d left", e.Attrs, g.left)
	}
}
