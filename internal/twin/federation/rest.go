package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
)

const room = "federation"

// row is a registration in the store.
type row struct {
	Document json.RawMessage `json:"document"` // names expanded
	Status   Status          `json:"status"`
}

func (g *Registry) key(kind string, tenant tribune.Tenant, id string) []byte {
	at := tribune.Place{Tenant: tenant, Partition: store.PartitionOf(tenant, id, g.cfg.Store.Partitions())}
	return store.Key(room, at, kind, id)
}

// cutKey reads what key wrote.
func cutKey(key []byte) (kind string, tenant tribune.Tenant, ok bool) {
	_, rest, ok := store.CutPart(key)
	if !ok {
		return "", "", false
	}
	name, rest, ok := store.CutPart(rest)
	if !ok || len(rest) < 2 {
		return "", "", false
	}
	kind, _, ok = store.CutPart(rest[2:])
	return kind, tribune.Tenant(name), ok
}

// load reads every registration into memory.
func (g *Registry) load(ctx context.Context) error {
	for pair, err := range g.cfg.Store.Scan(ctx, store.Prefix(store.Part(nil, room))) {
		if err != nil {
			return err
		}
		kind, tenant, ok := cutKey(pair.Key)
		if !ok {
			return &tribune.IntegrityError{What: "a key of the federation room", Err: errors.New("it has another shape")}
		}
		if kind != "r" {
			continue
		}
		r, err := restored(pair.Value)
		if err != nil {
			return &tribune.IntegrityError{What: "a registration", Err: err}
		}
		r.Tenant = tenant
		g.keep(r)
	}
	return nil
}

// asWritten are names that are expanded already.
type asWritten struct{}

func (asWritten) Expand(name string) (tribune.Name, error) { return tribune.Name(name), nil }
func (asWritten) Compact(name tribune.Name) string         { return string(name) }

// restored is the registration of a row.
func restored(value []byte) (*Registration, error) {
	var in row
	if err := json.Unmarshal(value, &in); err != nil {
		return nil, err
	}
	doc, err := jsonld.Read(in.Document)
	if err != nil {
		return nil, err
	}
	r, err := Parse(doc, asWritten{})
	if err != nil {
		return nil, err
	}
	r.status.now, r.status.saved = in.Status, in.Status
	return r, nil
}

// save makes a registration durable.
func (g *Registry) save(ctx context.Context, r *Registration) error {
	now := r.Status()
	doc, err := r.JSON()
	if err != nil {
		return err
	}
	value, err := json.Marshal(row{doc, now})
	if err != nil {
		return fmt.Errorf("writing a registration: %w", err)
	}
	var b store.Batch
	b.Put(g.key("r", r.Tenant, r.ID), value)
	if err := g.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing a registration: %w", err)
	}
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	r.status.saved = now
	return nil
}

// saveStatus saves every registration whose status has changed since.
func (g *Registry) saveStatus(ctx context.Context) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	var all []error
	for _, r := range g.everything(func(r *Registration) bool { return r.status.changed() }) {
		all = append(all, g.save(ctx, r))
	}
	return errors.Join(all...)
}

func (s *status) changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now != s.saved
}

// everything are the registrations of all tenants that fulfil a condition.
func (g *Registry) everything(where func(*Registration) bool) (out []*Registration) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, t := range g.tenants {
		for _, r := range t.byID {
			if where(r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// saveEvery is how much of the counters a crash may cost. They are for people who look for what fails: a commit for each
// forwarded request would cost more than they are worth.
const saveEvery = 10 * time.Second

// tend ends registrations when they expire (clause 5.9.2.4) and saves their status.
func (g *Registry) tend(ctx context.Context) {
	defer close(g.done)
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	next := time.NewTimer(g.untilEnd())
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-save.C:
			g.saveStatus(ctx) // what fails is tried again at the next tick, and at last by Close, which says so
		case <-next.C:
			g.expire(ctx)
			next.Reset(g.untilEnd())
		case <-g.wake:
			next.Reset(g.untilEnd())
		}
	}
}

// poke has the next end looked at anew.
func (g *Registry) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// untilEnd is how long until a registration expires; a second at least, so that a store that fails is not stormed.
func (g *Registry) untilEnd() time.Duration {
	const never = 24 * time.Hour
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.ends.IsZero() {
		return never
	}
	return min(max(g.ends.Sub(g.cfg.Now()), time.Second), never)
}

// expire deletes the registrations that have ended. Until then they are not found any more (see Get and Match).
func (g *Registry) expire(ctx context.Context) {
	g.writing.Lock()
	defer g.writing.Unlock()
	now := g.cfg.Now()
	for _, r := range g.everything(func(r *Registration) bool { return r.expired(now) }) {
		if g.drop(ctx, r) != nil {
			break // and once more at the next turn
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ends = time.Time{}
	for _, t := range g.tenants {
		for _, r := range t.byID {
			if !r.Expires.IsZero() && (g.ends.IsZero() || r.Expires.Before(g.ends)) {
				g.ends = r.Expires
			}
		}
	}
}
