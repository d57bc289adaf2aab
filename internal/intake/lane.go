package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"tribune"
)

// lane is one device's way through the desk: its bounded queue, its rate, and what it sent lately without a time.
type lane struct {
	id    string
	slots chan struct{} // one for each message on its way, from before it is read until it is durable

	// Guarded by Desk.mu.
	jobs  []*job
	state state

	// trouble is what became of the device's last message. While there is some its next ones are batches of their own, so
	// that others do not wait for them. Guarded by Desk.mu.
	trouble trouble

	mu     sync.Mutex // guards what follows
	tokens float64    // messages it may send now
	filled time.Time
	recent recent
}

// state is where a lane is: in Desk.ready or with a worker at most once, so that one device's messages stay in order.
type state uint8

const (
	idle    state = iota // nothing waits
	ready                // in Desk.ready
	working              // a worker has messages of it
)

// trouble is how much of the desk a device's messages may hold up.
type trouble uint8

const (
	none      trouble = iota
	suspected         // a batch that it was in did not end in time, and nobody knows who of it was the cause
	proven            // its own message was refused or failed
)

// share is how many workers may be at batches of lanes in trouble when one more is begun. Whoever is only suspected must not
// wait for those who are proven.
func (t trouble) share() int {
	return [...]int{none: workers, suspected: workers - 1, proven: workers / 2}[t]
}

// How long a batch may take. A personal value may wait for guardians, who answer within seconds or not at all; a suspect has to
// show soon that it waits for nobody, for other suspects stand behind it.
const (
	applyTimeout = 10 * time.Second
	probeTimeout = 500 * time.Millisecond
)

// limit ends a batch that the twin does not finish.
func (t trouble) limit() time.Duration {
	if t == suspected {
		return probeTimeout
	}
	return applyTimeout
}

// job is a message on its way into the twin.
type job struct {
	lane    *lane
	changes []tribune.Change
	done    chan error // buffered: nobody may be waiting any more
}

// ErrRate is why a message is refused, with tribune.ErrBusy, that comes faster than its device's document allows.
var ErrRate = errors.New("its document allows fewer messages a minute")

func (d *Desk) lane(id string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[id]
	if l == nil {
		l = &lane{id: id, slots: make(chan struct{}, maxWaiting)}
		d.lanes[id] = l
	}
	return l
}

// enter waits for a place in the queue and for the device's rate; leave gives the place back.
func (l *lane) enter(ctx context.Context, now func() time.Time, perMinute int) error {
	select {
	case l.slots <- struct{}{}:
	default:
		if err := l.queue(ctx); err != nil {
			return err
		}
	}
	if wait := l.pace(now(), perMinute); wait > 0 {
		if wait > patience {
			l.leave()
			return tribune.Hint(fmt.Errorf("device %s: %w: %w", l.id, ErrRate, tribune.ErrBusy), "send less often, or ask the steward for a higher per_minute")
		}
		if err := sleep(ctx, wait); err != nil {
			l.leave()
			return fmt.Errorf("waiting for the device's rate: %w", err)
		}
	}
	return nil
}

func (l *lane) queue(ctx context.Context) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return tribune.Hint(fmt.Errorf("device %s: %d messages wait already: %w", l.id, maxWaiting, tribune.ErrBusy), "send it again later")
	case <-ctx.Done():
		return fmt.Errorf("waiting in the device's queue: %w", ctx.Err())
	}
}

func (l *lane) leave() { <-l.slots }

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace takes one message's worth of the device's rate, a minute's worth at once at most, and says how long to wait. Where
// that is longer than patience nothing is taken.
func (l *lane) pace(now time.Time, perMinute int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := float64(perMinute)
	if l.filled.IsZero() {
		l.tokens = full
	} else if passed := now.Sub(l.filled); passed > 0 {
		l.tokens += full * passed.Minutes()
	}
	l.tokens, l.filled = min(l.tokens, full), now
	if l.tokens >= 1 {
		l.tokens--
		return 0
	}
	wait := time.Duration((1 - l.tokens) / full * float64(time.Minute))
	if wait <= patience {
		l.tokens--
	}
	return max(wait, 1)
}

// Bounds of what is remembered of messages without a time.
const (
	sameFor    = 10 * time.Minute
	maxRecents = 64
)

// recent is the messages without a time of the last ten minutes, as far as they are remembered.
type recent struct {
	last  tribune.Hash
	since time.Time // when last came first
	named string    // its occasion

	slot  int64 // ten minutes, counted from 1970
	count int   // messages in it
	seen  []tribune.Hash
}

// occasion tells one sending of a message from the next where the message itself does not: it is part of change IDs.
// The same bytes as last time, within ten minutes, are the same occasion. The same bytes with others in between are a
// new one: 21, 22, 21 degrees are three readings. What comes first in its ten minutes has a name that does not rest on memory, so
// that a redelivery after a crash finds it.
func (l *lane) occasion(fingerprint tribune.Hash, at time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.recent
	if r.named != "" && r.last == fingerprint && at.Sub(r.since) < sameFor {
		return r.named
	}
	if slot := at.Unix() / int64(sameFor/time.Second); slot != r.slot {
		r.slot, r.count, r.seen = slot, 0, r.seen[:0]
	}
	r.count++
	n := 0
	switch {
	case slices.Contains(r.seen, fingerprint) || len(r.seen) == maxRecents:
		n = r.count
	default:
		r.seen = append(r.seen, fingerprint)
	}
	r.last, r.since = fingerprint, at
	r.named = fingerprint.String()[:32] + "." + strconv.FormatInt(r.slot, 36) + "." + strconv.Itoa(n)
	return r.named
}
