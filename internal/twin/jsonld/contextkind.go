package jsonld

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"tribune"
)

// Kind is how a stored @context came to be (clause 5.13.1).
type Kind string

// The kinds.
const (
	Hosted            Kind = "Hosted"            // somebody has added it
	Cached            Kind = "Cached"            // a copy of what stands at its URL
	ImplicitlyCreated Kind = "ImplicitlyCreated" // made because an answer or a notification must name several by one URL
)

// Stored is what is known of one stored @context (clause 5.13.3.5).
type Stored struct {
	ID       string // local identifier, a URI
	URL      string // where it was found; "" of one that is kept here alone
	Kind     Kind
	Created  time.Time
	Expires  time.Time       // zero = never
	Used     time.Time       // zero = not since the start
	Hits     int64           // how often it was found in the storage since the start
	Builtin  bool            // the core context: it is neither deleted nor replaced
	Document json.RawMessage // {"@context": ...}
}

// entry is one @context in the storage. Its document never changes: another version is another entry.
type entry struct {
	id       string
	url      string
	kind     Kind
	tenant   tribune.Tenant
	created  time.Time
	document json.RawMessage
	file     bool // it comes from the map or is shipped: not kept in the store

	expires atomic.Int64 // Unix nanoseconds, 0 = never
	end     atomic.Int64 // until then it serves where a new copy cannot be had, 0 = never
	used    atomic.Int64
	hits    atomic.Int64
	gone    atomic.Bool // deleted or replaced: whatever was made of it is void
	passing atomic.Bool // ImplicitlyCreated for one answer: in memory only
}

// idBase begins every local identifier.
const idBase = "urn:ngsi-ld:jsonldContext:"

// newID is an identifier nobody can guess: who has the URL of a hosted context may read it, whatever the tenant.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return idBase + hex.EncodeToString(b[:])
}

// idOf is the identifier of what has its own name already: a URL, or a context's text in a tenant.
func idOf(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return idBase + hex.EncodeToString(sum[:16])
}

// localID is the identifier at the end of a URL of a stored context, "" where url cannot be one. The host says nothing:
// behind a proxy a hub does not know under which names it is reached, and no two hubs draw the same identifier.
func localID(url string) string {
	i := strings.LastIndexByte(url, '/')
	id := strings.ReplaceAll(strings.ReplaceAll(url[i+1:], "%3A", ":"), "%3a", ":")
	if i < 0 || !strings.HasPrefix(id, idBase) || !strings.HasSuffix(url[:i], "/jsonldContexts") {
		return ""
	}
	return id
}

// touch counts a use.
func (e *entry) touch(now time.Time) {
	e.hits.Add(1)
	e.used.Store(now.UnixNano())
}

// stale says that the copy must be fetched anew.
func (e *entry) stale(now time.Time) bool {
	at := e.expires.Load()
	return at != 0 && now.UnixNano() >= at
}

// renewed says that the copy holds until then.
func (e *entry) renewed(until time.Time) {
	if until.IsZero() {
		e.expires.Store(0)
		return
	}
	e.expires.Store(until.UnixNano())
}

func (e *entry) stored() Stored {
	s := Stored{ID: e.id, URL: e.url, Kind: e.kind, Created: e.created, Hits: e.hits.Load(), Document: e.document}
	if at := e.expires.Load(); at != 0 {
		s.Expires = time.Unix(0, at).UTC()
	}
	if at := e.used.Load(); at != 0 {
		s.Used = time.Unix(0, at).UTC()
	}
	return s
}
