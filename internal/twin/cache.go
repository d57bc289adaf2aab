package twin

import (
	"container/list"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// entityKey names an entity of a tenant.
type entityKey struct {
	tenant tribune.Tenant
	id     tribune.EntityID
}

// entry is one entity as committed. The entity is shared and never changed; only ready grows.
type entry struct {
	version uint64
	entity  *model.Entity
	size    int64
	clock   uint64    // every commit at or before it that concerns the entity is contained
	read    time.Time // when it was read or written, for MaxStale
	expires time.Time // when something of it expires first; zero = never
	series  []series  // what is known of its readings at this version; never changed

	mu    sync.Mutex
	ready map[string][]byte // rendered bytes by rendering
}

// maxReady bounds how many renderings of one entity are kept.
const maxReady = 8

// Shards of the cache, and slots that remember when an entity of theirs was last written.
const (
	cacheShards = 32
	cacheSlots  = 1024 // per shard
)

// cache holds decoded entities and their rendered bytes within a budget, least recently used out first.
//
// clock counts commits. Whoever reads the store to fill the cache notes the clock before; the entry is taken only where
// no commit touched its slot since, so an old document can never replace or resurrect over a newer one. While a commit is
// under way its entities are marked: a snapshot may contain it already, the cache not yet.
type cache struct {
	seed   maphash.Seed
	clock  atomic.Uint64
	shards [cacheShards]shard
}

type shard struct {
	mu     sync.Mutex // guards all below
	byKey  map[entityKey]*list.Element
	order  list.List // of *item, most recent first
	size   int64
	budget int64
	slots  [cacheSlots]uint64
	flux   [cacheSlots]uint32 // commits under way by slot
}

type item struct {
	key   entityKey
	entry *entry
}

func newCache(budget int64) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].byKey = make(map[entityKey]*list.Element)
		c.shards[i].budget = budget / cacheShards
	}
	return c
}

func (c *cache) hash(k entityKey) uint64 { return maphash.Comparable(c.seed, k) }

func (c *cache) shard(hash uint64) (s *shard, slot uint64) {
	return &c.shards[hash%cacheShards], hash / cacheShards % cacheSlots
}

// now is what to note before reading the store.
func (c *cache) now() uint64 { return c.clock.Load() }

func (c *cache) get(k entityKey, hash uint64) *entry {
	s, _ := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.byKey[k]
	if el == nil {
		return nil
	}
	s.order.MoveToFront(el)
	return el.Value.(*item).entry
}

// getAt is the entry that a snapshot contains which was taken after the clock showed since; nil where that is not sure.
func (c *cache) getAt(k entityKey, since uint64) *entry {
	s, slot := c.shard(c.hash(k))
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.byKey[k]
	if el == nil || s.flux[slot] > 0 || el.Value.(*item).entry.clock > since {
		return nil
	}
	s.order.MoveToFront(el)
	return el.Value.(*item).entry
}

// begin marks an entity before its commit; commit takes the mark away.
func (c *cache) begin(hash uint64) {
	s, slot := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flux[slot]++
}

// fill offers an entry read from the store after the clock showed since.
func (c *cache) fill(k entityKey, e *entry, since uint64) {
	s, slot := c.shard(c.hash(k))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots[slot] > since {
		return
	}
	e.clock = since
	s.put(k, e)
}

// commit takes what was just committed after begin; a nil entry is an entity that is deleted or not known any more. Call tick once all of a batch are in.
func (c *cache) commit(k entityKey, hash uint64, e *entry) {
	s, slot := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[slot] = c.clock.Load() + 1
	s.flux[slot]--
	if e == nil {
		s.drop(k)
		return
	}
	e.clock = s.slots[slot]
	s.put(k, e)
}

func (c *cache) tick() { c.clock.Add(1) }

func (s *shard) put(k entityKey, e *entry) {
	if e.size > s.budget/4 {
		s.drop(k)
		return
	}
	if el := s.byKey[k]; el != nil {
		it := el.Value.(*item)
		s.size += e.size - it.entry.size
		it.entry = e
		s.order.MoveToFront(el)
		s.shrink()
		return
	}
	s.byKey[k] = s.order.PushFront(&item{k, e})
	s.size += e.size
	s.shrink()
}

func (s *shard) drop(k entityKey) {
	if el := s.byKey[k]; el != nil {
		s.order.Remove(el)
		delete(s.byKey, k)
		s.size -= el.Value.(*item).entry.size
	}
}

func (s *shard) shrink() {
	for s.size > s.budget {
		s.drop(s.order.Back().Value.(*item).key)
	}
}

// keepReady attaches rendered bytes to an entry, if it is still the one in the cache.
func (c *cache) keepReady(k entityKey, e *entry, rendering string, b []byte) {
	s, _ := c.shard(c.hash(k))
	s.mu.Lock()
	defer s.mu.Unlock()
	el := s.byKey[k]
	if el == nil || el.Value.(*item).entry != e {
		return
	}
	cost := int64(len(b) + len(rendering) + 64)
	e.mu.Lock()
	if _, had := e.ready[rendering]; !had && len(e.ready) < maxReady && e.size+cost <= s.budget/4 {
		if e.ready == nil {
			e.ready = make(map[string][]byte, 1)
		}
		e.ready[rendering] = b
		e.size += cost
		s.size += cost
	}
	e.mu.Unlock()
	s.shrink()
}

func (e *entry) rendered(rendering string) ([]byte, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.ready[rendering]
	return b, ok
}

// sizeOf estimates the memory of a decoded entity: its document, which values point into, and the maps and structs
// around them.
func sizeOf(e *model.Entity, document int) int64 {
	n := int64(document + 512)
	for _, list := range e.Attrs {
		n += 64 + int64(len(list))*200
	}
	return n
}
