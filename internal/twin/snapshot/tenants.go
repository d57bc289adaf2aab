package snapshot

import (
	"context"
	"slices"

	"tribune"
)

// rests begins the names of the tenants that hold the data of snapshots: no caller can write a space.
const rests = "snapshot "

// Holds reports whether a tenant has snapshots; nil Snapshots have none.
func (s *Snapshots) Holds(tenant tribune.Tenant) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all[tenant]) > 0
}

// Tenants is how many tenants have snapshots.
func (s *Snapshots) Tenants() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// orphans drops data that no snapshot has: a crash came between the end of its record and the end of its data, or while it was filled. held
// was listed before the records were read: a snapshot that another hub makes meanwhile is not taken for one.
func (s *Snapshots) orphans(held []tribune.Tenant) {
	held = slices.DeleteFunc(held, func(t tribune.Tenant) bool { _, known := s.names[t]; return known })
	if len(held) == 0 {
		return
	}
	s.background(func(ctx context.Context) {
		for _, t := range held {
			s.drop(ctx, t)
		}
	})
}
