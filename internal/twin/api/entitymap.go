package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/temporal"
)

// Bounds of entity maps. They rest in memory, for a while: whoever comes back too late gets a new one (clause 5.5.14).
const (
	maxMapped = 100_000 // entities of one map
	mapFor    = 5 * time.Minute
	mapAtMost = time.Hour

	entityMapHeader = "NGSILD-EntityMap"
	here            = "@none" // instead of a registration: the entity is held here (clause 5.2.39)
)

// entityMap fixes which entities a sequence of requests is about, and which context sources hold them (clause 5.2.39).
type entityMap struct {
	id      string
	tenant  tribune.Tenant
	of      string // what was asked when it was made: whoever uses it asks the same (clause 5.5.14)
	context string // in which context (clause 5.5.9.1)
	owner   string // whose share of the memory it takes
	size    int    // in memory, estimated when it was put

	mu      sync.Mutex // guards what follows
	expires time.Time
	ids     []tribune.EntityID
	sources map[tribune.EntityID][]string // registrations that hold an entity; those not in it are held here
	linked  *federation.Maps              // entity maps of context sources
}

// weight estimates what a map takes of the memory.
func (m *entityMap) weight() int {
	n := 1 << 10
	for _, id := range m.ids {
		n += 16 + len(id)
	}
	for _, held := range m.sources {
		n += 100 + 16*len(held) // the names are the registrations' own
	}
	return n
}

// forget takes entities out of a map that are not what was asked for any more (clause 5.5.9.3).
func (m *entityMap) forget(gone map[tribune.EntityID]bool) {
	if len(gone) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids = slices.DeleteFunc(slices.Clone(m.ids), func(id tribune.EntityID) bool { return gone[id] })
	for id := range gone {
		delete(m.sources, id)
	}
}

// heldBy notes the registrations that hold an entity of a map that nobody else knows yet; none of them: it is held here.
func (m *entityMap) heldBy(id tribune.EntityID, sources []string) {
	if len(sources) == 0 {
		return
	}
	if m.sources == nil {
		m.sources = map[tribune.EntityID][]string{}
	}
	m.sources[id] = sources
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
