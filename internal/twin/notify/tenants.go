package notify

import "tribune"

// Holds reports whether a tenant has subscriptions; a nil Notifier has none.
func (n *Notifier) Holds(tenant tribune.Tenant) bool {
	if n == nil {
		return false
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.tenants[tenant] != nil
}

// Tenants is how many tenants have subscriptions.
func (n *Notifier) Tenants() int {
	if n == nil {
		return 0
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.tenants)
}
