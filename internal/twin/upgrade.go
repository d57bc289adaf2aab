package twin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tribune"
	"tribune/internal/store"
)

// UpgradeConfig says which store to bring to the layout of this program.
type UpgradeConfig struct {
	Store store.Store
	Log   *slog.Logger // nil = nowhere

	// Progress is told why the store is not ready yet, once at the beginning and then as it goes on. Nil = nobody.
	Progress func(reason string)

	patience time.Duration // for another hub that rebuilds; 0 = upgradePatience
}

const (
	upgradePatience = 15 * time.Second // without progress of another hub, until this one goes on in its place
	upgradeLook     = time.Second      // between two looks at the progress of another
	upgradeSay      = 10 * time.Second // between two lines in the log
)

// Upgrade makes the indexes of a store anew where an older release has written them, before New opens it. What it costs grows with
// what the store holds; a store of this layout costs one read. Whoever is stopped or killed in it goes on where they were. Of
// several hubs on one store one works and the others wait. Hubs of the older release must have ended: what they write meanwhile
// is not lost, but later queries would not find it.
func Upgrade(ctx context.Context, cfg UpgradeConfig) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.patience == 0 {
		cfg.patience = upgradePatience
	}
	u := &upgrade{cfg: cfg}
	for {
		layout, row, err := layoutOf(ctx, cfg.Store)
		switch {
		case err != nil:
			return err
		case layout > layoutNow:
			return tooNew(layout)
		case layout == layoutNow, layout == 0: // New says of an empty one what it is
			u.end()
			return nil
		}
		u.begin(layout)
		if err = u.places(ctx); err == nil {
			err = setLayout(ctx, cfg.Store, row)
		}
		if errors.Is(err, tribune.ErrConflict) {
			err = u.wait(ctx)
		}
		if err != nil {
			return fmt.Errorf("rebuilding the indexes: %w", err)
		}
	}
}

// upgrade is one hub's part in it.
type upgrade struct {
	cfg         UpgradeConfig
	began, said time.Time
	done        uint64 // entities in places that are done
}

func (u *upgrade) begin(layout uint16) {
	if u.began.IsZero() {
		u.began, u.said = time.Now(), time.Now()
		u.cfg.Log.Warn("an older release wrote the indexes of this store: they are rebuilt before queries are answered", "layout", layout, "becomes", layoutNow)
	}
	u.tell("the indexes are rebuilt for this release")
}

func (u *upgrade) end() {
	if !u.began.IsZero() {
		u.cfg.Log.Warn("the indexes are rebuilt", "entities", u.done, "took", time.Since(u.began).Round(time.Millisecond))
	}
}

func (u *upgrade) tell(reason string) {
	if u.cfg.Progress != nil {
		u.cfg.Progress(reason)
	}
}

// places rebuilds every place that is not done; ErrConflict where another hub is at it.
func (u *upgrade) places(ctx context.Context) error {
	u.done = 0
	return eachPlace(ctx, u.cfg.Store, func(at tribune.Place) error {
		r := &rebuilder{st: u.cfg.Store, k: keysAt(at)}
		if err := r.load(ctx); err != nil {
			return err
		}
		if r.row == nil { // nobody has begun here; or all is done, and the place is newer than that
			if layout, _, err := layoutOf(ctx, u.cfg.Store); err != nil || layout >= layoutNow {
				return errors.Join(err, tribune.ErrConflict)
			}
		}
		for r.step < allDone {
			was := r.row
			err := r.next(ctx)
			if errors.Is(err, tribune.ErrConflict) {
				if err := r.load(ctx); err != nil {
					return err
				}
				if bytes.Equal(was, r.row) { // a document has changed
					continue
				}
			}
			if err != nil {
				return err
			}
			u.say(r)
		}
		u.done += r.entities
		return nil
	})
}

// say tells how far it is.
func (u *upgrade) say(r *rebuilder) {
	n := u.done + r.entities
	u.tell(fmt.Sprintf("the indexes are rebuilt for this release, %d entities so far", n))
	if time.Since(u.said) < upgradeSay {
		return
	}
	u.said = time.Now()
	if r.step < toBuild {
		u.cfg.Log.Warn("rebuilding the indexes: the old rows are taken away", "entities", n, "kind", indexes[r.step])
		return
	}
	u.cfg.Log.Warn("rebuilding the indexes", "entities", n)
}

// wait returns when the other hub is done, or has not got on for a while.
func (u *upgrade) wait(ctx context.Context) error {
	u.tell("another hub rebuilds the indexes for this release")
	was, since := "", time.Now()
	for time.Since(since) < u.cfg.patience {
		layout, _, err := layoutOf(ctx, u.cfg.Store)
		if err != nil || layout == layoutNow {
			return err
		}
		now, err := u.state(ctx)
		if err != nil {
			return err
		}
		if now != was {
			was, since = now, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(upgradeLook, u.cfg.patience/4)):
		}
	}
	return nil
}

// state is how far all places are.
func (u *upgrade) state(ctx context.Context) (string, error) {
	var all []byte
	err := eachPlace(ctx, u.cfg.Store, func(at tribune.Place) error {
		row, err := u.cfg.Store.Get(ctx, keysAt(at).rebuilding())
		if err != nil && !isAbsent(err) {
			return err
		}
		all = append(append(all, row...), '\n')
		return nil
	})
	return string(all), err
}
