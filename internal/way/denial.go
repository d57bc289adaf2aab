package way

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// A known caller's denials are leaves, up to a rate that no honest client meets; the rest is a count a day, on record
// when the day is over. Without the bound a denied caller could fill the log.
const (
	denialRate  = rate.Limit(2) // a second and caller
	denialBurst = 20
	denialCount = time.Minute // how often the count is looked at
	maxDenied   = 10_000      // callers remembered; beyond it a caller's burst starts anew
)

type denials struct {
	way  *Way
	stop context.CancelFunc
	done chan struct{}

	mu        sync.Mutex // guards both maps
	limits    map[tribune.ActorID]*rate.Limiter
	uncounted map[uint32]uint64 // refusals without a leaf, by day
}

func newDenials(ctx context.Context, w *Way) (*denials, error) {
	d := &denials{way: w, done: make(chan struct{}), limits: map[tribune.ActorID]*rate.Limiter{}, uncounted: map[uint32]uint64{}}
	if err := d.load(ctx); err != nil {
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
	if !d.admit(act.Caller.Actor, act.At) {
		return denial
	}
	s := &sheet{caller: act.Caller, decision: decision, salt: protocol.NewSalt()}
	// What was refused touched nobody: the leaf names no subject, opens nothing and carries no tag.
	act.Count = 0
	if err := s.draw(act, inputs, nil); err != nil {
		return errors.Join(denial, err)
	}
	leaf, err := s.leaf(nil)
	if err != nil {
		return errors.Join(denial, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	index, err := d.way.append(ctx, s, leaf)
	if err != nil {
		d.count(act.At)
		d.way.cfg.Log.Warn("a denial is counted, not on record", "err", err)
		return denial
	}
	if err := d.way.keepOpening(ctx, index, s); err != nil {
		return errors.Join(denial, err)
	}
	if denial.Receipt, err = d.way.cfg.Record.Await(ctx, index); err != nil {
		d.way.cfg.Log.Warn("a denial waits for publication", "index", index, "err", err)
	}
	return denial
}

func (d *denials) admit(actor tribune.ActorID, at time.Time) bool {
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
	if l.AllowN(at, 1) {
		return true
	}
	d.uncounted[tribune.DayOf(at)]++
	return false
}

func (d *denials) count(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncounted[tribune.DayOf(at)]++
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
		if err := errors.Join(d.publish(ctx), d.save(ctx)); err != nil && ctx.Err() == nil {
			d.way.cfg.Log.Warn("counting refusals", "err", err)
		}
	}
}

// publish puts the count of every past day on record.
func (d *denials) publish(ctx context.Context) error {
	today := tribune.DayOf(d.way.cfg.Now())
	d.mu.Lock()
	past := map[uint32]uint64{}
	for day, n := range d.uncounted {
		if day < today {
			past[day] = n
		}
	}
	d.mu.Unlock()
	for day, n := range past {
		if err := d.publishDay(ctx, day, n); err != nil {
			return err
		}
		d.mu.Lock()
		delete(d.uncounted, day)
		d.mu.Unlock()
		var b store.Batch
		b.Delete(refusalsKey(day))
		if err := d.way.cfg.Store.Commit(ctx, &b); err != nil {
			return fmt.Errorf("clearing a published count: %w", err)
		}
	}
	return nil
}

func (d *denials) publishDay(ctx context.Context, day uint32, n uint64) error {
	public, err := json.Marshal(map[string]any{"count": n, "day": tribune.SegmentStart(day, 0).Format(time.DateOnly)})
	if err != nil {
		return err
	}
	hub := d.way.cfg.Hub
	act := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRefusals, Office: hub.Office, Time: protocol.Time(d.way.cfg.Now())}
	if act.Com, err = protocol.Commitment(protocol.NewSalt(), public); err != nil {
		return err
	}
	signature, err := act.Sign(d.way.cfg.HubKey)
	if err != nil {
		return err
	}
	leaf, err := protocol.Leaf{
		Version: protocol.Version, Act: act, Signature: signature, Public: public, Tags: []tribune.Tag{},
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
	}.Encode()
	if err != nil {
		return err
	}
	if _, err = d.way.cfg.Record.Append(ctx, leaf); err != nil {
		return fmt.Errorf("publishing a day's refusals: %w", err)
	}
	return nil
}

// The counts rest under way||refusals|day as u64; a day that is on record has no row.
func refusalsKey(day uint32) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "refusals"), uint64(day))
}

func (d *denials) save(ctx context.Context) error {
	var b store.Batch
	d.mu.Lock()
	for day, n := range d.uncounted {
		b.Put(refusalsKey(day), binary.BigEndian.AppendUint64(nil, n))
	}
	d.mu.Unlock()
	if len(b.Ops) == 0 {
		return nil
	}
	return d.way.cfg.Store.Commit(ctx, &b)
}

func (d *denials) load(ctx context.Context) error {
	for pair, err := range d.way.cfg.Store.Scan(ctx, store.Prefix(store.Key("way", tribune.Place{}, "refusals"))) {
		if err != nil {
			return fmt.Errorf("reading the count of refusals: %w", err)
		}
		if len(pair.Value) == 8 {
			day := binary.BigEndian.Uint64(pair.Key[len(pair.Key)-8:])
			d.uncounted[uint32(day)] = binary.BigEndian.Uint64(pair.Value)
		}
	}
	return nil
}
