package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
)

// tend deletes what has expired, until Close.
func (s *Snapshots) tend() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.Sweep()
		case <-s.ctx.Done():
			return
		}
	}
}

// Sweep deletes what has expired.
func (s *Snapshots) Sweep() {
	now := s.cfg.Now()
	s.mu.Lock()
	type one struct {
		tenant tribune.Tenant
		id     string
	}
	var over []one
	for tenant, all := range s.all {
		for id, r := range all {
			if !r.Status.ExpiresAt.After(now) {
				over = append(over, one{tenant, id})
			}
		}
	}
	s.mu.Unlock()
	for _, o := range over {
		if err := s.remove(s.ctx, o.tenant, o.id, func(r *record) bool { return !r.Status.ExpiresAt.After(now) }); err != nil && !errors.Is(err, tribune.ErrNotFound) {
			s.cfg.Log.Error("an expired snapshot could not be deleted", "err", err)
		}
	}
}

// remove deletes a snapshot if it is still so, its data in the background.
func (s *Snapshots) remove(ctx context.Context, tenant tribune.Tenant, id string, still func(*record) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[tenant][id]
	if r == nil || !still(r) {
		return fmt.Errorf("%w: no snapshot has this id", tribune.ErrNotFound)
	}
	var b store.Batch
	b.Delete(s.key(tenant, id))
	if err := s.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("deleting a snapshot: %w", err)
	}
	delete(s.names, r.Rests)
	if delete(s.all[tenant], id); len(s.all[tenant]) == 0 {
		delete(s.all, tenant)
	}
	s.background(func(ctx context.Context) { s.drop(ctx, r.Rests) })
	return nil
}

func (s *Snapshots) drop(ctx context.Context, at tribune.Tenant) {
	s.unsubscribe(ctx, at)
	if err := s.cfg.Twin.Drop(ctx, at); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("a snapshot's data could not be deleted", "err", err)
	}
}
