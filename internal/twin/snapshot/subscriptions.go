package snapshot

import (
	"context"

	"tribune"
	"tribune/internal/twin/notify"
)

// name is whose snapshot it is, and its id.
type name struct {
	tenant tribune.Tenant
	id     string
}

// Subscriptions are those to snapshots, in the tenants that hold their data (clause 5.5.15); *notify.Notifier keeps them.
type Subscriptions interface {
	SetSnapshots(notify.Snapshots)
	DeleteAll(ctx context.Context, tenant tribune.Tenant) error
	Named(prefix string) []tribune.Tenant
}

var _ Subscriptions = (*notify.Notifier)(nil)

// Subscribe has a snapshot's subscriptions end with it, and their notifications say which snapshot they are about. Those of snapshots that have gone
// end now.
func (s *Snapshots) Subscribe(subs Subscriptions) {
	s.mu.Lock()
	s.subs = subs
	s.mu.Unlock()
	subs.SetSnapshots(s.owner)
	for _, t := range subs.Named(rests) {
		if _, _, ok := s.owner(t); !ok {
			s.background(func(ctx context.Context) { s.unsubscribe(ctx, t) })
		}
	}
}

// owner is whose snapshot rests in a tenant, and by which id.
func (s *Snapshots) owner(at tribune.Tenant) (owner tribune.Tenant, id string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.names[at]
	return n.tenant, n.id, ok
}

func (s *Snapshots) unsubscribe(ctx context.Context, at tribune.Tenant) {
	s.mu.Lock()
	subs := s.subs
	s.mu.Unlock()
	if subs == nil {
		return
	}
	if err := subs.DeleteAll(ctx, at); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("subscriptions to a snapshot that has gone could not be deleted", "err", err)
	}
}
