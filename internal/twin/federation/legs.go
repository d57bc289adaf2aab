package federation

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// Bounds of distributed subscriptions.
const (
	MaxLegs        = 50_000 // of all tenants
	maxLegsOfOne   = MaxSources
	legsAtOnce     = 16 // requests about legs that are under way
	legsOfSource   = 4  // of them to one source, so that a slow one leaves room
	legRetry       = 5 * time.Second
	legRetryMost   = 10 * time.Minute
	legDeleteTries = 8 // how often a source is asked to end a subscription before it is left alone: it will be told that nobody knows it
)

// LegsConfig is what distributed subscriptions need. All but Withhold, Now and Log is required.
type LegsConfig struct {
	Registry *Registry
	Sources  *Sources
	Notifier *notify.Notifier
	Contexts *jsonld.Contexts
	Store    store.Store
	Twin     interface {
		Get(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID) (twin.View, error)
	}

	URL      func() string                                      // where sources notify this broker; "" = it is not known yet
	Withhold func(types []tribune.Name, attr tribune.Name) bool // attributes that no source is told of, nor may tell of; nil = none
	Now      func() time.Time
	Log      *slog.Logger
}

// Legs takes subscriptions to the context sources that are registered for what they are about (clauses 5.8.1.4, 5.8.2.4 and 5.8.5.4): each source
// has a copy of the subscription, which notifies this broker, which notifies the subscriber. It is safe for concurrent use.
//
// It promises: each source has the copies that the subscriptions and registrations of now ask for, as soon as it can be reached, also after a
// restart; sources are asked one thing about one copy at a time, and a slow one delays no other; nothing personal is in a copy or taken from a
// notification; a copy is never sent back to a broker that the subscription has passed; what waits is bounded. What a source has notified
// rests in memory until the subscriber has it: a crash loses that.
//
// The name of a copy is random and known to its source alone: it is what lets a notification in.
type Legs struct {
	cfg LegsConfig

	mu     sync.Mutex // guards all below, and what is in the legs
	byID   map[string]*leg
	of     map[subKey]map[string]*leg         // by ID of the registration
	stale  map[subKey]bool                    // to be held against the registrations
	moved  map[tribune.Tenant]map[string]bool // registrations that have changed
	due    map[*leg]bool                      // whose source has not what it should have
	asking map[string]int                     // requests under way, by endpoint
	pieces map[pieceKey]bool                  // entities of which sources have notified, where they may be in pieces
	total  int                                // of them

	waiting int           // bytes of all inboxes; mu guards it, too
	readers chan struct{} // holds one for each leg that is looked at

	wake chan struct{}
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var _ notify.Watcher = (*Legs)(nil)

// pieceKey is an entity as a subscription sees it.
type pieceKey struct {
	subKey
	entity tribune.EntityID
}

// subKey names a subscription.
type subKey struct {
	tenant tribune.Tenant
	id     string
}

// OpenLegs reads which source has which copy, and keeps that right until Close.
func OpenLegs(ctx context.Context, cfg LegsConfig) (*Legs, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Withhold == nil {
		cfg.Withhold = func([]tribune.Name, tribune.Name) bool { return false }
	}
	l := &Legs{cfg: cfg, byID: map[string]*leg{}, of: map[subKey]map[string]*leg{}, stale: map[subKey]bool{}, moved: map[tribune.Tenant]map[string]bool{},
		due: map[*leg]bool{}, asking: map[string]int{}, pieces: map[pieceKey]bool{}, wake: make(chan struct{}, 1), readers: make(chan struct{}, maxReading)}
	if err := l.load(ctx); err != nil {
		return nil, fmt.Errorf("reading distributed subscriptions: %w", err)
	}
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	for key := range l.of {
		l.stale[key] = true
	}
	for _, r := range cfg.Registry.everything(func(*Registration) bool { return true }) {
		l.move(r)
	}
	cfg.Notifier.Watch(l)
	cfg.Registry.follow(l.registered)
	l.wg.Go(l.run)
	l.poke()
	return l, nil
}

// Close ends all of it. The registry and the notifier are closed after it.
func (l *Legs) Close() {
	l.cfg.Notifier.Watch(nil)
	l.cfg.Registry.follow(nil)
	l.stop()
	l.wg.Wait()
}

// Subscribed hears of a subscription that is new, changed or gone. It does not block, and costs next to nothing where nobody is registered.
func (l *Legs) Subscribed(tenant tribune.Tenant, id string) {
	key := subKey{tenant, id}
	some := l.cfg.Registry.Any(tenant)
	l.mu.Lock()
	if some || len(l.of[key]) > 0 {
		l.stale[key] = true
	}
	l.mu.Unlock()
	l.poke()
}

// registered hears of a registration that is new, changed or gone. It does not block.
func (l *Legs) registered(c Change) {
	l.mu.Lock()
	for _, r := range []*Registration{c.Before, c.After} {
		if r != nil {
			l.move(r)
		}
	}
	l.mu.Unlock()
	l.poke()
}

// move notes that a registration has changed; mu is held.
func (l *Legs) move(r *Registration) {
	if l.moved[r.Tenant] == nil {
		l.moved[r.Tenant] = map[string]bool{}
	}
	l.moved[r.Tenant][r.ID] = true
}

func (l *Legs) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run holds what has changed against what there is, and has the sources asked.
func (l *Legs) run() {
	timer := time.NewTimer(legRetryMost)
	defer timer.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		for _, key := range l.changed() {
			l.compare(key)
		}
		timer.Reset(l.send())
	}
}

