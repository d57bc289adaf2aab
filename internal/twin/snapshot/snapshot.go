// Package snapshot keeps what queries have found as it was (ETSI GS CIM 009 V1.9.1, clauses 4.3.7, 5.5.15 and 5.16). The API
// makes snapshots and asks where they rest; everything that can be asked of entities can be asked of them.
//
// A snapshot is a tenant of the twin with a name that no caller can write, so that every operation, query and index works on it
// as on any other. What was sealed is not in it: a copy would outlive the act that could open it.
//
// It promises: a snapshot that was answered for survives a restart; one that was still being filled then says "failure"; what
// has expired is not there, and its data are deleted, at the next start where a crash came between; a fill ends after FillFor, or when Close is called.
//
// Keys in room "snapshot": id -> record as JSON.
package snapshot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
)

const room = "snapshot"

// Bounds, with their reasons.
const (
	maxSnapshots = 100       // of one tenant: each is a copy
	maxEntities  = 100_000   // of one snapshot
	maxQueries   = 20        // of one snapshot
	lifetime     = time.Hour // where none is suggested
	maxLifetime  = 7 * 24 * time.Hour
	fillers      = 2 // at a time: a fill is as much work as its queries
	FillFor      = 10 * time.Minute
	sweepEvery   = time.Minute // so long what has expired may rest in the store; it is not shown
)

// Twin is what snapshots need of the twin.
type Twin interface {
	Copy(ctx context.Context, to tribune.Tenant, entities []model.Entity) error
	Clone(ctx context.Context, from, to tribune.Tenant) error
	Drop(ctx context.Context, tenant tribune.Tenant) error
	Evolve(ctx context.Context, p twin.Past) twin.Result
	Named(ctx context.Context, prefix string) ([]tribune.Tenant, error)
}

// Sender delivers notifications; notify.Sender is one.
type Sender interface {
	Send(ctx context.Context, to notify.Endpoint, n notify.Notification) error
}

// Config of Snapshots.
type Config struct {
	Store  store.Store // required
	Twin   Twin        // required
	Sender Sender      // nil = nobody is told
	Log    *slog.Logger
	Now    func() time.Time // nil = time.Now
}

// Fill runs one query of a snapshot and hands what it finds to keep, page by page.
type Fill func(ctx context.Context, query json.RawMessage, past bool, keep func([]model.Entity) error) error

// record is what is stored of a snapshot.
type record struct {
	Status Status         `json:"status"`
	Rests  tribune.Tenant `json:"rests"` // the tenant that holds its data
}

// Snapshots are all snapshots of all tenants. It is safe for concurrent use.
type Snapshots struct {
	cfg  Config
	ctx  context.Context // of fills and deletions
	stop context.CancelFunc
	work sync.WaitGroup
	slot chan struct{}

	mu    sync.Mutex // guards what follows, also against a half-made change of the store
	all   map[tribune.Tenant]map[string]*record
	names map[tribune.Tenant]name // by the tenant that holds the data
	subs  Subscriptions           // to snapshots; nil = there are none
}

// Open reads the snapshots that are there.
func Open(ctx context.Context, cfg Config) (*Snapshots, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Snapshots{cfg: cfg, slot: make(chan struct{}, fillers), all: map[tribune.Tenant]map[string]*record{}, names: map[tribune.Tenant]name{}}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	held, err := cfg.Twin.Named(ctx, rests)
	if err != nil {
		return nil, fmt.Errorf("reading snapshots: %w", err)
	}
	prefix := store.Part(nil, room)
	for p, err := range cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return nil, fmt.Errorf("reading snapshots: %w", err)
		}
		tenant, _, ok := store.CutPart(p.Key[len(prefix):])
		var r record
		if !ok || json.Unmarshal(p.Value, &r) != nil {
			return nil, &tribune.IntegrityError{What: "a snapshot's record", Err: errors.New("it cannot be read")}
		}
		if r.Status.State == Preparing {
			r.Status.State = Failure // whoever filled it is gone
		}
		s.of(tribune.Tenant(tenant))[r.Status.ID] = &r
		s.names[r.Rests] = name{tribune.Tenant(tenant), r.Status.ID}
	}
	s.orphans(held)
	s.work.Go(s.tend)
	return s, nil
}

