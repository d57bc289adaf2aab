package federation

import (
	"fmt"

	"tribune"
)

// Bounds of what is kept in memory.
const (
	MaxRegistrations = 10_000 // of a tenant
	MaxEverywhere    = 50_000 // of all tenants
)

// What all registrations may take of the memory: fifty thousand of the usual kind take some 150 MB.
const (
	maxWeight      = 256 << 20 // bytes, estimated
	maxWeightOfOne = 64 << 20  // of one tenant: it must not take the others' room
	weightOfAny    = 1 << 10   // of a registration with nothing in it
	weightOfItem   = 200       // of an entity, as it was read and in the index
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
	was, n, used := 0, 0, 0
	if t := g.tenants[r.Tenant]; t != nil {
		n, used = len(t.byID), t.weight
	}
	if old != nil {
		was = old.weight()
	} else if everywhere := g.count.Load() >= MaxEverywhere; everywhere || n >= MaxRegistrations {
		whose := "of one tenant"
		if everywhere {
			n, whose = MaxEverywhere, "of all tenants together"
		}
		return tribune.Hint(fmt.Errorf("%w: there are %d context source registrations %s", tribune.ErrTooLarge, n, whose), "Delete some that are not needed, or register patterns.")
	}
	if w := r.weight(); w > was && (g.weight-was+w > maxWeight || used-was+w > maxWeightOfOne) {
		return tribune.Hint(fmt.Errorf("%w: the context source registrations of this tenant take %d MB of memory, all together %d MB", tribune.ErrTooLarge, used>>20, g.weight>>20), "Delete some that are not needed, or register patterns.")
	}
	return nil
}

// What all registration subscriptions may take of the memory.
const (
	maxSubscribed      = 64 << 20
	maxSubscribedOfOne = 16 << 20 // of one tenant
)

// weigh estimates the memory that a registration subscription takes, by its row.
func weigh(row []byte) int { return weightOfAny + 3*len(row) }

// room refuses what would be too much in memory; old is what a subscription replaces, nil = nothing. Those that wait for a context count: they
// come back.
func (s *Subscriptions) room(w, old *watcher) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, all, used, total := len(s.tenants[w.tenant]), s.count+len(s.absent), 0, 0
	for tenant, of := range s.tenants {
		for _, o := range of {
			if total += o.weight; tenant == w.tenant {
				used += o.weight
			}
		}
	}
	for _, o := range s.absent {
		if total += weigh(o.value); o.tenant == w.tenant {
			used, n = used+weigh(o.value), n+1
		}
	}
	was := 0
	if old != nil {
		was = old.weight
	} else if n >= MaxSubscriptions || all >= maxAllSubscriptions {
		return tribune.Hint(fmt.Errorf("%w: there are %d registration subscriptions of this tenant, %d of all tenants", tribune.ErrTooLarge, n, all), "Delete those that nobody needs.")
	}
	if w.weight > was && (used-was+w.weight > maxSubscribedOfOne || total-was+w.weight > maxSubscribed) {
		return tribune.Hint(fmt.Errorf("%w: the registration subscriptions of this tenant take %d MB of memory, all together %d MB", tribune.ErrTooLarge, used>>20, total>>20), "Delete those that nobody needs.")
	}
	return nil
}
