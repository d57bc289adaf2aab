package federation

import (
	"slices"

	"tribune"
)

// Tenants is how many tenants have registrations.
func (g *Registry) Tenants() int {
	if g == nil {
		return 0
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.tenants)
}

// Holds reports whether a tenant has registration subscriptions; a nil Subscriptions has none.
func (s *Subscriptions) Holds(tenant tribune.Tenant) bool {
	if s == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.tenants[tenant]) > 0 || slices.ContainsFunc(s.absent, func(a absent) bool { return a.tenant == tenant })
}

// Tenants is how many tenants have registration subscriptions.
func (s *Subscriptions) Tenants() int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.tenants)
}
