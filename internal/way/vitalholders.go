package way

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// holderRow is where a holder's own word rests.
func holderRow(actor tribune.ActorID) []byte {
	return store.Key("way", tribune.Place{}, "vitalholder", string(actor))
}

// heldKey is a holder's word, as it rests.
type heldKey struct {
	Holder    protocol.VitalHolder `json:"holder"`
	Office    tribune.OfficeID     `json:"office"`
	Signature []byte               `json:"signature"`
}

// JoinVital takes an office holder's decryption key, signed by the key that their appointment registered. Values that arrive from then on can
// be opened by them, and another.
func (w *Way) JoinVital(ctx context.Context, caller tribune.Caller, h protocol.VitalHolder, signature []byte) error {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave()
	if w.vital.cfg == nil {
		return errNoVital()
	}
	if !caller.Known() || caller.Actor != h.Actor || h.City != w.cfg.Group.City {
		return fmt.Errorf("%w: a holder's key is given by the holder", tribune.ErrInvalid)
	}
	if !slices.ContainsFunc(w.cfg.Gate.Set().VitalClasses(), func(c tribune.Class) bool { return c.Vital == caller.Office }) {
		return tribune.Hint(fmt.Errorf("%w: the law names no class that the office %s opens without the guardians", tribune.ErrDenied, caller.Office), "See /vital: what is on, and for whom.")
	}
	k := heldKey{Holder: h, Office: caller.Office, Signature: signature}
	if err := w.vital.checkHolder(k); err != nil {
		return err
	}
	all, err := w.vital.holders(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(all[caller.Office]), func(o protocol.VitalHolder) bool { return o.Actor == h.Actor })
	if len(others) >= protocol.MaxVitalHolders {
		return fmt.Errorf("%w: the office has %d holders", tribune.ErrTooLarge, protocol.MaxVitalHolders)
	}
	if slices.ContainsFunc(others, func(o protocol.VitalHolder) bool { return slices.Equal(o.Key, h.Key) }) {
		return fmt.Errorf("%w: somebody else has given the same key: two people have two keys", tribune.ErrConflict)
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	var b store.Batch
	b.Put(holderRow(h.Actor), data)
	if err := w.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping a holder's key: %w", err)
	}
	return w.vital.allow(ctx)
}

func errNoVital() error {
	return tribune.Hint(fmt.Errorf("%w: vital interest", tribune.ErrUnsupported), "This hub's one way is not wired for it.")
}

func (v *vital) checkHolder(k heldKey) error {
	key, err := v.way.cfg.Gate.ActorKey(k.Holder.Actor)
	if err != nil {
		return fmt.Errorf("finding a holder's key: %w", err)
	}
	msg, err := k.Holder.Message()
	if err != nil {
		return err
	}
	if !ed25519.Verify(key, msg, k.Signature) {
		return fmt.Errorf("%w: the holder has not signed it", tribune.ErrInvalid)
	}
	return nil
}

// holders are those whose appointments are in force, by office. Those whose appointment has ended get no more packages.
func (v *vital) holders(ctx context.Context) (map[tribune.OfficeID][]protocol.VitalHolder, error) {
	all := map[tribune.OfficeID][]protocol.VitalHolder{}
	prefix := store.Key("way", tribune.Place{}, "vitalholder")
	for pair, err := range v.way.cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		var k heldKey
		if err := json.Unmarshal(pair.Value, &k); err != nil {
			return nil, &tribune.IntegrityError{What: "a holder of single-use keys", Err: err}
		}
		if v.checkHolder(k) == nil {
			all[k.Office] = append(all[k.Office], k.Holder)
		}
	}
	return all, nil
}

// allow tells the vault for whom packages are made.
func (v *vital) allow(ctx context.Context) error {
	holders, err := v.holders(ctx)
	if err != nil {
		return err
	}
	v.mu.Lock()
	last := v.ledger.Last()
	v.mu.Unlock()
	for id, data := range v.cfg.Vault.VitalQueue(ctx) { // keys that were used, and that no entry names yet: their numbers are not given again
		var n vitalNote
		if err := json.Unmarshal(data, &n); err != nil {
			return &tribune.IntegrityError{What: "what must be disclosed, " + id, Err: err}
		}
		last = max(last, slices.Max(append(n.Order.Keys, 0)))
	}
	v.cfg.Vault.AllowVital(last, holders)
	return nil
}
