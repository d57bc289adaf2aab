package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tribune"
	"tribune/protocol"
)

// tell puts on record what must be: first each use, then, from time to time, the inventory of keys.
func (v *vital) tell(ctx context.Context) error {
	v.telling.Lock()
	defer v.telling.Unlock()
	waiting := map[string][]byte{}
	for id, note := range v.cfg.Vault.VitalQueue(ctx) {
		waiting[id] = note
	}
	v.mu.Lock()
	v.waiting = len(waiting)
	reachable := v.enough.Equal(v.probed) && !v.probed.IsZero()
	v.mu.Unlock()
	if !reachable {
		return nil
	}
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(waiting)) { // one that cannot be told keeps no other back
		if err := v.disclose(ctx, id, waiting[id]); err != nil {
			failed = append(failed, fmt.Errorf("disclosing what was opened without the guardians: %w", err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	v.mu.Lock()
	due := v.due()
	v.mu.Unlock()
	if !due || !v.on() {
		return nil
	}
	if err := v.inventory(ctx); err != nil && !errors.Is(err, errWaits) {
		return fmt.Errorf("putting the inventory of single-use keys on record: %w", err)
	}
	return nil
}

// due: an inventory that changes is made each Every, one that does not each day; and at once after a start, which may have lost something, and
// after a use.
func (v *vital) due() bool { return !v.fresh || v.way.cfg.Now().Sub(v.looked) >= v.cfg.Every }

// disclose puts one use on record, with the mark of the person it was about. An order that is on record already, by the same id, is not put there
// again: a crash may have come between.
func (v *vital) disclose(ctx context.Context, id string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	v.mu.Lock()
	index, recorded := v.recorded[id]
	v.mu.Unlock()
	if !recorded {
		var err error
		if index, err = v.record(ctx, id, data); err != nil {
			return err
		}
	}
	receipt, err := v.way.cfg.Record.Await(ctx, index)
	if err != nil {
		return fmt.Errorf("waiting for publication: %w", err)
	}
	if err := v.toCheck(ctx, index, receipt); err != nil { // before the note goes: a process that ends in between goes on with one of the two
		return err
	}
	if err := v.cfg.Vault.KeepVital(ctx, id, nil); err != nil {
		return err
	}
	v.mu.Lock()
	v.waiting, v.fresh = max(v.waiting-1, 0), false
	v.mu.Unlock()
	return nil
}

func (v *vital) record(ctx context.Context, id string, data []byte) (uint64, error) {
	var n vitalNote
	if err := json.Unmarshal(data, &n); err != nil || n.Order.ID != id {
		return 0, &tribune.IntegrityError{What: "what must be disclosed", Err: errors.Join(err, tribune.ErrInvalid)}
	}
	if n.Back == "" { // the clock of 24 hours runs from here, also across a restart
		n.Back = protocol.Time(v.way.cfg.Now())
		kept, err := json.Marshal(n)
		if err != nil {
			return 0, err
		}
		if err := v.cfg.Vault.KeepVital(ctx, id, kept); err != nil {
			return 0, err
		}
	}
	s, leaf, err := v.disclosure(ctx, n)
	if err != nil {
		return 0, err
	}
	defer s.wipe()
	index, err := v.way.put(ctx, s, leaf)
	if err != nil {
		return 0, err
	}
	read, err := protocol.DecodeLeaf(leaf)
	if err != nil {
		return 0, err
	}
	v.leaf(index, read)
	return index, nil
}

// disclosure is the leaf of a use. No policy decides it now: it says what was decided then.
func (v *vital) disclosure(ctx context.Context, n vitalNote) (*sheet, []byte, error) {
	w, now := v.way, v.way.cfg.Now()
	s := &sheet{caller: w.cfg.Hub, subjects: []protocol.Subject{{P: n.P, IDs: []tribune.Identity{}}}, salt: n.Salt, evidence: n.Evidence,
		decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}}
	if err := w.number(ctx, s); err != nil {
		return nil, nil, err
	}
	private, err := protocol.JCS(protocol.VitalPrivate{Order: n.Order, Signers: n.Signers})
	if err != nil {
		return nil, nil, err
	}
	s.public, err = protocol.JCS(protocol.VitalUse{Back: n.Back, Class: n.Order.Class, Keys: n.Order.Keys, Opened: n.Opened, Policies: n.Policies, Set: n.Set})
	if err != nil {
		return nil, nil, err
	}
	act := tribune.Act{ID: n.Order.ID, Kind: tribune.ActVital, Count: 1, At: now.UTC(), Caller: tribune.Caller{Actor: n.Signers[0].Actor, Office: n.Order.Office, Purpose: n.Order.Purpose, Mandate: n.Order.Mandate}}
	if err := s.draw(act, protocol.Inputs{Class: n.Order.Class, Note: string(private)}, nil); err != nil {
		return nil, nil, err
	}
	signature, err := s.act.Sign(w.cfg.HubKey) // the two have signed the order, which the private part holds
	if err != nil {
		return nil, nil, err
	}
	leaf, err := s.leaf(signature)
	return s, leaf, err
}
