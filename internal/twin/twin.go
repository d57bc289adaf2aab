// Package twin is the NGSI-LD context broker's core (ETSI GS CIM 009): entities with their indexes and history in the
// ordered store, mutations with the standard's semantics, queries. The API and intake call it; it knows neither HTTP nor
// JSON-LD contexts.
//
// It promises:
//
//   - Mutations of one entity are linearizable, also between hubs (compare-and-set on the entity's version). A Result
//     without error, and Apply returning nil, mean: durable, with every index row and history row in the same batch.
//   - A Mutation.ID or Change.ID applied before (within DedupeSpan at least) succeeds and changes nothing. An ID belongs to an
//     entity, and one that ends in the time of its instance (see seen.go) to the attribute instance that it changes.
//   - What a class calls personal, and what no class describes, is sealed before it leaves memory: clear text reaches
//     neither store nor cache, log or error. To every query a sealed attribute is absent.
//   - Count and page of one Find come from one moment.
//
// Keys in room "twin" (store.Key; id, type, attr and dataset are parts; u64 big-endian):
//
//	e|id                              document: version u64, entity (codec.go)
//	t|type|id                         by type
//	q|type|attr|ordered(value)|id     scalars up to 128 B of the unsealed values, see query.Scalar.Ordered
//	g|type|attr|S2 cell u64|id        places, levels 8 to 16, see query.Geometry.Cells
//	r|object|attr|id                  reverse relationships
//	x|class|pseudonym|id              sealed attributes, to find a subject's entities
//	b|token|id                        sealed values that a class lets be looked up, see lookup.go
//	y|class|day u64|id                when they arrived
//	z|time u64|id                     when the entity, or the first of its attributes, expires
//	h|id|attr|dataset|o or m|time u64|change   history, one attribute instance a row; o: time is observedAt, m: modifiedAt
//	h|id|""                           types and times of an evolution without a current state (pasthead.go)
//	p|type|id                         finds such an evolution; type "" = any
//	H, B|id|attr|dataset|place        packed history: a block of up to 512 rows, in two rows (packed.go)
//	i|id|attr|dataset|name            where a history row has been moved to (instanceid.go)
//	w|id                              until when instances have been taken out of the history
//	d|id                              the version of a document that is nothing but what the history says (follow.go)
//	v|layout, v|rebuild               which of these rows there are (layout.go)
//	c|hub|seq u64                     change log, by the last number in the row (logged.go)
//	c|""|generation u64|hash16        change IDs seen, by week, but those of readings that rest in the clear
package twin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// DefaultCacheBytes is the budget of the cache: enough for some 20,000 decoded entities with their rendered bytes.
const DefaultCacheBytes = 64 << 20

// Config says what the twin stands on.
type Config struct {
	Store store.Store

	// ClassOf is the law's answer for an attribute of an entity with these types. Nil = everything is public (a
	// laboratory without law); with a Sealer it is required.
	ClassOf func(types []tribune.Name, attr tribune.Name) tribune.Class

	// Sealer is the vault. Nil = nothing personal may enter: such an attribute is refused.
	Sealer tribune.Sealer

	Screens    []tribune.Screen // asked before a change is stored
	Now        func() time.Time // nil = time.Now
	CacheBytes int64            // 0 = DefaultCacheBytes
	Hub        string           // names this hub's change log; "" = "hub"

	Observer Observer // of changes; nil = nobody

	// MaxStale is how long another hub's write to the same store may go unseen; 0 = this is the only hub.
	MaxStale time.Duration
}

// Twin is the broker's core. It is safe for concurrent use.
type Twin struct {
	cfg     Config
	cache   *cache
	columns *columns
	log     *changeLog
	ends    *ends

	packs  *packs
	packer *packer
	locks  locks
	spare  sync.Pool // of *scratch

	counts  counts // of discovery
	tenants tenants
}

