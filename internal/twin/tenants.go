package twin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/store"
)

// tenants are those of which the store is known to hold something. Nothing is stored of them: a tenant is there for as long as a row
// of it is, and rows of the change log and of the past outlive its last entity. It is safe for concurrent use.
type tenants struct {
	mu     sync.RWMutex // guards what follows
	known  map[tribune.Tenant]bool
	listed bool // known holds all that the store held
}

// hidden reports whether a tenant has a name that no caller can write: it belongs to a snapshot.
func hidden(t tribune.Tenant) bool { return strings.Contains(string(t), " ") }

// Knows reports whether a tenant has been found before: that costs a look into a map.
func (t *Twin) Knows(tenant tribune.Tenant) bool { return tenant == "" || t.tenants.has(tenant) }

// Holds reports whether anything of a tenant is in the store, or was before it was deleted (clause 5.5.10). The default tenant always exists.
// What another hub or a device has made is found as well.
func (t *Twin) Holds(ctx context.Context, tenant tribune.Tenant) (bool, error) {
	if t.Knows(tenant) {
		return true, nil
	}
	r := store.Prefix(tenantHead(tenant))
	r.Limit, r.KeysOnly = 1, true
	for _, err := range t.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return false, fmt.Errorf("looking for a tenant: %w", err)
		}
		t.tenants.add(tenant)
		return true, nil
	}
	return false, nil
}

// Tenants is how many tenants the store is known to hold, beside the default one. The first call lists them, by seeking from one to the next.
func (t *Twin) Tenants(ctx context.Context) (int, error) {
	if n, ok := t.tenants.count(); ok {
		return n, nil
	}
	var all []tribune.Tenant
	err := eachTenant(ctx, t.cfg.Store, "", func(tenant tribune.Tenant) {
		if tenant != "" && !hidden(tenant) {
			all = append(all, tenant)
		}
	})
	if err != nil {
		return 0, err
	}
	t.tenants.add(all...)
	t.tenants.mu.Lock()
	t.tenants.listed = true
	t.tenants.mu.Unlock()
	n, _ := t.tenants.count()
	return n, nil
}

func (s *tenants) has(tenant tribune.Tenant) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[tenant]
}

func (s *tenants) add(all ...tribune.Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[tribune.Tenant]bool{}
	}
	for _, tenant := range all {
		s.known[tenant] = true
	}
}

func (s *tenants) count() (n int, listed bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.known), s.listed
}

// tenantHead is how all keys of a tenant begin.
func tenantHead(tenant tribune.Tenant) []byte {
	return store.Part(store.Part(nil, room), string(tenant))
}

// Named lists the tenants of which the store holds something and whose names begin so.
func (t *Twin) Named(ctx context.Context, prefix string) (all []tribune.Tenant, err error) {
	err = eachTenant(ctx, t.cfg.Store, prefix, func(tenant tribune.Tenant) { all = append(all, tenant) })
	return all, err
}

// eachTenant visits the tenants that hold anything and whose names begin so, by seeking from one to the next.
func eachTenant(ctx context.Context, r store.Reader, prefix string, visit func(tribune.Tenant)) error {
	from := append(store.Part(nil, room), prefix...)
	end := store.After(from)
	for {
		var head []byte
		for p, err := range r.Scan(ctx, store.Range{From: from, To: end, Limit: 1, KeysOnly: true}) {
			if err != nil {
				return fmt.Errorf("listing tenants: %w", err)
			}
			_, rest, _ := cut(p.Key)
			tenant, rest, ok := cut(rest)
			if !ok {
				return &tribune.IntegrityError{What: "a key of the twin", Err: errDamaged}
			}
			visit(tribune.Tenant(tenant))
			head = slices.Clone(p.Key[:len(p.Key)-len(rest)])
		}
		if head == nil {
			return nil
		}
		from = store.After(head)
	}
}