// changed are the subscriptions that are to be held against the registrations.
func (l *Legs) changed() []subKey {
	l.mu.Lock()
	moved, stale := l.moved, l.stale
	l.moved, l.stale = map[tribune.Tenant]map[string]bool{}, map[subKey]bool{}
	for key, legs := range l.of {
		for id := range moved[key.tenant] {
			if legs[id] != nil {
				stale[key] = true
			}
		}
	}
	l.mu.Unlock()
	out := make([]subKey, 0, len(stale))
	for key := range maps.Keys(stale) {
		out = append(out, key)
	}
	for tenant, ids := range moved {
		var some []*Registration
		for id := range ids {
			if r, err := l.cfg.Registry.Get(tenant, id); err == nil && r.Mode != Auxiliary && r.Offers("createSubscription") {
				some = append(some, r)
			}
		}
		for _, id := range l.cfg.Notifier.AfarIDs(tenant) {
			if key := (subKey{tenant, id}); !stale[key] && l.concerns(key, some) {
				out = append(out, key)
			}
		}
	}
	return out
}

// compare holds a subscription against the registrations, and notes what has to be done.
func (l *Legs) compare(key subKey) {
	wanted := l.plan(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, g := range l.of[key] {
		if p, ok := wanted[id]; ok {
			g.reg, g.spec, g.shape = p.reg, p.spec, p.shape
			continue
		}
		g.spec = nil
		l.due[g] = true
	}
	for id, p := range wanted {
		g := l.of[key][id]
		if g == nil {
			if len(l.byID) >= MaxLegs || len(l.of[key]) >= maxLegsOfOne {
				l.cfg.Log.Warn("a subscription is not sent to a context source: there are too many", "registration", id)
				continue
			}
			g = &leg{id: newLegID(), sub: key, reg: p.reg, spec: p.spec, shape: p.shape}
			l.put(g)
		}
		l.due[g] = true
	}
}

// put makes a leg known; mu is held.
func (l *Legs) put(g *leg) {
	l.byID[g.id] = g
	if l.of[g.sub] == nil {
		l.of[g.sub] = map[string]*leg{}
	}
	l.of[g.sub][g.reg.ID] = g
}

// drop forgets a leg; mu is held.
func (l *Legs) drop(g *leg) {
	delete(l.byID, g.id)
	delete(l.due, g)
	if of := l.of[g.sub]; of[g.reg.ID] == g {
		if delete(of, g.reg.ID); len(of) == 0 {
			delete(l.of, g.sub)
		}
	}
}