// Close ends what runs in the background, and waits for it.
func (s *Snapshots) Close() error {
	s.stop()
	s.work.Wait()
	return nil
}

func (s *Snapshots) of(tenant tribune.Tenant) map[string]*record {
	if s.all[tenant] == nil {
		s.all[tenant] = map[string]*record{}
	}
	return s.all[tenant]
}

// background runs work until it ends or Close is called.
func (s *Snapshots) background(work func(context.Context)) {
	s.work.Go(func() {
		select {
		case s.slot <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		defer func() { <-s.slot }()
		ctx, cancel := context.WithTimeout(s.ctx, FillFor)
		defer cancel()
		work(ctx)
	})
}

func (s *Snapshots) key(tenant tribune.Tenant, id string) []byte {
	return store.Key(room, tribune.Place{Tenant: tenant}, id)
}

func (s *Snapshots) store(ctx context.Context, tenant tribune.Tenant, r *record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	var b store.Batch
	b.Put(s.key(tenant, r.Status.ID), text)
	if err := s.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing a snapshot: %w", err)
	}
	return nil
}

// live is a snapshot that has not expired. The caller holds mu.
func (s *Snapshots) live(tenant tribune.Tenant, id string) (*record, error) {
	r := s.all[tenant][id]
	if r == nil || !r.Status.ExpiresAt.After(s.cfg.Now()) {
		return nil, fmt.Errorf("%w: no snapshot has this id", tribune.ErrNotFound)
	}
	return r, nil
}

func random() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Delete deletes a snapshot (clause 5.16.5).
func (s *Snapshots) Delete(ctx context.Context, tenant tribune.Tenant, id string) error {
	now := s.cfg.Now()
	return s.remove(ctx, tenant, id, func(r *record) bool { return r.Status.ExpiresAt.After(now) })
}

// List is the status of all snapshots of a tenant, by id.
func (s *Snapshots) List(tenant tribune.Tenant) (out []Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for _, r := range s.all[tenant] {
		if r.Status.ExpiresAt.After(now) {
			out = append(out, r.Status)
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Get is the status of a snapshot (clause 5.16.3).
func (s *Snapshots) Get(tenant tribune.Tenant, id string) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.live(tenant, id)
	if err != nil {
		return Status{}, err
	}
	return r.Status, nil
}

// Use is the tenant that holds the data of a snapshot; it counts as a use (clause 5.5.15).
func (s *Snapshots) Use(tenant tribune.Tenant, id string) (tribune.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.live(tenant, id)
	if err != nil {
		return "", err
	}
	used := *r
	used.Status.LastUsedAt = s.cfg.Now().UTC()
	s.all[tenant][id] = &used
	return r.Rests, nil
}

// Update changes how long a snapshot lives, how much it matters, and who is told of it (clause 5.16.4).
func (s *Snapshots) Update(ctx context.Context, tenant tribune.Tenant, id string, change func(*Status) error) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.live(tenant, id)
	if err != nil {
		return Status{}, err
	}
	changed := *r
	before := changed.Status.Lifetime
	if err := change(&changed.Status); err != nil {
		return Status{}, err
	}
	now := s.cfg.Now().UTC()
	if changed.Status.ModifiedAt = now; changed.Status.Lifetime != before {
		changed.Status.ExpiresAt = now.Add(changed.Status.keep())
	}
	if err := s.store(ctx, tenant, &changed); err != nil {
		return Status{}, err
	}
	s.all[tenant][id] = &changed
	if changed.Status.State != Preparing {
		s.background(func(ctx context.Context) { s.tell(ctx, tenant, changed.Status) })
	}
	return changed.Status, nil
}
