package notify

import (
	"context"
	"errors"
	"strings"

	"tribune"
)

// A subscription to a snapshot (clauses 5.5.15 and 6.3.22) is one in the tenant that holds the snapshot's data. Whoever is notified knows
// nothing of that tenant: it is told whose snapshot it is, and its id.

// Snapshots says what rests in a tenant: whose snapshot, by which id; ok is false where it is none, or has gone.
type Snapshots func(rests tribune.Tenant) (owner tribune.Tenant, id string, ok bool)

// SetSnapshots has notifications name the snapshots that they are about. It is called once, before there are subscriptions to any but those
// that were restored.
func (n *Notifier) SetSnapshots(s Snapshots) { n.snapshots.Store(&s) }

// addressed names the snapshot that a notification is about; every other tenant is itself.
func (n *Notifier) addressed(m Notification) Notification {
	of := n.snapshots.Load()
	if of == nil || m.Tenant == "" {
		return m
	}
	if owner, id, ok := (*of)(m.Tenant); ok {
		m.Tenant, m.Snapshot = owner, id
	}
	return m
}

// DeleteAll ends all subscriptions of a tenant that has gone.
func (n *Notifier) DeleteAll(ctx context.Context, tenant tribune.Tenant) error {
	var ids []string
	n.changing.Lock()
	for _, k := range n.absent {
		if k.tenant == tenant {
			ids = append(ids, k.id)
		}
	}
	n.changing.Unlock()
	n.mu.RLock()
	if x := n.tenants[tenant]; x != nil {
		for id := range x.all {
			ids = append(ids, id)
		}
	}
	n.mu.RUnlock()
	var errs []error
	for _, id := range ids {
		if err := n.Delete(ctx, tenant, id); !errors.Is(err, tribune.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Named are the tenants with subscriptions whose names begin so.
func (n *Notifier) Named(prefix string) (all []tribune.Tenant) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for t := range n.tenants {
		if strings.HasPrefix(string(t), prefix) {
			all = append(all, t)
		}
	}
	return all
}
