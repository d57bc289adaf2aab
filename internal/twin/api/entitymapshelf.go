package api

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/web"
)

// Bounds of each of the two shelves of entity maps.
const (
	maxMaps    = 500
	maxMapping = 96 << 20 // bytes, estimated: some million entities with ids of the usual length
)

// entityMaps are all that have not expired, on two shelves: whatever strangers do, it takes no map from a caller who is known.
type entityMaps struct{ known, strangers mapShelf }

func newEntityMaps(now func() time.Time) *entityMaps {
	return &entityMaps{known: newMapShelf(now), strangers: newMapShelf(now)}
}

// stranger begins the owners that are networks.
const stranger = "network "

// ownerOf says whose share a request's maps take: the caller's, or that of all strangers in its network.
func ownerOf(r *http.Request) string {
	if caller := web.CallerOf(r.Context()); caller.Known() {
		return string(caller.Actor)
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return stranger
	}
	bits := 24 // of IPv4
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		bits = 48 // that is what one customer gets
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return stranger
	}
	return stranger + network.String()
}

// put keeps a new map.
func (s *entityMaps) put(m *entityMap) error {
	if len(m.ids) > maxMapped {
		return tribune.Hint(fmt.Errorf("%w: an entity map of more than %d entities", errTooMany, maxMapped), "Narrow the query.")
	}
	var name [16]byte
	rand.Read(name[:])
	m.id = "urn:ngsi-ld:EntityMap:" + hex.EncodeToString(name[:])
	m.size = m.weight()
	shelf := &s.known
	if strings.HasPrefix(m.owner, stranger) {
		shelf = &s.strangers
	}
	if !shelf.put(m) {
		return tribune.Hint(fmt.Errorf("%w: an entity map of %d entities, while others have theirs", errTooMany, len(m.ids)), "Narrow the query, or come back in some minutes.")
	}
	return nil
}

// get is a map of a tenant, nil where there is none or it has expired.
func (s *entityMaps) get(tenant tribune.Tenant, id string) *entityMap {
	m := s.known.get(id)
	if m == nil {
		m = s.strangers.get(id)
	}
	if m == nil || m.tenant != tenant {
		return nil
	}
	return m
}

// drop takes a map away.
func (s *entityMaps) drop(m *entityMap) {
	s.known.drop(m)
	s.strangers.drop(m)
}

// mapShelf holds maps within bounds. Where it is full whoever holds the most gives way: a caller who holds less than an equal share loses
// nothing by what others do.
type mapShelf struct {
	now func() time.Time

	mu     sync.Mutex // guards what follows
	byID   map[string]*entityMap
	size   int            // of all
	shares map[string]int // of each owner: bytes, and as many for each map as would be each one's if there were the most
}

func newMapShelf(now func() time.Time) mapShelf {
	return mapShelf{now: now, byID: map[string]*entityMap{}, shares: map[string]int{}}
}

// share is what a map takes of its owner's share.
func (m *entityMap) share() int { return m.size + maxMapping/maxMaps }

// put makes room for a map and keeps it; false where its owner would have more than an equal share of a shelf that others have filled.
func (s *mapShelf) put(m *entityMap) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	s.shares[m.owner] += m.share() // whoever asks for more than the others makes room for it
	for len(s.byID) >= maxMaps || s.size+m.size > maxMapping {
		first := s.firstOf(s.largest(""))
		if first == nil { // nobody has more than this one map would be
			if len(s.byID) == 0 || s.shares[m.owner] > 2*maxMapping/len(s.shares) {
				s.giveBack(m)
				return false
			}
			first = s.firstOf(s.largest(m.owner))
		}
		s.remove(first)
	}
	s.byID[m.id] = m
	s.size += m.size
	return true
}

// largest is the owner with the largest share, beside one.
func (s *mapShelf) largest(beside string) (owner string) {
	most := 0
	for o, share := range s.shares {
		if share > most && o != beside {
			owner, most = o, share
		}
	}
	return owner
}

// firstOf is the map of an owner that ends first; nil where there is none.
func (s *mapShelf) firstOf(owner string) (first *entityMap) {
	for _, m := range s.byID {
		if m.owner == owner && (first == nil || m.end().Before(first.end())) {
			first = m
		}
	}
	return first
}

// sweep takes away what has expired.
func (s *mapShelf) sweep() {
	now := s.now()
	for _, m := range s.byID {
		if !m.end().After(now) {
			s.remove(m)
		}
	}
}

func (s *mapShelf) remove(m *entityMap) {
	delete(s.byID, m.id)
	s.size -= m.size
	s.giveBack(m)
}

// giveBack takes a map out of its owner's share.
func (s *mapShelf) giveBack(m *entityMap) {
	if s.shares[m.owner] -= m.share(); s.shares[m.owner] <= 0 {
		delete(s.shares, m.owner)
	}
}

func (s *mapShelf) get(id string) *entityMap {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byID[id]
	if m != nil && !m.end().After(s.now()) {
		s.remove(m)
		return nil
	}
	return m
}

func (s *mapShelf) drop(m *entityMap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[m.id] == m {
		s.remove(m)
	}
}
