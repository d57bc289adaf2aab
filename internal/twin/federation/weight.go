package federation

import (
	"fmt"

	"tribune"
)

// What all registrations may take of the memory: fifty thousand of the usual kind take some 150 MB.
const (
	maxWeight    = 256 << 20 // bytes, estimated
	weightOfAny  = 1 << 10   // of a registration with nothing in it
	weightOfItem = 200       // of an entity, as it was read and in the index
)

// weight estimates the memory that a registration takes.
func (r *Registration) weight() int {
	n := weightOfAny
	for i := range r.doc {
		n += 2 * (len(r.doc[i].name) + len(r.doc[i].raw))
	}
	for i := range r.Information {
		n += weightOfItem * len(r.Information[i].Entities)
	}
	return n
}

// room refuses what would be too much in memory; old is what a registration replaces, nil = nothing.
func (g *Registry) room(r, old *Registration) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	was, t := 0, g.tenants[r.Tenant]
	if old != nil {
		was = old.weight()
	} else if g.count.Load() >= MaxEverywhere || t != nil && len(t.byID) >= MaxRegistrations {
		return tribune.Hint(fmt.Errorf("%w: %d context source registrations are enough for one tenant", tribune.ErrTooLarge, MaxRegistrations), "Delete some that are not needed, or register patterns.")
	}
	if w := r.weight(); w > was && g.weight-was+w > maxWeight {
		return tribune.Hint(fmt.Errorf("%w: the context source registrations take %d MB of memory together", tribune.ErrTooLarge, g.weight>>20), "Delete some that are not needed, or register patterns.")
	}
	return nil
}
