package way

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/vault"
	"tribune/protocol"
)

// inventory tidies up, and puts on record what has changed since the last.
func (v *vital) inventory(ctx context.Context) error {
	began := v.way.cfg.Now()
	if err := v.allow(ctx); err != nil { // appointments come and end
		return err
	}
	if err := v.tidy(ctx); err != nil {
		return err
	}
	live, gone := v.cfg.Vault.VitalKeys()
	for range v.cfg.Vault.VitalQueue(ctx) { // since tell looked
		return errWaits
	}
	changes, known := v.changes(live, gone)
	v.mu.Lock()
	idle := v.way.cfg.Now().Sub(v.counted) >= vitalIdle
	v.mu.Unlock()
	if len(changes) == 0 && idle {
		changes = append(changes, protocol.VitalKeys{Added: []protocol.VitalAdded{}, Gone: []protocol.VitalGone{}})
	}
	for _, k := range changes {
		if err := v.publish(ctx, k); err != nil {
			return err
		}
	}
	v.mu.Lock()
	v.fresh, v.looked = true, began
	v.mu.Unlock()
	return v.cfg.Vault.VitalOnRecord(ctx, known)
}

// tidy ends keys of what is no more current, is past its keeping time, or belongs to a class that the law no longer names.
func (v *vital) tidy(ctx context.Context) error {
	live, _ := v.cfg.Vault.VitalKeys()
	set, today := v.way.cfg.Gate.Set(), tribune.DayOf(v.way.cfg.Now())
	for _, k := range live {
		class, _ := set.Class(k.Head.Class)
		days := uint32((class.Keep + 24*time.Hour - 1) / (24 * time.Hour))
		why := ""
		if class.Vital == "" || class.Keep > 0 && k.Day+days < today {
			why = protocol.VitalEnded
		} else {
			sealed, err := v.cfg.Current(ctx, k.Head.Class, k.Head.Entity)
			if err != nil {
				return fmt.Errorf("looking for what rests: %w", err)
			}
			if !slices.ContainsFunc(sealed, k.Is) {
				why = protocol.VitalReplaced
			}
		}
		if why != "" {
			if err := v.cfg.Vault.EndVital(ctx, why, k.Head.Number); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes are the entries that take the inventory on record to what there is, each within bounds; known are numbers whose end they tell, or
// need not.
func (v *vital) changes(live []vault.VitalKey, gone map[uint64]string) (out []protocol.VitalKeys, known []uint64) {
	v.mu.Lock()
	before := maps.Clone(v.ledger.Live())
	v.mu.Unlock()
	known = slices.Collect(maps.Keys(gone))
	var added []protocol.VitalAdded
	var ended []protocol.VitalGone
	for _, k := range live {
		if c, there := before[k.Head.Number]; !there {
			added = append(added, protocol.VitalAdded{Commitment: k.Commitment, Number: k.Head.Number})
		} else if c == k.Commitment {
			delete(before, k.Head.Number)
		} // else it was exchanged: the one that was is lost
	}
	for _, n := range slices.Sorted(maps.Keys(before)) {
		why := gone[n]
		if why == "" {
			why = protocol.VitalLost
			v.way.cfg.Log.Error("a single-use key is gone, and nobody has used it on record: the record says so", "number", n)
		}
		ended = append(ended, protocol.VitalGone{Number: n, Why: why})
	}
	for len(added)+len(ended) > 0 {
		a, e := min(len(added), protocol.MaxVitalChange), min(len(ended), protocol.MaxVitalChange)
		out = append(out, protocol.VitalKeys{Added: append([]protocol.VitalAdded{}, added[:a]...), Gone: append([]protocol.VitalGone{}, ended[:e]...)})
		added, ended = added[a:], ended[e:]
	}
	return out, known
}

// publish puts one change on record. Count and root are those that it gives, from what is on record.
func (v *vital) publish(ctx context.Context, k protocol.VitalKeys) error {
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	w := v.way
	v.mu.Lock()
	after := maps.Clone(v.ledger.Live())
	v.mu.Unlock()
	if after == nil {
		after = map[uint64]tribune.Hash{}
	}
	for _, g := range k.Gone {
		delete(after, g.Number)
	}
	for _, a := range k.Added {
		after[a.Number] = a.Commitment
	}
	k.Count, k.Root = len(after), protocol.VitalRoot(after)
	s := &sheet{caller: w.cfg.Hub, salt: protocol.NewSalt(), decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}}
	var err error
	if s.public, err = protocol.JCS(k); err != nil {
		return err
	}
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActVitalKeys, Caller: tribune.Caller{Actor: w.cfg.Hub.Actor, Office: w.cfg.Hub.Office}, At: w.cfg.Now().UTC()}
	if err := s.draw(act, protocol.Inputs{}, nil); err != nil {
		return err
	}
	signature, err := s.act.Sign(w.cfg.HubKey)
	if err != nil {
		return err
	}
	leaf, err := s.leaf(signature)
	if err != nil {
		return err
	}
	index, err := w.put(ctx, s, leaf)
	if err != nil {
		return err
	}
	read, err := protocol.DecodeLeaf(leaf)
	if err != nil {
		return err
	}
	v.leaf(index, read)
	if _, err := w.cfg.Record.Await(ctx, index); err != nil {
		return fmt.Errorf("waiting for publication: %w", err)
	}
	return nil
}
