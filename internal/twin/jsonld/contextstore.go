package jsonld

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// room is where contexts rest in the store: room | "c" | id -> kept.
const room = "contexts"

// Bounds of the storage, with their reasons.
const (
	maxDocument = 1 << 20  // bytes of a context that is added; the largest published vocabularies have some hundred kB
	maxKept     = 10_000   // contexts that are added or created, of all tenants
	maxKeptSize = 64 << 20 // and their bytes: they are held in memory
	maxCopies   = 512      // copies of what stands elsewhere; the least used go first
	maxCopySize = 64 << 20
	maxPassing  = 256 // contexts created for one answer
)

// storage holds every stored @context, in memory and, except for files and passing ones, in the store.
type storage struct {
	store store.Store // nil = nothing outlives the process

	mu    sync.RWMutex
	byID  map[string]*entry
	byURL map[string]*entry // the copies
}

// kept is the form in the store.
type kept struct {
	ID       string          `json:"id"`
	URL      string          `json:"url,omitempty"`
	Kind     Kind            `json:"kind"`
	Tenant   tribune.Tenant  `json:"tenant,omitempty"`
	Created  time.Time       `json:"created"`
	Expires  time.Time       `json:"expires,omitzero"`
	Document json.RawMessage `json:"document"`
}

func newStorage(s store.Store) *storage {
	return &storage{store: s, byID: map[string]*entry{}, byURL: map[string]*entry{}}
}

func contextKey(id string) []byte { return store.Key(room, tribune.Place{}, "c", id) }

// load reads what the store has.
func (s *storage) load(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	for pair, err := range s.store.Scan(ctx, store.Prefix(store.Key(room, tribune.Place{}, "c"))) {
		if err != nil {
			return fmt.Errorf("reading stored contexts: %w", err)
		}
		var k kept
		if err := json.Unmarshal(pair.Value, &k); err != nil {
			return &tribune.IntegrityError{What: "a stored context", Err: err}
		}
		e := &entry{id: k.ID, url: k.URL, kind: k.Kind, tenant: k.Tenant, created: k.Created, document: k.Document}
		if !k.Expires.IsZero() {
			e.renewed(k.Expires)
			e.end.Store(k.Expires.Add(staleFor).UnixNano())
		}
		s.insert(e)
	}
	return nil
}

// insert puts e into the maps; the caller holds mu, or is alone.
func (s *storage) insert(e *entry) {
	if old := s.byID[e.id]; old != nil {
		old.gone.Store(true)
	}
	s.byID[e.id] = e
	if e.kind == Cached {
		s.byURL[e.url] = e
	}
}

// put makes e durable, then visible, in the place of one with the same identifier.
func (s *storage) put(ctx context.Context, e *entry) error {
	s.mu.RLock()
	err := s.bounded(e)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	if err := s.write(ctx, e); err != nil {
		return err
	}
	s.mu.Lock()
	s.insert(e)
	extra := s.surplus(e)
	for _, old := range extra {
		s.take(old)
	}
	s.mu.Unlock()
	for _, old := range extra {
		if err := s.erase(ctx, old); err != nil {
			return err
		}
	}
	return nil
}

func (s *storage) write(ctx context.Context, e *entry) error {
	if s.store == nil || e.file || e.passing.Load() {
		return nil
	}
	text, err := json.Marshal(kept{e.id, e.url, e.kind, e.tenant, e.created, e.stored().Expires, e.document})
	if err != nil {
		return fmt.Errorf("writing a context: %w", err)
	}
	var b store.Batch
	b.Put(contextKey(e.id), text)
	if err := s.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing a context: %w", err)
	}
	return nil
}

// bounded refuses what would be one too many of those that nobody but their owner removes.
func (s *storage) bounded(e *entry) error {
	if e.kind == Cached || e.passing.Load() {
		return nil
	}
	n, size := 0, len(e.document)
	for _, other := range s.byID {
		if other.kind != Cached && !other.passing.Load() {
			n++
			size += len(other.document)
		}
	}
	if n >= maxKept || size > maxKeptSize {
		return tribune.Hint(fmt.Errorf("storing a context: %w: %d contexts are stored", tribune.ErrBusy, n), "Delete contexts that nobody uses.")
	}
	return nil
}

// surplus are the entries of e's sort that exceed its bound, the least recently used first; never e itself.
func (s *storage) surplus(e *entry) []*entry {
	most, bytes, same := maxCopies, maxCopySize, func(o *entry) bool { return o.kind == Cached }
	if e.passing.Load() {
		most, bytes, same = maxPassing, maxCopySize, func(o *entry) bool { return o.passing.Load() }
	} else if e.kind != Cached {
		return nil
	}
	var all []*entry
	size := 0
	for _, o := range s.byID {
		if same(o) {
			all = append(all, o)
			size += len(o.document)
		}
	}
	if len(all) <= most && size <= bytes {
		return nil
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	var out []*entry
	for _, o := range all {
		if len(all)-len(out) <= most && size <= bytes {
			break
		}
		if o != e {
			out = append(out, o)
			size -= len(o.document)
		}
	}
	return out
}

// take removes e from the maps; the caller holds mu.
func (s *storage) take(e *entry) {
	e.gone.Store(true)
	if s.byID[e.id] == e {
		delete(s.byID, e.id)
	}
	if s.byURL[e.url] == e {
		delete(s.byURL, e.url)
	}
}

// erase removes e from the store.
func (s *storage) erase(ctx context.Context, e *entry) error {
	if s.store == nil || e.file || e.passing.Load() {
		return nil
	}
	var b store.Batch
	b.Delete(contextKey(e.id))
	if err := s.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("deleting a context: %w", err)
	}
	return nil
}

// remove deletes e everywhere.
func (s *storage) remove(ctx context.Context, e *entry) error {
	if err := s.erase(ctx, e); err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return err
	}
	s.mu.Lock()
	s.take(e)
	s.mu.Unlock()
	return nil
}

// at is the entry that a URL means: one of ours, or the copy of what stands there.
func (s *storage) at(url string) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id := localID(url); id != "" {
		if e := s.byID[id]; e != nil {
			return e
		}
	}
	return s.byURL[url]
}

// find is the entry with that local identifier or, of a copy, that URL.
func (s *storage) find(name string) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.byID[name]; e != nil {
		return e
	}
	return s.byURL[name]
}

// list are the entries that a tenant sees, oldest first.
func (s *storage) list(tenant tribune.Tenant, kind Kind) []*entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*entry
	for _, e := range s.byID {
		if e.visible(tenant) && (kind == "" || e.kind == kind) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.url, b.url), cmp.Compare(a.id, b.id))
	})
	return out
}

// visible: copies belong to the broker, what was added or created to its tenant (clause 4.14).
func (e *entry) visible(tenant tribune.Tenant) bool { return e.kind == Cached || e.tenant == tenant }
