package recipients

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/notify"
	"tribune/internal/vault"
)

// Handed keeps what a standing subscription is about to be told, durably: it must be told later what has become of it. One row for each subject and
// entity is written a day, so that most calls write none.
func (r *Room) Handed(ctx context.Context, s tribune.Standing, to notify.Route, all []notify.Handing) error {
	r.telling.Lock()
	defer r.telling.Unlock()
	today := tribune.DayOf(r.cfg.Now())
	if r.day != today || len(r.today)+len(all) > maxToday {
		r.day = today
		clear(r.today)
	}
	var rows []vault.Row
	var fresh []seen
	kept := false
	defer func() {
		if !kept {
			for _, one := range fresh {
				delete(r.today, one)
			}
		}
	}()
	for _, h := range all {
		one := seen{s.Act, h.Subject, h.Entity}
		if r.today[one] {
			continue
		}
		row, err := r.handedRow(ctx, s, to, h, today)
		if err != nil {
			return err
		}
		r.today[one] = true // and not twice in this call
		rows, fresh = append(rows, row), append(fresh, one)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.cfg.Shelf.KeepAll(ctx, rows); err != nil {
		return fmt.Errorf("keeping who is told what: %w", err)
	}
	kept = true
	return nil
}

// forget has rows written anew of somebody whose rows are gone.
func (r *Room) forget(p tribune.Pseudonym) {
	r.telling.Lock()
	defer r.telling.Unlock()
	maps.DeleteFunc(r.today, func(s seen, _ bool) bool { return s.subject == p })
}

// handedRow is the row as it will be: from the first day on, if there is one.
func (r *Room) handedRow(ctx context.Context, s tribune.Standing, to notify.Route, h notify.Handing, today uint32) (vault.Row, error) {
	key := handedKey(h.Subject, s.Act, h.Entity)
	now := handed{
		Act: s.Act, Class: s.Class, Entity: h.Entity, From: dayText(today), Until: dayText(today), Office: s.Caller.Office, Purpose: s.Caller.Purpose,
		Route: route{to.Tenant, to.Endpoint},
	}
	wrapped, err := r.cfg.Store.Get(ctx, key)
	if err == nil {
		var before handed
		if err := r.unwrap(store.Pair{Key: key, Value: wrapped}, &before); err != nil {
			return vault.Row{}, err
		}
		now.From = min(before.From, now.From)
	} else if !errors.Is(err, tribune.ErrNotFound) {
		return vault.Row{}, fmt.Errorf("reading who is told what: %w", err)
	}
	return rowOf(key, now)
}

func handedKey(p tribune.Pseudonym, act string, entity tribune.EntityID) []byte {
	sum := sha256.Sum256([]byte(entity)) // an id may be longer than a key
	return rowKey(rowHanded, string(p[:]), act, string(sum[:16]))
}

// handedOf is what endpoints were told of one person, with the rows' keys.
func (r *Room) handedOf(ctx context.Context, p tribune.Pseudonym) (all []handed, keys [][]byte, err error) {
	for row, err := range r.cfg.Store.Scan(ctx, store.Prefix(rowKey(rowHanded, string(p[:])))) {
		if err != nil {
			return nil, nil, fmt.Errorf("reading who was told what: %w", err)
		}
		var h handed
		if err := r.unwrap(row, &h); err != nil {
			return nil, nil, fmt.Errorf("reading who was told what: %w", err)
		}
		all, keys = append(all, h), append(keys, append([]byte(nil), row.Key...))
	}
	return all, keys, nil
}
