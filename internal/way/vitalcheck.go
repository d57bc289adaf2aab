package way

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
	"tribune/verify"
)

// Guardians check each disclosure, and their word is kept beside it. Until t of them have, its receipt rests under way||vitalunchecked|index: it is
// written before the note of the use goes, so that a hub which is killed anywhere finds one of the two at its next start and goes on. The receipt is
// that of the moment at which the disclosure was published: its co-signatures say when that was, also days later. The use stands on record
// whatever guardians say.

// Bounds, with their reasons.
const (
	vitalCheckFirst = 5 * time.Second     // to the second try: guardians have just come back
	vitalCheckLast  = 30 * time.Minute    // between later ones: who refuses will refuse again
	vitalCheckFor   = 30 * 24 * time.Hour // nobody is asked any longer; who watches has raised the alarm by then
)

// vitalUnchecked is a disclosure that too few guardians have found right.
type vitalUnchecked struct {
	receipt tribune.Receipt
	tries   int
	next    time.Time
}

func vitalUncheckedKey(index uint64) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "vitalunchecked"), index)
}

// errNothingToShow: the person was erased meanwhile, and with them what guardians would be shown.
var errNothingToShow = errors.New("what guardians would be shown is not here any more")

// toCheck keeps that guardians have to check the disclosure at index.
func (v *vital) toCheck(ctx context.Context, index uint64, receipt tribune.Receipt) error {
	if v.cfg.Checked == nil {
		return nil
	}
	var b store.Batch
	b.Put(vitalUncheckedKey(index), receipt)
	if err := v.way.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping that guardians have to check a disclosure: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unchecked[index] = &vitalUnchecked{receipt: receipt}
	return nil
}

// readUnchecked is what an earlier process has left to check.
func (v *vital) readUnchecked(ctx context.Context) error {
	prefix := store.Key("way", tribune.Place{}, "vitalunchecked")
	for row, err := range v.way.cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return fmt.Errorf("reading which disclosures are not checked: %w", err)
		}
		if len(row.Key) != len(prefix)+8 {
			return &tribune.IntegrityError{What: "a key of disclosures that are not checked", Err: tribune.ErrInvalid}
		}
		v.unchecked[binary.BigEndian.Uint64(row.Key[len(prefix):])] = &vitalUnchecked{receipt: append(tribune.Receipt{}, row.Value...)}
	}
	return nil
}

// checks has guardians check what is due, one after the other, in the background: an emergency does not wait for it.
func (v *vital) checks() {
	v.mu.Lock()
	defer v.mu.Unlock()
	reachable := v.enough.Equal(v.probed) && !v.probed.IsZero()
	if v.checking || !reachable || v.cfg.Checked == nil {
		return
	}
	now := v.way.cfg.Now()
	for index, u := range v.unchecked {
		if now.Before(u.next) {
			continue
		}
		v.checking = true
		v.way.acts.Add(1)
		go func() {
			defer v.way.acts.Done()
			ctx, cancel := context.WithTimeout(context.Background(), openFor)
			defer cancel()
			v.checked(ctx, index, u, v.check(ctx, index, u.receipt))
		}()
		return
	}
}

// checked keeps what came of one try.
func (v *vital) checked(ctx context.Context, index uint64, u *vitalUnchecked, err error) {
	now := v.way.cfg.Now()
	over := err == nil || errors.Is(err, errNothingToShow) || now.Sub(v.way.toldAt(ctx, index)) > vitalCheckFor
	if over {
		var b store.Batch
		b.Delete(vitalUncheckedKey(index))
		if gone := v.way.cfg.Store.Commit(ctx, &b); gone != nil {
			over, err = false, errors.Join(err, gone)
		}
	}
	if err != nil {
		v.way.cfg.Log.Error("guardians have not checked a disclosure", "index", index, "again", !over, "err", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checking = false
	if over {
		delete(v.unchecked, index)
		return
	}
	u.next = now.Add(min(vitalCheckFirst<<min(u.tries, 16), vitalCheckLast))
	u.tries++
}

// toldAt is when the act at index says that it was; now where that cannot be read.
func (w *Way) toldAt(ctx context.Context, index uint64) time.Time {
	raw, err := w.leafAt(ctx, index)
	if err == nil {
		if leaf, err := protocol.DecodeLeaf(raw); err == nil {
			if at, err := leaf.Act.When(); err == nil {
				return at
			}
		}
	}
	return w.cfg.Now()
}

// check shows guardians one disclosure, from what rests of it: leaf, opening, and the person's trace key.
func (v *vital) check(ctx context.Context, index uint64, receipt tribune.Receipt) error {
	w := v.way
	leaf, err := w.leafAt(ctx, index)
	if err != nil {
		return err
	}
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return &tribune.IntegrityError{What: "the receipt of a disclosure", Err: err}
	}
	proof.Extra = leaf
	o, err := w.opening(ctx, protocol.LeafHash(leaf))
	if errors.Is(err, tribune.ErrNotFound) || err == nil && o.Redacted > 0 {
		return errNothingToShow
	}
	if err != nil {
		return err
	}
	private, err := protocol.DecodePrivate(o.Private)
	if err != nil || len(private.Subjects) != 1 {
		return &tribune.IntegrityError{What: "the opening of a disclosure", Err: errors.Join(err, tribune.ErrInvalid)}
	}
	d, err := w.cfg.Vault.TraceKey(ctx, private.Subjects[0].P)
	if errors.Is(err, tribune.ErrNotFound) {
		return errNothingToShow
	}
	if err != nil {
		return fmt.Errorf("reading a trace key: %w", err)
	}
	defer clear(d)
	return v.cfg.Checked(ctx, index, protocol.Request{Receipt: proof.Marshal(), Private: o.Private, Salt: o.Salt, Evidence: o.Evidence, Traces: [][]byte{d}})
}
