package way

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/protocol"
)

// A known caller's denials are leaves, up to a rate that no honest client meets; the rest is a count a day, on record
// when the day is over. Without the bound a denied caller could fill the log. A crash loses what was counted since the
// last denialCount.
const (
	denialRate  = rate.Limit(2) // a second and caller
	denialBurst = 20
	denialCount = time.Minute // how often the count is looked at
	maxDenied   = 10_000      // callers remembered; beyond it a caller's burst starts anew
)

// unregistered stands in a denial's leaf for a purpose or mandate that the registers do not know: what a caller makes up
// must not get on a record that forgets nothing.
const unregistered = "unregistered"

type denials struct {
	way  *Way
	stop context.CancelFunc
	done chan struct{}

	mu        sync.Mutex // guards the rest
	limits    map[tribune.ActorID]*rate.Limiter
	uncounted map[uint32]uint64 // refusals without a leaf, by day
	changed   bool              // uncounted is ahead of the store
	uncertain map[uint32]bool   // days whose leaf may or may not be on record: a restart will tell
}

// newDenials goes on with the stored counts, but for days whose count is on record.
func newDenials(ctx context.Context, w *Way, onRecord map[uint32]bool) (*denials, error) {
	d := &denials{
		way: w, done: make(chan struct{}), limits: map[tribune.ActorID]*rate.Limiter{},
		uncounted: map[uint32]uint64{}, uncertain: map[uint32]bool{},
	}
	if err := d.load(ctx, onRecord); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go d.run(run)
	return d, nil
}

func (d *denials) close() error {
	d.stop()
	<-d.done
	ctx, cancel := context.WithTimeout(context.Background(), openFor)
	defer cancel()
	return d.save(ctx)
}

// record returns the denial as an error, after putting it on record. A record without quorum does not turn a denial
// into anything else.
func (d *denials) record(ctx context.Context, act tribune.Act, inputs protocol.Inputs, decision tribune.Decision) error {
	denial := &tribune.Denial{Decision: decision}
	if !d.admit(act.Caller.Actor) {
		return denial
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	index, err := d.append(ctx, act, inputs, decision)
	if err != nil {
		d.count()
		d.way.cfg.Log.Warn("a denial is counted, not on record", "err", err)
		return denial
	}
	if denial.Receipt, err = d.way.cfg.Record.Await(ctx, index); err != nil {
		d.way.cfg.Log.Warn("a denial waits for publication", "index", index, "err", err)
	}
	return denial
}

// append puts a denial's leaf on record. What was refused touched nobody: the leaf names no subject, opens nothing and
// carries no tag.
func (d *denials) append(ctx context.Context, act tribune.Act, inputs protocol.Inputs, decision tribune.Decision) (uint64, error) {
	act.Count = 0
	act.Caller = d.registered(act.Caller)
	s := &sheet{caller: act.Caller, decision: decision, salt: protocol.NewSalt()}
	if err := s.draw(act, inputs, nil); err != nil {
		return 0, err
	}
	leaf, err := s.leaf(nil)
	if err != nil {
		return 0, err
	}
	return d.way.append(ctx, s, leaf)
}

// registered is the caller with what the registers do not know blanked.
func (d *denials) registered(c tribune.Caller) tribune.Caller {
	gate := d.way.cfg.Gate
	if _, known := gate.Set().Purpose(c.Purpose); c.Purpose != "" && !known {
		c.Purpose = unregistered
	}
	if c.Mandate != "" && !slices.ContainsFunc(gate.Mandates(), func(m tribune.Mandate) bool { return m.ID == c.Mandate }) {
		c.Mandate = unregistered
	}
	return c
}

// admit reports whether the denial may have a leaf of its own, by this hub's clock: an act's own time is its caller's
// choice.
func (d *denials) admit(actor tribune.ActorID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.limits[actor]
	if l == nil {
		if len(d.limits) >= maxDenied {
			clear(d.limits)
		}
		l = rate.NewLimiter(denialRate, denialBurst)
		d.limits[actor] = l
	}
	if l.AllowN(d.way.cfg.Now(), 1) {
		return true
	}
	d.countLocked()
	return false
}

func (d *denials) count() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countLocked()
}

// countLocked counts for the present day, read under the lock: a day that publish has seen as past gets no more.
func (d *denials) countLocked() {
	d.uncounted[tribune.DayOf(d.way.cfg.Now())]++
	d.changed = true
}

func (d *denials) run(ctx context.Context) {
	defer close(d.done)
	tick := time.NewTicker(denialCount)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.way.prepared.sweep()
		if err := errors.Join(d.publish(ctx), d.save(ctx)); err != nil && ctx.Err() == nil {
			d.way.cfg.Log.Warn("counting refusals", "err", err)
		}
	}
}
