package city

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/internal/metrics"
	"tribune/internal/portal"
	"tribune/internal/twin"
	"tribune/internal/twin/notify"
	"tribune/internal/vault"
)

// How often the hub looks whether a rotation of epoch keys is due: it has a day to begin in. One that failed, perhaps because a room was not
// open yet, is tried again sooner.
const (
	rotateLook  = time.Hour
	rotateRetry = 10 * time.Second
)

// rotator lets one rotation run at a time, for as long as the hub runs: whoever asked for it may hang up.
type rotator struct {
	asked chan chan error
	ended chan struct{}
}

func newRotator() *rotator {
	return &rotator{asked: make(chan chan error), ended: make(chan struct{})}
}

// errNotOpen: a hub whose vault is not open cannot go over to another key.
var errNotOpen = tribune.Hint(fmt.Errorf("%w: the vault is not open", tribune.ErrBusy), "It opens once the guardians' keys exist and the epoch key is there; the hub's log says what is missing.")

// rotations makes erasures final, when it is time and when somebody asks, until ctx ends. One that a crash has interrupted goes on first.
func (h *Hub) rotations(ctx context.Context) error {
	defer close(h.rotator.ended)
	tick := time.NewTicker(rotateLook)
	defer tick.Stop()
	opened := h.vault.opened
	for {
		var answer chan error
		select {
		case <-ctx.Done():
			return nil
		case <-opened:
			opened = nil // once
		case <-tick.C:
		case answer = <-h.rotator.asked:
		}
		err := h.rotateIfDue(ctx, answer != nil)
		tick.Reset(rotateLook)
		if err != nil {
			tick.Reset(rotateRetry)
		}
		switch {
		case answer != nil:
			answer <- err
		case err != nil && ctx.Err() == nil && !errors.Is(err, tribune.ErrBusy):
			h.log.Error("the epoch key was not replaced; trying again", "err", err, "hint", tribune.HintOf(err))
		}
	}
}

func (h *Hub) rotateIfDue(ctx context.Context, asked bool) error {
	v := h.vault.vault.Load()
	if v == nil {
		if asked {
			return errNotOpen
		}
		return nil
	}
	due, err := v.RotationDue(ctx)
	if err != nil || !due && !asked {
		return err
	}
	began := time.Now()
	if err := v.Rotate(ctx); err != nil {
		return err
	}
	r, err := v.Rotation(ctx)
	if err != nil {
		return err
	}
	h.log.Warn("the epoch key was replaced and the old one destroyed: copy the new one to where you keep it, destroy the copies of the old one there, and make a backup",
		"epoch", r.Epoch, "rows", r.Wrapped, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// rotate has a rotation run now, and waits for it.
func (h *Hub) rotate(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case h.rotator.asked <- answer:
	case <-h.rotator.ended:
		return errEnding
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err() // it goes on
	}
}

// elsewhere wraps anew what other rooms keep under the epoch key. A room that is not open yet must not be passed over: its rows would
// stay under a key that is about to go.
func (h *Hub) elsewhere(ctx context.Context, again func(label string, wrapped []byte) ([]byte, error)) error {
	if h.citizens == nil || h.citizens.room.Load() == nil {
		return errNotOpen
	}
	if err := h.citizens.room.Load().Rewrap(ctx, again); err != nil {
		return err
	}
	return h.keys.rewrap(ctx, again)
}

// rewrap wraps the requests for browsers' keys anew. Requests that come meanwhile wait, and are under the new key.
func (b *browserKeys) rewrap(ctx context.Context, again func(label string, wrapped []byte) ([]byte, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries, err := os.ReadDir(b.hub.cfg.Dir.Requests())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("wrapping requests anew: %w", err)
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), requestSealed)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		actor := tribune.ActorID(base)
		data, err := os.ReadFile(b.file(actor, requestSealed))
		if err == nil {
			data, err = again(label(actor), data)
		}
		if err == nil && data != nil {
			err = writeFile(b.file(actor, requestSealed), data, 0o600)
		}
		if err != nil {
			return fmt.Errorf("wrapping requests anew: %w", err)
		}
	}
	return nil
}

// holdings are what an erasure takes away besides what the vault keeps: values, and of whom subscriptions were told.
type holdings struct {
	*twin.Twin
	notifier *notify.Notifier
}

func (h holdings) Erase(ctx context.Context, p tribune.Pseudonym) (int, error) {
	if err := h.notifier.Forget(ctx, p); err != nil {
		return 0, err
	}
	return h.Twin.Erase(ctx, p)
}

// epochMark is what a backup says of the epoch keys of its store; nil where the vault is not open.
func (h *Hub) epochMark() []byte {
	if v := h.vault.vault.Load(); v != nil {
		return v.Mark()
	}
	return nil
}

// erasureShown is how far an erasure is, for its page.
func (h *Hub) erasureShown(ctx context.Context, index uint64) (portal.Erasure, error) {
	one := h.way.Load()
	if one == nil {
		return portal.Erasure{}, errNoKeys
	}
	e, err := one.ErasureAt(ctx, index)
	out := portal.Erasure{Deleted: e.Deleted, Due: e.Due, Final: e.Final}
	for _, s := range e.Stated {
		out.Guardians = append(out.Guardians, s.Guardian)
	}
	return out, err
}

// rotation says where rotations stand.
func (h *Hub) rotation(ctx context.Context) (vault.Rotation, error) {
	v := h.vault.vault.Load()
	if v == nil {
		return vault.Rotation{}, errNotOpen
	}
	return v.Rotation(ctx)
}

// erasureReadings are the numbers of erasures and rotations for metrics.
func (h *Hub) erasureReadings() (out metrics.Erasures) {
	if w := h.way.Load(); w != nil {
		out.Waiting = w.Erasures()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := h.rotation(ctx)
	if err != nil {
		return out
	}
	out.Epoch, out.Rotating, out.Wrapped, out.Damaged = r.Epoch, r.UnderWay, r.Wrapped, r.Damaged
	if !r.Due.IsZero() {
		out.Due = r.Due.Unix()
	}
	return out
}
