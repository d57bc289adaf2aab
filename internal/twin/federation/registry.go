// Package federation knows the context sources beside this broker (ETSI GS CIM 009, clauses 4.3.6, 5.9 to 5.12): their
// registrations, which of them a request concerns, and who wants to be told when that changes.
//
// The API registers, discovers and forwards with it. It promises: registrations are durable before they count, end when they
// expire and survive a restart; matching costs one atomic load where nothing is registered, and what is registered for the
// type or entity asked for otherwise; everything is bounded, in number and in bytes, per tenant and for all. One hub holds the
// registrations of a store: another hub on the same store would not see what this one registers.
//
// What a source tells is taken only as far as its registration and the law go:
//
//   - An entity whose types or ID are none that the registration names, and an attribute that it does not name, are left out, with
//     a warning. Where the registration names none, all pass.
//   - Of which types an entity is, a source says itself, and may lie. What the law calls personal for any type that anybody knows the
//     entity to have (the source, other sources, this broker) is left out, with a warning: also what was asked for under a false type.
//   - A type that the law does not know has nothing public: it is left out. A public "*" opens nothing that the law names personal
//     under any type (see Guard, and policy.Set.ClassTold): who calls a citizen a bench cannot tell a date of birth as a property of benches.
//     A steward who wants such a name from others lists it in the public class.
//   - What a source tells under a public name that the law lists for the type, or within a value, nobody can judge: who may register
//     a source vouches for it.
//   - No source is asked about personal attributes; where a request names no types, those count for which the source is registered.
//
// Keys in room "federation" (store.Key; place of the ID):
//
//	r|id   a registration: its document with expanded names, and its status (row)
//	s|id   a registration subscription, in the same way
//	l|id   a source's copy of a subscription (legRow), by the copy's ID
package federation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Config of a registry.
type Config struct {
	Store store.Store      // required
	Now   func() time.Time // nil = time.Now
}

// Registry holds the registrations of all tenants. It is safe for concurrent use; a nil Registry has none.
type Registry struct {
	cfg   Config
	count atomic.Int64 // of all registrations

	writing sync.Mutex   // held by whoever changes a registration, from its check to its last watcher; before mu
	mu      sync.RWMutex // guards what tenants holds, and weight
	tenants map[tribune.Tenant]*index
	weight  int       // of all, in bytes
	ends    time.Time // no registration expires before; zero = none does

	watch func(Change) // under writing, in the order of the changes; it does not block
	legs  func(Change) // the same, for distributed subscriptions; nil = there are none
	wake  chan struct{}
	stop  context.CancelFunc
	done  chan struct{}
}

// ErrConflict says that something here, or another registration, stands against a proxied registration (clause 5.9.2.4).
var ErrConflict = errors.New("the registration is in conflict")

// Change is one registration made (no Before), updated, or ended (no After).
type Change struct{ Before, After *Registration }

