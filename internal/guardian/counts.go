package guardian

import (
	"fmt"
	"sort"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// actCounts answers how many acts an office did for a purpose in an hour, up to a leaf. They are counted in the record
// and not among the requests that reach us: a hub that spreads its requests over the guardians gains nothing, and a
// restart forgets nothing.
type actCounts struct {
	newest int64 // the present hour, when last looked
	hours  map[countKey]*hourCount
}

type countKey struct {
	office  tribune.OfficeID
	purpose tribune.PurposeID
	hour    int64 // since 1970, of the act's time
}

// hourCount is a running total: after the leaf at leaves[i], i+1 acts and subjects[i] subjects.
type hourCount struct {
	leaves   []uint64
	subjects []int64
}

// Bounds of memory. An act may be released within minutes, so two hours suffice; more acts than maxHour are over any cap.
const (
	keptHours = 2
	maxHour   = 1 << 22
	maxKeys   = 1 << 16
)

func newActCounts() *actCounts { return &actCounts{hours: map[countKey]*hourCount{}} }

func hourOf(at time.Time) int64 { return at.Unix() / int64(time.Hour/time.Second) }

// counts reports whether acts of a kind use power over someone.
func counts(k tribune.ActKind) bool {
	return k == tribune.ActRead || k == tribune.ActEnrol || k == tribune.ActDecide || k == tribune.ActStanding || k == tribune.ActDelivery || k == tribune.ActRepresent || k == tribune.ActPublish
}

func (c *actCounts) add(leaf uint64, act protocol.Act, at, now time.Time) {
	if present := hourOf(now); present > c.newest {
		c.newest = present
		for k := range c.hours {
			if k.hour <= present-keptHours {
				delete(c.hours, k)
			}
		}
	}
	hour := hourOf(at)
	if hour <= c.newest-keptHours || hour > c.newest+1 {
		return // its time keeps it from being released
	}
	k := countKey{act.Office, act.Purpose, hour}
	h := c.hours[k]
	if h == nil {
		if len(c.hours) >= maxKeys {
			return // then upTo finds no count and refuses
		}
		h = &hourCount{}
		c.hours[k] = h
	}
	if len(h.leaves) >= maxHour {
		return
	}
	total := int64(act.Count)
	if n := len(h.subjects); n > 0 {
		total += h.subjects[n-1]
	}
	h.leaves, h.subjects = append(h.leaves, leaf), append(h.subjects, total)
}

// within checks an act's leaf against its office's hourly limits.
func (x *index) within(leaf uint64, act protocol.Act, at time.Time, limits policy.Limits) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	h := x.counts.hours[countKey{act.Office, act.Purpose, hourOf(at)}]
	if h == nil {
		return fmt.Errorf("the act is of an hour this guardian has no count of")
	}
	i := sort.Search(len(h.leaves), func(i int) bool { return h.leaves[i] >= leaf })
	if i == len(h.leaves) || h.leaves[i] != leaf {
		return fmt.Errorf("the act is beyond what this guardian counts in one hour")
	}
	if int64(i+1) > limits.Acts {
		return fmt.Errorf("the office %s has used its %d acts of this hour for this purpose", act.Office, limits.Acts)
	}
	if h.subjects[i] > limits.Subjects {
		return fmt.Errorf("the office %s would touch more than %d people in this hour for this purpose", act.Office, limits.Subjects)
	}
	return nil
}
