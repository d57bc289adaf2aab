package notify

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// onRecord leaves out what is about somebody of whom the record does not say today that they are told of: Deliver passes over who was erased
// while a value of theirs waited.
func (n *Notifier) onRecord(s *subscription, all []telling) []telling {
	s.told.mu.Lock()
	defer s.told.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(all), func(t telling) bool {
		return slices.ContainsFunc(t.arrived, func(a arrival) bool { return !s.told.subjects[a.Sealed.Pseudonym] })
	})
}

// Forget takes an erased subject out of what is kept of whom standing subscriptions were told. It may be repeated.
func (n *Notifier) Forget(ctx context.Context, p tribune.Pseudonym) error {
	var standing []*subscription
	n.mu.RLock()
	for _, x := range n.tenants {
		standing = append(standing, x.standing...)
	}
	n.mu.RUnlock()
	for _, s := range standing {
		if err := n.shelf.forgetOne(ctx, s, p); err != nil {
			return fmt.Errorf("forgetting of whom a subscription was told: %w", err)
		}
		s.told.mu.Lock()
		delete(s.told.subjects, p)
		s.told.mu.Unlock()
	}
	return nil
}

func (s shelf) forgetOne(ctx context.Context, sub *subscription, p tribune.Pseudonym) error {
	r := store.Prefix(s.key("d", sub.tenant, sub.id))
	r.KeysOnly = true
	var b store.Batch
	for row, err := range s.Scan(ctx, r) {
		if err != nil {
			return err
		}
		if bytes.HasSuffix(row.Key, p[:]) {
			b.Delete(slices.Clone(row.Key))
		}
	}
	if len(b.Ops) == 0 {
		return nil
	}
	return s.Commit(ctx, &b)
}