// Open reads what is registered, and watches over its ends until Close.
func Open(ctx context.Context, cfg Config) (*Registry, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Registry{cfg: cfg, tenants: map[tribune.Tenant]*index{}, watch: func(Change) {}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err := g.load(ctx); err != nil {
		return nil, fmt.Errorf("reading registrations: %w", err)
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	go g.tend(alive)
	return g, nil
}

// Close ends the watch, and saves how forwarding went.
func (g *Registry) Close() error {
	g.stop()
	<-g.done
	return g.saveStatus(context.Background())
}

// Any reports whether the tenant has registrations. It costs one atomic load where nobody has.
func (g *Registry) Any(tenant tribune.Tenant) bool {
	if g == nil || g.count.Load() == 0 {
		return false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tenants[tenant] != nil
}

// Get is a registration, or ErrNotFound.
func (g *Registry) Get(tenant tribune.Tenant, id string) (*Registration, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if t := g.tenants[tenant]; t != nil {
		if r := t.byID[id]; r != nil && !r.expired(g.cfg.Now()) {
			return r, nil
		}
	}
	return nil, tribune.Hint(fmt.Errorf("%w: no such context source registration", tribune.ErrNotFound), "Check the id and the tenant.")
}

// Register adds a registration (clause 5.9.2) and gives it an ID where it has none. free, if any, is asked whether an entity
// here stands against it, once nothing else does.
func (g *Registry) Register(ctx context.Context, r *Registration, free func() error) error {
	if r.ID == "" {
		r.ID = "urn:ngsi-ld:ContextSourceRegistration:" + newID()
		r.doc = slices.Insert(slices.Clone(r.doc), 0, member{"id", []byte(`"` + r.ID + `"`)})
	}
	g.writing.Lock()
	defer g.writing.Unlock()
	if _, err := g.Get(r.Tenant, r.ID); err == nil {
		return tribune.Hint(fmt.Errorf("%w: this context source registration exists already", tribune.ErrConflict), "Update it with PATCH, or choose another id.")
	}
	return g.admit(ctx, nil, r, free)
}

// Update replaces a registration by what change makes of it (clause 5.9.3).
func (g *Registry) Update(ctx context.Context, tenant tribune.Tenant, id string, change func(*Registration) (*Registration, error), free func(*Registration) error) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	old, err := g.Get(tenant, id)
	if err != nil {
		return err
	}
	next, err := change(old)
	if err != nil {
		return err
	}
	return g.admit(ctx, old, next, func() error { return free(next) })
}

// admit checks and stores a registration. The caller holds writing.
func (g *Registry) admit(ctx context.Context, old, r *Registration, free func() error) error {
	if err := r.due(g.cfg.Now()); err != nil {
		return err
	}
	if err := g.conflict(r); err != nil {
		return err
	}
	if free != nil {
		if err := free(); err != nil {
			return err
		}
	}
	if err := g.room(r, old); err != nil {
		return err
	}
	if err := g.save(ctx, r); err != nil {
		return err
	}
	g.keep(r)
	g.tell(Change{Before: old, After: r})
	return nil
}

// tell tells who watches of a change. The caller holds writing.
func (g *Registry) tell(c Change) {
	g.watch(c)
	if g.legs != nil {
		g.legs(c)
	}
}

// follow has distributed subscriptions told of each change.
func (g *Registry) follow(each func(Change)) {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.legs = each
}

// keep puts a stored registration into memory.
func (g *Registry) keep(r *Registration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[r.Tenant]
	if t == nil {
		t = newIndex()
		g.tenants[r.Tenant] = t
	}
	if old := t.byID[r.ID]; old != nil {
		g.weight -= old.weight()
	} else {
		g.count.Add(1)
	}
	g.weight += r.weight()
	t.put(r)
	if !r.Expires.IsZero() && (g.ends.IsZero() || r.Expires.Before(g.ends)) {
		g.ends = r.Expires
		g.poke()
	}
}

// Delete ends a registration (clause 5.9.4).
func (g *Registry) Delete(ctx context.Context, tenant tribune.Tenant, id string) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	r, err := g.Get(tenant, id)
	if err != nil {
		return err
	}
	return g.drop(ctx, r)
}

// drop deletes a registration. The caller holds writing.
func (g *Registry) drop(ctx context.Context, r *Registration) error {
	var b store.Batch
	b.Delete(g.key("r", r.Tenant, r.ID))
	if err := g.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("deleting a registration: %w", err)
	}
	g.mu.Lock()
	t := g.tenants[r.Tenant]
	t.remove(r)
	g.count.Add(-1)
	g.weight -= r.weight()
	if len(t.byID) == 0 {
		delete(g.tenants, r.Tenant)
	}
	g.mu.Unlock()
	g.tell(Change{Before: r})
	return nil
}

// conflict refuses a proxied registration for what another one has already (clauses 4.3.6.3 and 5.9.2.4): one of the two is
// exclusive, and both are about an attribute of the same entity.
func (g *Registry) conflict(r *Registration) error {
	if !r.Mode.Proxied() {
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	t := g.tenants[r.Tenant]
	if t == nil {
		return nil
	}
	now := g.cfg.Now()
	for _, o := range t.byID {
		if o.ID == r.ID || !o.Mode.Proxied() || o.expired(now) || o.Mode == Redirect && r.Mode == Redirect {
			continue
		}
		one, other := r, o
		if r.Mode != Exclusive {
			one, other = o, r
		}
		if one.overlaps(other) {
			return tribune.Hint(fmt.Errorf("%w: the registration %s stands against it: attributes of an entity that are held elsewhere exclusively have one source (clause 4.3.6.3)", ErrConflict, o.ID), "Register other attributes, or delete that registration first.")
		}
	}
	return nil
}

// overlaps reports whether another registration is about an attribute of an entity of this exclusive one.
func (r *Registration) overlaps(o *Registration) bool {
	for i := range r.Information {
		mine := &r.Information[i]
		attrs := slices.Concat(mine.Properties, mine.Relationships)
		for j := range o.Information {
			theirs := &o.Information[j]
			if _, ok := theirs.common(attrs); !ok {
				continue
			}
			for k := range mine.Entities {
				if theirs.Covers(mine.Entities[k].ID, mine.Entities[k].Types) {
					return true
				}
			}
		}
	}
	return false
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // UUID version 4 (RFC 9562)
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
