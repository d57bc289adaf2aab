package twin

import (
	"context"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Bounds of the sweep.
const (
	sweepBatch  = 256         // entities of one commit
	sweepLook   = time.Second // how often the clock is looked at while something will expire
	sweepRetry  = 10 * time.Second
	sweepRescan = 5 * time.Minute // how often the store is asked what other hubs wrote
)

// ends is when something expires first in each place, as far as this hub knows. It costs a commit nothing where nothing of it
// expires.
type ends struct {
	mu    sync.Mutex
	first map[tribune.Place]time.Time
	woken chan struct{} // of one: something expires sooner than all before
}

func newEnds() *ends {
	return &ends{first: make(map[tribune.Place]time.Time), woken: make(chan struct{}, 1)}
}

func (e *ends) note(at tribune.Place, end time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was, ok := e.first[at]; ok && !end.Before(was) {
		return
	}
	e.first[at] = end
	select {
	case e.woken <- struct{}{}:
	default:
	}
}

// take forgets the places where something has expired, and returns them with when the next of the others is.
func (e *ends) take(now time.Time) (due []tribune.Place, next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for at, end := range e.first {
		if now.Before(end) {
			next = sooner(next, end)
			continue
		}
		due = append(due, at)
		delete(e.first, at)
	}
	return due, next
}

// Sweep takes what has expired from the store, as it expires, until ctx ends. It finds it by an index in order of time: its cost grows
// with what expires, not with what is there. After a restart it goes on with what expired meanwhile. Where the store fails it says so
// in the log and tries again.
func (t *Twin) Sweep(ctx context.Context, log *slog.Logger) error {
	rescan := time.Time{} // of the real clock
	for {
		next, err := time.Time{}, error(nil)
		if time.Now().After(rescan) {
			err, rescan = t.scanEnds(ctx), time.Now().Add(sweepRescan)
		}
		if err == nil {
			next, err = t.sweepAll(ctx)
		}
		wait, woken := sweepRescan, t.ends.woken
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			log.Error("sweeping what has expired", "error", err)
			wait, woken = sweepRetry, nil
		case !next.IsZero():
			wait = min(sweepLook, max(time.Millisecond, next.Sub(t.cfg.Now())))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-time.After(wait):
		}
	}
}

// sweepAll sweeps where something has expired, and says when the next does.
func (t *Twin) sweepAll(ctx context.Context) (time.Time, error) {
	for {
		due, next := t.ends.take(t.cfg.Now())
		for i, at := range due {
			if err := t.sweep(ctx, at); err != nil {
				for _, at := range due[i:] {
					t.ends.note(at, t.cfg.Now())
				}
				return next, err
			}
		}
		if len(due) == 0 {
			return next, nil
		}
	}
}

// scanEnds looks up when something expires first in every place: one row each.
func (t *Twin) scanEnds(ctx context.Context) error {
	return eachPlace(ctx, t.cfg.Store, func(at tribune.Place) error {
		_, first, err := t.expiring(ctx, at, time.Time{}, 0)
		if err == nil && !first.IsZero() {
			t.ends.note(at, first)
		}
		return err
	})
}

// sweep removes what has expired in a place.
func (t *Twin) sweep(ctx context.Context, at tribune.Place) error {
	var before tribune.EntityID
	for {
		ids, next, err := t.expiring(ctx, at, t.cfg.Now(), sweepBatch)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			if !next.IsZero() {
				t.ends.note(at, next)
			}
			return nil
		}
		if ids[0] == before { // another hub's change is not seen yet, or the clock went back
			t.ends.note(at, t.cfg.Now().Add(sweepLook))
			return nil
		}
		before = ids[0]
		all := make([]Mutation, len(ids))
		for i, id := range ids {
			all[i] = Mutation{Tenant: at.Tenant, Mode: Expire, Source: "expiresAt"}
			all[i].Entity.ID = id
		}
		for _, res := range t.Mutate(ctx, all) {
			if res.Err != nil {
				return res.Err
			}
		}
	}
}

// expiring are up to limit entities of a place of which something has expired, and when the next one expires.
func (t *Twin) expiring(ctx context.Context, at tribune.Place, now time.Time, limit int) (ids []tribune.EntityID, next time.Time, err error) {
	head := keysAt(at).of("z")
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = limit+1, true
	for p, err := range t.cfg.Store.Scan(ctx, r) {
		if err != nil {
			return nil, next, err
		}
		rest := p.Key[len(head):]
		if len(rest) < 8 {
			return nil, next, &tribune.IntegrityError{What: "a key of what expires", Err: errDamaged}
		}
		end := moment(binary.BigEndian.Uint64(rest))
		if len(ids) == limit || now.Before(end) {
			return ids, end, nil
		}
		id, _, ok := cut(rest[8:])
		if !ok {
			return nil, next, &tribune.IntegrityError{What: "a key of what expires", Err: errDamaged}
		}
		ids = append(ids, tribune.EntityID(id))
	}
	return ids, next, nil
}
