package city

import (
	"context"
	"errors"
	"time"

	"tribune"
)

// expireEvery is how often values past their keeping time lose their headers. Keeping times are whole days; an hour late
// is early enough, and the walk over all headers is cheap at that pace.
const expireEvery = time.Hour

// retention deletes what is past its keeping time, once the vault is open and then every hour, until ctx ends. Reading stops at the
// keeping time by itself (twin/api); this makes it final. Entries in quarantine end with it: a device that has fallen silent would
// keep its last ones.
func (h *Hub) retention(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-h.vault.opened:
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		keep := func(id tribune.ClassID) time.Duration {
			class, _ := h.gate.Set().Class(id) // what no register knows has no end
			return class.Keep
		}
		n, err := h.vault.vault.Load().Expire(ctx, keep)
		if _, lost := h.twin.ForgetTokens(ctx, keep); lost != nil { // nobody opens them any more: nobody finds them, either
			err = errors.Join(err, lost)
		}
		if err != nil && ctx.Err() == nil {
			h.log.Error("values past their keeping time were not all deleted; trying again in an hour", "err", err)
		}
		if err := h.intake.quarantine.Sweep(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("old entries in quarantine were not all deleted; trying again in an hour", "err", err)
		}
		if n > 0 {
			h.log.Warn("values past their keeping time can no longer be opened by anyone", "segments", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
