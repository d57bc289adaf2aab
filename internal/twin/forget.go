package twin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
)

// forgetting is what a step of mode forget takes away: the tokens of values of a class that arrived before a day.
type forgetting struct {
	class tribune.ClassID
	day   uint32
}

// ForgetTokens takes away what finds values past the keeping time of their class, counted in whole days as vault.Expire counts them; keep
// returns 0 for a class that is kept without end. It returns how many entities that were, and costs what goes, not what stays.
func (t *Twin) ForgetTokens(ctx context.Context, keep func(tribune.ClassID) time.Duration) (entities int, err error) {
	today := tribune.DayOf(t.cfg.Now())
	err = eachPlace(ctx, t.cfg.Store, func(at tribune.Place) error {
		return t.eachArrival(ctx, at, func(class tribune.ClassID) error {
			kept := keep(class)
			if kept <= 0 {
				return nil
			}
			days := int64((kept + 24*time.Hour - 1) / (24 * time.Hour))
			first := uint32(min(max(0, int64(today)-days), math.MaxUint32)) // the first day that is kept
			n, err := t.forget(ctx, at, forgetting{class, first})
			entities += n
			return err
		})
	})
	if err != nil {
		return entities, fmt.Errorf("forgetting what is past its keeping time: %w", err)
	}
	return entities, nil
}

// eachArrival visits the classes of which a place holds anything that can be looked up, by seeking from one to the next.
func (t *Twin) eachArrival(ctx context.Context, at tribune.Place, visit func(tribune.ClassID) error) error {
	k := keysAt(at)
	head := k.of("y")
	r := store.Prefix(head)
	r.Limit, r.KeysOnly = 1, true
	for {
		var class string
		for p, err := range t.cfg.Store.Scan(ctx, r) {
			if err != nil {
				return err
			}
			var ok bool
			if class, _, ok = cut(p.Key[len(head):]); !ok || class == "" {
				return &tribune.IntegrityError{What: "a key of what arrived", Err: errDamaged}
			}
		}
		if class == "" {
			return nil
		}
		if err := visit(tribune.ClassID(class)); err != nil {
			return err
		}
		r.From = store.After(k.of("y", class))
	}
}

// forget takes away the tokens in one place, some entities at a time.
func (t *Twin) forget(ctx context.Context, at tribune.Place, f forgetting) (n int, err error) {
	head := keysAt(at).of("y", string(f.class))
	r := store.Range{From: head, To: store.Uint(slices.Clone(head), uint64(f.day)), Limit: sweepBatch, KeysOnly: true}
	for {
		var steps []*step
		for p, err := range t.cfg.Store.Scan(ctx, r) {
			if err != nil {
				return n, err
			}
			rest := p.Key[len(head):]
			if len(rest) < 8 {
				return n, &tribune.IntegrityError{What: "a key of what arrived", Err: errDamaged}
			}
			id, _, ok := cut(rest[8:])
			if !ok {
				return n, &tribune.IntegrityError{What: "a key of what arrived", Err: errDamaged}
			}
			s := &step{mode: forget, frag: fragment{id: tribune.EntityID(id)}, source: "retention", forget: f}
			s.peers = []*step{s}
			steps, r.From = append(steps, s), append(slices.Clone(p.Key), 0)
		}
		if len(steps) == 0 {
			return n, ctx.Err()
		}
		tenants := make([]tribune.Tenant, len(steps))
		for i := range tenants {
			tenants[i] = at.Tenant
		}
		t.run(ctx, tenants, steps)
		var errs []error
		for _, s := range steps {
			errs = append(errs, s.res.Err)
		}
		if err := errors.Join(errs...); err != nil {
			return n, err
		}
		n += len(steps)
	}
}

// forget takes tokens from the entity of a draft. What can be read of the entity does not change by it, nor when it was modified.
func (d *draft) forget(f forgetting) {
	if d.e == nil {
		return
	}
	e := *d.e
	e.Attrs = maps.Clone(d.e.Attrs)
	found := false
	for name, list := range e.Attrs {
		copied := false
		for i := range list {
			s := list[i].Sealed
			if s == nil || s.Class != f.class || s.Day >= f.day || len(s.Tokens) == 0 {
				continue
			}
			if !copied {
				list, copied = slices.Clone(list), true
			}
			list[i] = *remembering(&list[i])
		}
		if copied {
			e.Attrs[name], found = list, true
		}
	}
	if found {
		d.e, d.changed, d.source = &e, true, "retention"
	}
}

// appendUvarint appends a count.
func appendUvarint(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }
