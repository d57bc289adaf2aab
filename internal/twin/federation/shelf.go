package federation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// absent is a stored subscription that cannot be restored yet.
type absent struct {
	tenant     tribune.Tenant
	key, value []byte
}

// load reads every subscription. The caller holds writing.
func (s *Subscriptions) load(ctx context.Context) error {
	g := s.cfg.Registry
	for pair, err := range g.cfg.Store.Scan(ctx, store.Prefix(store.Part(nil, room))) {
		if err != nil {
			return err
		}
		kind, tenant, ok := cutKey(pair.Key)
		if ok && kind == "s" {
			s.absent = append(s.absent, absent{tenant, slices.Clone(pair.Key), slices.Clone(pair.Value)})
		}
	}
	return s.restore(ctx)
}

// restore brings back those whose contexts can be had. The caller holds writing.
func (s *Subscriptions) restore(ctx context.Context) error {
	s.mu.RLock()
	waiting := s.absent
	s.mu.RUnlock()
	var still []absent
	for _, a := range waiting {
		spec, err := notify.RestoreSpec(ctx, a.value, s.cfg.Contexts)
		if errors.Is(err, jsonld.ErrContext) {
			still = append(still, a)
			continue
		}
		if err != nil {
			return &tribune.IntegrityError{What: "a registration subscription", Err: err}
		}
		w, err := s.watcher(ctx, a.tenant, spec)
		if err != nil {
			return &tribune.IntegrityError{What: "a registration subscription", Err: err}
		}
		w.begin(s.now())
		s.put(w)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absent = still
	return nil
}

// rests reports whether a subscription of this ID waits for its context.
func (s *Subscriptions) rests(tenant tribune.Tenant, id string) bool {
	key := s.cfg.Registry.key("s", tenant, id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.absent, func(a absent) bool { return bytes.Equal(a.key, key) })
}

// save makes a subscription durable.
func (s *Subscriptions) save(ctx context.Context, w *watcher) error {
	value, err := w.spec.Row()
	if err != nil {
		return fmt.Errorf("writing a registration subscription: %w", err)
	}
	var b store.Batch
	b.Put(s.cfg.Registry.key("s", w.tenant, w.spec.ID()), value)
	if err := s.cfg.Registry.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing a registration subscription: %w", err)
	}
	return nil
}

// saveCounters saves every subscription whose counters have changed since.
func (s *Subscriptions) saveCounters(ctx context.Context) error {
	s.cfg.Registry.writing.Lock()
	defer s.cfg.Registry.writing.Unlock()
	var all []error
	for _, w := range s.each(func(w *watcher) bool { return w.spec.Dirty() }) {
		all = append(all, s.save(ctx, w))
	}
	return errors.Join(all...)
}
