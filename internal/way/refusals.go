package way

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// publish puts the count of every past day on record, once: a crash before the row is cleared is found out by the next
// start, which reads the days on record.
func (d *denials) publish(ctx context.Context) error {
	d.mu.Lock()
	today := tribune.DayOf(d.way.cfg.Now())
	past := map[uint32]uint64{}
	for day, n := range d.uncounted {
		if day < today && !d.uncertain[day] {
			past[day] = n
		}
	}
	d.mu.Unlock()
	for day, n := range past {
		if err := d.publishDay(ctx, day, n); err != nil {
			if errors.Is(err, tribune.ErrUncertain) {
				d.mu.Lock()
				d.uncertain[day] = true
				d.mu.Unlock()
			}
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

// refusals is the public part of a leaf of that kind.
type refusals struct {
	Count uint64 `json:"count"`
	Day   string `json:"day"`
}

// refusalsDay is the day whose count a leaf publishes.
func refusalsDay(leaf protocol.Leaf) (uint32, bool) {
	var public refusals
	if json.Unmarshal(leaf.Public, &public) != nil {
		return 0, false
	}
	day, err := time.Parse(time.DateOnly, public.Day)
	return tribune.DayOf(day), err == nil
}

func (d *denials) publishDay(ctx context.Context, day uint32, n uint64) error {
	public, err := protocol.JCS(refusals{Count: n, Day: tribune.SegmentStart(day, 0).Format(time.DateOnly)})
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
	if d.changed {
		for day, n := range d.uncounted {
			b.Put(refusalsKey(day), binary.BigEndian.AppendUint64(nil, n))
		}
	}
	d.changed = false
	d.mu.Unlock()
	if len(b.Ops) == 0 {
		return nil
	}
	if err := d.way.cfg.Store.Commit(ctx, &b); err != nil {
		d.mu.Lock()
		d.changed = true
		d.mu.Unlock()
		return fmt.Errorf("keeping the count of refusals: %w", err)
	}
	return nil
}

func (d *denials) load(ctx context.Context, onRecord map[uint32]bool) error {
	var b store.Batch
	for pair, err := range d.way.cfg.Store.Scan(ctx, store.Prefix(store.Key("way", tribune.Place{}, "refusals"))) {
		if err != nil {
			return fmt.Errorf("reading the count of refusals: %w", err)
		}
		day := uint32(binary.BigEndian.Uint64(pair.Key[len(pair.Key)-8:]))
		switch {
		case onRecord[day]:
			b.Delete(refusalsKey(day))
		case len(pair.Value) == 8:
			d.uncounted[day] = binary.BigEndian.Uint64(pair.Value)
		}
	}
	if len(b.Ops) == 0 {
		return nil
	}
	if err := d.way.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("clearing published counts: %w", err)
	}
	return nil
}
