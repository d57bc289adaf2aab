// Package notify is the subscriptions of the twin (ETSI GS CIM 009, clauses 5.8 and 7): it keeps them, watches the twin's
// changes for what they match, and delivers notifications over HTTP and MQTT. twin/api calls it for /subscriptions; context
// source registration subscriptions (twin/federation) use its Endpoint and Sender.
//
// The way of a change: Feed (a bounded queue behind twin.Config.Observer) -> one matcher, which finds the subscriptions by type
// and attribute and makes the messages -> Sender, with a bounded queue and a worker for each subscription.
//
// It promises:
//
//   - Nothing is lost silently. What a full queue, a crash or a stop keeps from the matcher is read again from the twin's change
//     log, from a position that is kept in the store, and the state of that moment is notified; a change may be notified twice,
//     not never. What an endpoint does not take is counted at its subscription (timesFailed, lastFailure, status).
//   - A slow or dead endpoint delays no other, and costs a bounded amount of memory.
//   - Sealed attributes are absent: they are in no message, match no query, and a change of nothing but them triggers nothing. Only
//     a subscription that is a standing act is told of some, as they arrive, and after it is on record of whom (standing.go).
//   - Only addresses within Reach are called.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

// Twin is what notifications need of the twin; *twin.Twin is one.
type Twin interface {
	Get(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID) (twin.View, error)
	Find(ctx context.Context, q twin.Query) (twin.Page, error)
	Changes(ctx context.Context, after uint64) ([]twin.Logged, uint64, error)
	Position() uint64
}

// Contexts finds JSON-LD contexts; *jsonld.Contexts is one.
type Contexts interface {
	Of(ctx context.Context, raw json.RawMessage) (*jsonld.Context, error)
	URL(ctx context.Context, url string) (*jsonld.Context, error)
}

var (
	_ Twin     = (*twin.Twin)(nil)
	_ Contexts = (*jsonld.Contexts)(nil)
)

// Config of a Notifier.
type Config struct {
	Store    store.Store
	Twin     Twin
	Feed     *Feed // the twin's Observer
	Sender   *Sender
	Contexts Contexts
	Hub      string // names whose change log is followed; "" = "hub", as in twin.Config
	// ClassOf is the law's, as in twin.Config: what the change log says was deleted and is personal is told to nobody. nil =
	// everything is public.
	ClassOf func(types []tribune.Name, attr tribune.Name) tribune.Class

	Standings Standings // personal data; nil = no subscription is told of any
	Handings  Handings  // who is told whose; nil = nobody keeps it

	Now func() time.Time // nil = time.Now
	Log *slog.Logger     // nil = silent
}

// Bounds, with their reasons.
const (
	MaxSubscriptions = 100_000          // of all tenants; some kilobytes each in memory
	maxWaitingAll    = 50_000           // changed entities that wait for throttling to end, of all subscriptions
	markEvery        = time.Second      // how often the position moves on: at most so much is looked at twice after a crash
	saveEvery        = 5 * time.Second  // how often positions and counters are saved
	retryContexts    = 10 * time.Second // how often a context is asked for again without which a subscription cannot go on
	retryLog         = time.Second      // after the change log could not be read
	pageSize         = 1000             // entities in one periodic notification; more make several
	closeFor         = 5 * time.Second  // for saving at the end
)

// Notifier keeps subscriptions and notifies. It is safe for concurrent use.
type Notifier struct {
	cfg   Config
	shelf shelf
	clock *clock

	changing sync.Mutex // one subscription is created, updated or deleted at a time

	mu      sync.RWMutex // guards tenants and what is in them, count and weight
	tenants map[tribune.Tenant]*index
	count   int
	weight  int // of all, in bytes

	safe    atomic.Uint64 // everything up to here has been looked at
	waiting atomic.Int64  // changed entities that wait for throttling
	afar    atomic.Int64  // bytes of those of which sources have notified

	watcher   atomic.Pointer[Watcher]
	snapshots atomic.Pointer[Snapshots]

	tellings chan telling  // values for standing subscriptions
	retry    time.Duration // between tries to put them on record

	absent []kept        // subscriptions whose context cannot be had; guarded by changing
	back   chan restored // those of them that can go on
	from   uint64        // where the matcher begins
	to     uint64        // from here on the feed has everything
}