// New opens the twin on a store. It reads where the change log ended. A store of an older release needs Upgrade first.
func New(cfg Config) (*Twin, error) {
	if cfg.Store == nil {
		return nil, fmt.Errorf("%w: the twin needs a store", tribune.ErrInvalid)
	}
	if cfg.ClassOf == nil {
		if cfg.Sealer != nil {
			return nil, fmt.Errorf("%w: the twin has a vault but no law to say what is personal", tribune.ErrInvalid)
		}
		cfg.ClassOf = func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{} }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = DefaultCacheBytes
	}
	if cfg.Hub == "" {
		cfg.Hub = "hub"
	}
	if err := checkLayout(context.Background(), cfg.Store); err != nil {
		return nil, err
	}
	t := &Twin{cfg: cfg, packer: newPacker(), cache: newCache(cfg.CacheBytes), columns: newColumns(), ends: newEnds()}
	var err error
	if t.packs, err = newPacks(); err != nil {
		return nil, err
	}
	if t.log, err = openLog(context.Background(), cfg.Store, cfg.Hub); err != nil {
		return nil, fmt.Errorf("opening change log: %w", err)
	}
	return t, nil
}

// moment is the time as a change carries it. Microseconds: many clients read no more digits of createdAt and modifiedAt.
func (t *Twin) moment() time.Time { return t.cfg.Now().UTC().Truncate(time.Microsecond) }

// Get returns an entity or ErrNotFound. The view is shared: do not change it.
func (t *Twin) Get(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID) (View, error) {
	e, err := t.entry(ctx, entityKey{tenant, id})
	if err == nil && t.due(e) {
		e, err = t.lapsed(e)
	}
	if err != nil {
		return View{}, err
	}
	return e.view(), nil
}

func (e *entry) view() View { return View{Entity: *e.entity, Version: e.version} }

// Ready returns the bytes that render makes of an entity, kept until the entity changes. rendering names what render
// does (representation, context); at most maxReady renderings of an entity are kept. Do not change the bytes.
func (t *Twin) Ready(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID, rendering string, render func(View) ([]byte, error)) ([]byte, error) {
	k := entityKey{tenant, id}
	e, err := t.entry(ctx, k)
	if err == nil && t.due(e) {
		e, err = t.lapsed(e)
	}
	if err != nil {
		return nil, err
	}
	if b, ok := e.rendered(rendering); ok {
		return b, nil
	}
	b, err := render(e.view())
	if err != nil {
		return nil, err
	}
	t.cache.keepReady(k, e, rendering, b)
	return b, nil
}

// entry is the entity from the cache, else from the store; it is never nil without an error.
func (t *Twin) entry(ctx context.Context, k entityKey) (*entry, error) {
	if e := t.cached(k); e != nil {
		return e, nil
	}
	since := t.cache.now()
	e, err := read(ctx, t.cfg.Store, t.key(k), k.id)
	if err != nil {
		return nil, err
	}
	e.read = t.cfg.Now()
	t.cache.fill(k, e, since)
	return e, nil
}

// cached is the entity from the cache, nil where it is not there or too old.
func (t *Twin) cached(k entityKey) *entry { return t.cachedAt(k, t.cache.hash(k)) }

func (t *Twin) cachedAt(k entityKey, hash uint64) *entry {
	if e := t.cache.get(k, hash); e != nil && t.fresh(e) {
		return e
	}
	return nil
}

// fresh reports whether an entry is recent enough beside other hubs.
func (t *Twin) fresh(e *entry) bool {
	return t.cfg.MaxStale == 0 || t.cfg.Now().Sub(e.read) <= t.cfg.MaxStale
}

// read reads and decodes a document.
func read(ctx context.Context, r store.Reader, key []byte, id tribune.EntityID) (*entry, error) {
	b, err := r.Get(ctx, key)
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, tribune.Hint(fmt.Errorf("entity %s: %w", id, tribune.ErrNotFound), "check the id and the tenant; create it first")
	}
	if err != nil {
		return nil, fmt.Errorf("reading entity %s: %w", id, err)
	}
	return decodeDocument(id, b)
}

func decodeDocument(id tribune.EntityID, b []byte) (*entry, error) {
	if len(b) < versionSize {
		return nil, &tribune.IntegrityError{What: "document of " + string(id), Err: errDamaged}
	}
	ent, soon, err := decodeEntity(id, b[versionSize:])
	if err != nil {
		return nil, err
	}
	return &entry{version: binary.BigEndian.Uint64(b), entity: ent, size: sizeOf(ent, len(b)), expires: soon}, nil
}

const versionSize = 8

// place is where an entity lives.
func (t *Twin) place(k entityKey) tribune.Place {
	return tribune.Place{Tenant: k.tenant, Partition: store.PartitionOf(k.tenant, string(k.id), t.cfg.Store.Partitions())}
}

func (t *Twin) key(k entityKey) []byte { return store.Key(room, t.place(k), "e", string(k.id)) }
