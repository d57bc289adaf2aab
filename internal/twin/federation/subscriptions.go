package federation

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// Bounds of registration subscriptions.
const (
	MaxSubscriptions    = 1000             // of a tenant: each is held against each registration that changes
	maxAllSubscriptions = 5000             // of all tenants
	retryContexts       = 10 * time.Second // how often a context is asked for again without which a subscription cannot go on
)

// Sender delivers notifications; *notify.Sender is one.
type Sender interface {
	Check(notify.Endpoint) error
	Post(line string, to notify.Endpoint, n notify.Notification, told notify.Told)
	Forget(line string)
}

var _ Sender = (*notify.Sender)(nil)

// SubscriptionsConfig is what registration subscriptions need.
type SubscriptionsConfig struct {
	Registry *Registry // whose registrations they are about; at most one Subscriptions watches it
	Sender   Sender
	Contexts notify.Contexts
	Log      *slog.Logger // nil = silent
}

// Subscriptions are the context source registration subscriptions of all tenants (clause 5.11). It is safe for concurrent use.
//
// It promises: a change of a registration is told to whoever it concerns in the order of changes, and the first notification of
// a subscription is of the same moment as its beginning; subscriptions and their counters survive a restart; a slow endpoint
// delays nobody.
type Subscriptions struct {
	cfg SubscriptionsConfig
	now func() time.Time

	mu      sync.RWMutex // guards all below; writers hold the registry's writing as well
	tenants map[tribune.Tenant]map[string]*watcher
	count   int
	absent  []absent // in the store, and waiting for a context

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

// NewSubscriptions reads what is subscribed, and watches the registry until Close.
func NewSubscriptions(ctx context.Context, cfg SubscriptionsConfig) (*Subscriptions, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Subscriptions{cfg: cfg, now: cfg.Registry.cfg.Now, tenants: map[tribune.Tenant]map[string]*watcher{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	g := cfg.Registry
	g.writing.Lock()
	defer g.writing.Unlock()
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("reading registration subscriptions: %w", err)
	}
	g.watch = s.changed
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.tend(alive)
	return s, nil
}

// Close ends the watch, and saves counters. The registry is closed after it.
func (s *Subscriptions) Close() error {
	s.stop()
	<-s.done
	s.cfg.Registry.writing.Lock()
	s.cfg.Registry.watch = func(Change) {}
	s.cfg.Registry.writing.Unlock()
	return s.saveCounters(context.Background())
}

// Create makes a subscription of somebody (clause 5.11.2) and returns its ID.
func (s *Subscriptions) Create(ctx context.Context, tenant tribune.Tenant, body jsonld.Document, in *jsonld.Context, by tribune.ActorID) (string, error) {
	spec, err := notify.ReadSpec(ctx, body, in, s.cfg.Contexts, by, s.now())
	if err != nil {
		return "", err
	}
	w, err := s.admitted(ctx, tenant, spec)
	if err != nil {
		return "", err
	}
	g := s.cfg.Registry
	g.writing.Lock()
	defer g.writing.Unlock()
	if s.find(tenant, spec.ID()) != nil || s.rests(tenant, spec.ID()) {
		return "", fmt.Errorf("%w: a registration subscription with this id exists", tribune.ErrConflict)
	}
	if err := s.room(w, nil); err != nil {
		return "", err
	}
	return spec.ID(), s.start(ctx, w)
}

// admitted is the watcher of a subscription that may notify where it wants to.
func (s *Subscriptions) admitted(ctx context.Context, tenant tribune.Tenant, spec *notify.Spec) (*watcher, error) {
	to, _, _ := spec.Endpoint()
	if err := s.cfg.Sender.Check(to); err != nil {
		return nil, err
	}
	return s.watcher(ctx, tenant, spec)
}

// start stores a watcher and sends what it matches now (clauses 5.11.2.4 and 5.11.3.4). The caller holds writing.
func (s *Subscriptions) start(ctx context.Context, w *watcher) error {
	if err := s.save(ctx, w); err != nil {
		return err
	}
	s.put(w)
	w.begin(s.now())
	s.all(w, "newlyMatching")
	s.poke()
	return nil
}

// maxRaces is how often an update begins again because somebody else has changed the subscription meanwhile.
const maxRaces = 10

// Update changes a subscription (clause 5.11.3); by says who does. A context may be fetched for it: nobody else waits for that.
func (s *Subscriptions) Update(ctx context.Context, tenant tribune.Tenant, id string, body jsonld.Document, in *jsonld.Context, by tribune.ActorID) error {
	for range maxRaces {
		old := s.find(tenant, id)
		if old == nil {
			return noSubscription()
		}
		spec, err := old.spec.Patched(ctx, body, in, s.cfg.Contexts, by, s.now())
		if err != nil {
			return err
		}
		w, err := s.admitted(ctx, tenant, spec)
		if err != nil {
			return err
		}
		if done, err := s.replace(ctx, old, w); done || err != nil {
			return err
		}
	}
	return tribune.Hint(fmt.Errorf("%w: others keep changing this subscription", tribune.ErrBusy), "Try again.")
}

// replace puts a watcher in place of what it was made of; false where that is not there any more.
func (s *Subscriptions) replace(ctx context.Context, old, w *watcher) (bool, error) {
	g := s.cfg.Registry
	g.writing.Lock()
	defer g.writing.Unlock()
	if s.find(old.tenant, old.spec.ID()) != old {
		return false, nil
	}
	if err := s.room(w, old); err != nil {
		return false, err
	}
	if !w.spec.Active(s.now()) {
		s.cfg.Sender.Forget(w.line)
	}
	return true, s.start(ctx, w)
}

func noSubscription() error {
	return fmt.Errorf("%w: there is no registration subscription with this id", tribune.ErrNotFound)
}

// Delete ends a subscription (clause 5.11.6): what waits for its endpoint is not sent.
func (s *Subscriptions) Delete(ctx context.Context, tenant tribune.Tenant, id string) error {
	g := s.cfg.Registry
	g.writing.Lock()
	defer g.writing.Unlock()
	w, key := s.find(tenant, id), g.key("s", tenant, id)
	if w == nil && !s.rests(tenant, id) {
		return noSubscription()
	}
	var b store.Batch
	b.Delete(key)
	if err := g.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("deleting a registration subscription: %w", err)
	}
	if w == nil { // it has waited for a context that may never come
		s.mu.Lock()
		defer s.mu.Unlock()
		s.absent = slices.DeleteFunc(s.absent, func(a absent) bool { return bytes.Equal(a.key, key) })
		return nil
	}
	s.mu.Lock()
	delete(s.tenants[tenant], id)
	s.count--
	if len(s.tenants[tenant]) == 0 {
		delete(s.tenants, tenant)
	}
	s.mu.Unlock()
	s.cfg.Sender.Forget(w.line)
	return nil
}

// Get is a subscription (clause 5.11.4), or ErrNotFound.
func (s *Subscriptions) Get(tenant tribune.Tenant, id string) (*notify.Spec, error) {
	if w := s.find(tenant, id); w != nil {
		return w.spec, nil
	}
	return nil, noSubscription()
}

// List is a page of a tenant's subscriptions in the order of their IDs, and how many there are (clause 5.11.5).
func (s *Subscriptions) List(tenant tribune.Tenant, offset, limit int) ([]*notify.Spec, int) {
	all := s.of(tenant)
	some := all[min(offset, len(all)):]
	some = some[:min(limit, len(some))]
	out := make([]*notify.Spec, len(some))
	for i, w := range some {
		out[i] = w.spec
	}
	return out, len(all)
}

// of are the watchers of a tenant by ID.
func (s *Subscriptions) of(tenant tribune.Tenant) []*watcher {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*watcher, 0, len(s.tenants[tenant]))
	for _, w := range s.tenants[tenant] {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *watcher) int { return strings.Compare(a.spec.ID(), b.spec.ID()) })
	return all
}

func (s *Subscriptions) find(tenant tribune.Tenant, id string) *watcher {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[tenant][id]
}

// put adds a watcher, in the place of the one with its ID. The caller holds writing.
func (s *Subscriptions) put(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[w.tenant] == nil {
		s.tenants[w.tenant] = map[string]*watcher{}
	}
	if s.tenants[w.tenant][w.spec.ID()] == nil {
		s.count++
	}
	s.tenants[w.tenant][w.spec.ID()] = w
}

// each are the watchers of all tenants that fulfil a condition.
func (s *Subscriptions) each(where func(*watcher) bool) (out []*watcher) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, of := range s.tenants {
		for _, w := range of {
			if where(w) {
				out = append(out, w)
			}
		}
	}
	return out
}