// Open reads the subscriptions. Nothing is notified before Run.
func Open(ctx context.Context, cfg Config) (*Notifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Hub == "" {
		cfg.Hub = "hub"
	}
	if cfg.ClassOf == nil {
		cfg.ClassOf = func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{} }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{cfg: cfg, shelf: shelf{cfg.Store}, clock: newClock(), tenants: map[tribune.Tenant]*index{}, tellings: make(chan telling, maxTellings), retry: tellRetry, back: make(chan restored)}
	all, err := n.shelf.all(ctx)
	if err != nil {
		return nil, err
	}
	position, err := n.shelf.position(ctx, cfg.Hub)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) { // before the first is saved, all go on from where they were made
		return nil, fmt.Errorf("reading how far notifications are: %w", err)
	}
	n.from = cfg.Twin.Position()
	for i := range all {
		all[i].start(position)
		s, err := n.restored(ctx, &all[i])
		switch {
		case err == nil:
			n.put(s)
		case errors.Is(err, jsonld.ErrContext):
			n.absent = append(n.absent, all[i])
		default:
			return nil, fmt.Errorf("restoring subscription: %w", err)
		}
		n.from = min(n.from, all[i].Behind-1)
	}
	n.safe.Store(n.from)
	cfg.Feed.open.Store(len(all) > 0)
	n.to = cfg.Twin.Position()
	return n, nil
}

// start is where a subscription goes on: where it was left, and not before it was made.
func (k *kept) start(position uint64) {
	if k.Behind == 0 {
		k.Behind = position + 1
	}
	k.Behind = max(k.Behind, k.row.Since+1)
}

func (n *Notifier) restored(ctx context.Context, k *kept) (*subscription, error) {
	s, err := k.restore(ctx, n.cfg.Contexts)
	if err == nil && s.standing != nil {
		s.told.day, s.told.subjects, err = n.shelf.toldOn(ctx, s.tenant, s.id)
	}
	return s, err
}

// put makes a subscription known to the matcher.
func (n *Notifier) put(s *subscription) {
	n.mu.Lock()
	x := n.tenants[s.tenant]
	if x == nil {
		x = newIndex()
		n.tenants[s.tenant] = x
	}
	if old := x.all[s.id]; old != nil {
		n.weight -= old.weight()
	} else {
		n.count++
	}
	n.weight += s.weight()
	x.add(s)
	n.telling()
	n.mu.Unlock()
	n.clock.forget(s.line)
	n.schedule(s)
	n.changed(s)
}

// take makes a subscription unknown to the matcher.
func (n *Notifier) take(s *subscription) {
	n.mu.Lock()
	if x := n.tenants[s.tenant]; x != nil && x.all[s.id] == s {
		x.remove(s)
		n.count--
		n.weight -= s.weight()
		if len(x.all) == 0 {
			delete(n.tenants, s.tenant)
		}
	}
	n.cfg.Feed.open.Store(n.count > 0)
	n.telling()
	n.mu.Unlock()
	n.clock.forget(s.line)
	n.changed(s)
}

// telling has events say what arrives sealed while somebody is told of it; n.mu is held.
func (n *Notifier) telling() {
	any := false
	for _, x := range n.tenants {
		any = any || len(x.standing) > 0
	}
	n.cfg.Feed.tells.Store(any)
}

func (n *Notifier) find(tenant tribune.Tenant, id string) *subscription {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if x := n.tenants[tenant]; x != nil {
		return x.all[id]
	}
	return nil
}

// each is a copy of all subscriptions.
func (n *Notifier) each() (out []*subscription) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, x := range n.tenants {
		for _, s := range x.all {
			out = append(out, s)
		}
	}
	return out
}

// Run notifies until ctx ends, then saves how far it has come. The Sender is closed by its owner, after that.
func (n *Notifier) Run(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return n.match(inner) })
	group.Go(func() error { return n.periodic(inner) })
	group.Go(func() error { return n.saving(inner) })
	group.Go(func() error { return n.tell(inner) })
	group.Go(func() error { return n.fetch(inner) })
	err := group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeFor)
	defer cancel()
	return errors.Join(err, n.save(last))
}
