package policy

import (
	"fmt"
	"sync"
	"time"

	"tribune"
)

// Limits bound what one office may do for one purpose within one hour of UTC.
type Limits struct {
	Acts     int64 // 0 = none at all
	Subjects int64
}

// Bounds of Caps: keys are offices times purposes of a register, so only hostile input comes near.
const (
	maxCapKeys = 4096
	capHours   = 2 // the current hour and the one before: acts arrive a little late
)

// Caps counts acts by office, purpose and hour. Gate and guardians hold one each. The zero value is ready, and safe for
// concurrent use. Memory is bounded by the limits themselves: two hours of act ids.
type Caps struct {
	mu   sync.Mutex // guards the rest
	last int64      // the newest hour seen
	used map[capKey]*usage
}

type capKey struct {
	office  tribune.OfficeID
	purpose tribune.PurposeID
	hour    int64 // since 1970
}

type usage struct {
	acts     map[string]struct{} // ids counted: a request sent again counts once
	subjects int64
}

// Admit counts the act, in the hour of act.At, or fails with ErrDenied where it would exceed the limits; then nothing
// is counted. An act already counted is admitted again without counting.
func (c *Caps) Admit(act tribune.Act, limits Limits) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	hour := act.At.Unix() / int64(time.Hour/time.Second)
	if c.used == nil {
		c.used, c.last = map[capKey]*usage{}, hour
	}
	if hour > c.last {
		c.last = hour
		for k := range c.used {
			if k.hour <= hour-capHours {
				delete(c.used, k)
			}
		}
	}
	if hour <= c.last-capHours {
		return fmt.Errorf("%w: an act of an hour that is over cannot be counted any more", tribune.ErrDenied)
	}
	key := capKey{act.Caller.Office, act.Caller.Purpose, hour}
	u := c.used[key]
	if u == nil {
		if len(c.used) >= maxCapKeys {
			return fmt.Errorf("%w: too many offices and purposes in one hour", tribune.ErrBusy)
		}
		u = &usage{acts: map[string]struct{}{}}
		c.used[key] = u
	}
	if _, again := u.acts[act.ID]; again {
		return nil
	}
	subjects := max(int64(act.Count), 0)
	if int64(len(u.acts))+1 > limits.Acts {
		return fmt.Errorf("%w: the office has used its %d acts of this hour for this purpose", tribune.ErrDenied, limits.Acts)
	}
	if u.subjects+subjects > limits.Subjects {
		return fmt.Errorf("%w: the office would touch more than %d people in this hour for this purpose", tribune.ErrDenied, limits.Subjects)
	}
	u.acts[act.ID] = struct{}{}
	u.subjects += subjects
	return nil
}
