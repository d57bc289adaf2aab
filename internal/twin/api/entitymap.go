package api

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/twin/temporal"
)

// Bounds of entity maps. They rest in memory, for a while: whoever comes back too late gets a new one (clause 5.5.14).
const (
	maxMaps    = 1000
	maxMapped  = 100_000   // entities of one map
	maxMapping = 2_000_000 // entities of all maps: some 150 MB
	mapFor     = 5 * time.Minute
	mapAtMost  = time.Hour

	entityMapHeader = "NGSILD-EntityMap"
	here            = "@none" // instead of a registration: the entity is held here (clause 5.2.39)
)

// entityMap fixes which entities a sequence of requests is about, and which context sources hold them (clause 5.2.39).
type entityMap struct {
	id      string
	tenant  tribune.Tenant
	of      string // what was asked when it was made: whoever uses it asks the same (clause 5.5.14)
	context string // in which context (clause 5.5.9.1)

	mu      sync.Mutex // guards what follows
	expires time.Time
	ids     []tribune.EntityID
	sources map[tribune.EntityID][]string // registrations that hold an entity; those not in it are held here
	linked  map[string]string             // entity maps of context sources, by registration
}

// entityMaps are all that have not expired.
type entityMaps struct {
	now func() time.Time

	mu    sync.Mutex // guards byID and count
	byID  map[string]*entityMap
	count int // entities of all
}

func newEntityMaps(now func() time.Time) *entityMaps {
	return &entityMaps{now: now, byID: map[string]*entityMap{}}
}

// put keeps a new map. Where there are too many, the one that ends first makes room.
func (s *entityMaps) put(m *entityMap) error {
	if len(m.ids) > maxMapped {
		return tribune.Hint(fmt.Errorf("%w: an entity map of more than %d entities", errTooMany, maxMapped), "Narrow the query.")
	}
	var name [16]byte
	rand.Read(name[:])
	m.id = "urn:ngsi-ld:EntityMap:" + hex.EncodeToString(name[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	for len(s.byID) >= maxMaps || s.count+len(m.ids) > maxMapping {
		var first *entityMap
		for _, o := range s.byID {
			if first == nil || o.end().Before(first.end()) {
				first = o
			}
		}
		if first == nil {
			break
		}
		s.remove(first)
	}
	s.byID[m.id] = m
	s.count += len(m.ids)
	return nil
}

// sweep takes away what has expired.
func (s *entityMaps) sweep() {
	now := s.now()
	for _, m := range s.byID {
		if !m.end().After(now) {
			s.remove(m)
		}
	}
}

func (s *entityMaps) remove(m *entityMap) {
	delete(s.byID, m.id)
	m.mu.Lock()
	s.count -= len(m.ids)
	m.mu.Unlock()
}

// get is a map of a tenant, nil where there is none or it has expired.
func (s *entityMaps) get(tenant tribune.Tenant, id string) *entityMap {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byID[id]
	if m == nil || m.tenant != tenant {
		return nil
	}
	if !m.end().After(s.now()) {
		s.remove(m)
		return nil
	}
	return m
}

// drop takes a map away; false where there is none.
func (s *entityMaps) drop(tenant tribune.Tenant, id string) bool {
	m := s.get(tenant, id)
	if m == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] != m {
		return false
	}
	s.remove(m)
	return true
}

// forget takes entities out of a map that are not what was asked for any more (clause 5.5.9.3).
func (s *entityMaps) forget(m *entityMap, gone map[tribune.EntityID]bool) {
	if len(gone) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.ids)
	m.ids = slices.DeleteFunc(slices.Clone(m.ids), func(id tribune.EntityID) bool { return gone[id] })
	for id := range gone {
		delete(m.sources, id)
	}
	if s.byID[m.id] == m {
		s.count -= before - len(m.ids)
	}
}

func (m *entityMap) end() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expires
}

func (m *entityMap) extend(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expires = until
}

// candidates are the entities of the map; the slice is never changed.
func (m *entityMap) candidates() []tribune.EntityID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids
}

// location is where the map is served.
func (m *entityMap) location() string { return Prefix + "/entityMaps/" + m.id }

// mapLifetime is how long a map is to be kept: what was suggested, within bounds (table 6.4.3.2-1).
func mapLifetime(text string) (time.Duration, error) {
	if text == "" {
		return mapFor, nil
	}
	d, err := temporal.ParseDuration(text)
	if err != nil || d.Zero() {
		return 0, tribune.Hint(fmt.Errorf("%w: entityMapLifetime must be a duration of ISO 8601 (table 6.4.3.2-1)", tribune.ErrInvalid), "Like PT10M.")
	}
	if d.Months > 0 {
		return mapAtMost, nil
	}
	return min(d.Span, mapAtMost), nil
}

// namedMap is the id of the map that a request names by its location or id, "" where it names none.
func namedMap(r *http.Request) string {
	value := r.Header.Get(entityMapHeader)
	if i := strings.LastIndexByte(value, '/'); i >= 0 {
		value = value[i+1:]
	}
	if id, err := url.PathUnescape(value); err == nil {
		return id
	}
	return value
}
