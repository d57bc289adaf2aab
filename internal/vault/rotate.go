package vault

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// A rotation makes erasures final: what was deleted still lies in backups and in what the store's files have not let go of yet, wrapped under
// the epoch key. The rotation goes from one key to the next and destroys the first:
//
//  1. the next key is written beside the present one, durably;
//  2. the store's mark names both: from here on new rows are wrapped under the next, and both are read;
//  3. what is under the old key is wrapped anew, in batches, until a walk over everything finds nothing that is left, and nothing wrapped
//     under the old key is still on its way to the store;
//  4. the store's mark names the next key alone;
//  5. the old key's file is overwritten, and the next takes its name.
//
// A crash anywhere is healed by the next start: the mark says how far it was.

// Bounds of rotations.
const (
	// RotateWithin is how long after the first erasure since the last rotation the next one has destroyed the key (protocol 33).
	RotateWithin = 30 * 24 * time.Hour
	// rotateEarly is how much earlier it begins by itself.
	rotateEarly  = 24 * time.Hour
	rewrapBatch  = 256 // rows of one commit: small enough not to hold up arrivals
	settleLook   = 20 * time.Millisecond
	maxRotations = 1 << 31 // of one store
)

// Rotation is how far erasures are from being final.
type Rotation struct {
	Epoch    uint32    // under whose key new rows are wrapped
	UnderWay bool      // the store goes over from the key before
	Began    time.Time // zero = none is under way
	Looked   uint64    // rows walked over, and
	Wrapped  uint64    // of those wrapped anew, by the rotation under way or the last one since the start
	Damaged  uint64    // rows that no key opens: they stay as they are
	First    time.Time // the first erasure since Epoch's key came into use; zero = none
	Due      time.Time // when the key is destroyed at the latest; zero = nothing waits for it
}

// rotationState is the row "rotation". Times are Unix seconds, 0 = none.
type rotationState struct {
	First int64 `json:"first"` // erasure under the present key
	Began int64 `json:"began"` // of the rotation under way
	Was   int64 `json:"was"`   // First of the key that is on its way out
}

func rotationRow() []byte { return store.Key("vault", tribune.Place{}, "rotation") }

// destroyedRow says when the key of an epoch was destroyed.
func destroyedRow(epoch uint32) []byte {
	return store.Uint(store.Key("vault", tribune.Place{}, "destroyed"), uint64(epoch))
}

// rotationCounts are what Rotation counts.
type rotationCounts struct{ looked, wrapped, damaged atomic.Uint64 }

func (v *Vault) readRotation(ctx context.Context) (s rotationState, err error) {
	data, err := v.store.Get(ctx, rotationRow())
	if errors.Is(err, tribune.ErrNotFound) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("reading the state of the rotation: %w", err)
	}
	return s, nil
}

// Rotation says where rotations stand.
func (v *Vault) Rotation(ctx context.Context) (Rotation, error) {
	s, err := v.readRotation(ctx)
	if err != nil {
		return Rotation{}, err
	}
	r := v.ring.Load()
	out := Rotation{Epoch: r.now.id, UnderWay: r.rotating(), Looked: v.counts.looked.Load(), Wrapped: v.counts.wrapped.Load(), Damaged: v.counts.damaged.Load()}
	if s.First > 0 {
		out.First = time.Unix(s.First, 0).UTC()
		out.Due = out.First.Add(RotateWithin)
	}
	if r.rotating() {
		out.Began = time.Unix(s.Began, 0).UTC()
		if s.Was > 0 {
			out.Due = time.Unix(s.Was, 0).UTC().Add(RotateWithin)
		}
	}
	return out, nil
}

// RotationDue reports whether one is to go on, or to begin.
func (v *Vault) RotationDue(ctx context.Context) (bool, error) {
	r, err := v.Rotation(ctx)
	return err == nil && (r.UnderWay || !r.Due.IsZero() && !v.now().Before(r.Due.Add(-rotateEarly))), err
}

// Destroyed is when the key of an epoch was destroyed; ErrNotFound where it lives.
func (v *Vault) Destroyed(ctx context.Context, epoch uint32) (time.Time, error) {
	b, err := v.store.Get(ctx, destroyedRow(epoch))
	if err != nil {
		return time.Time{}, fmt.Errorf("asking when the key of epoch %d was destroyed: %w", epoch, err)
	}
	if len(b) != 8 {
		return time.Time{}, &tribune.IntegrityError{What: "when an epoch key was destroyed", Err: tribune.ErrInvalid}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(), nil
}

// Rotate begins a rotation, or goes on with one, and returns once the old key is destroyed. One at a time: a second waits for the first,
// and then rotates again. It costs a read of every wrapped row and a write of each; arrivals and readings go on meanwhile.
func (v *Vault) Rotate(ctx context.Context) error {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if lost := v.ring.Load().lost; lost != 0 {
		return tribune.Hint(fmt.Errorf("%w: the key of epoch %d, under which a part of the store is wrapped", tribune.ErrNotFound, lost),
			"This store was copied while a rotation was under way. Put that epoch's key back as %s%s and start again; if it is destroyed, so is what it wrapped.", v.files.path, nextSuffix)
	}
	if !v.ring.Load().rotating() {
		if err := v.beginRotation(ctx); err != nil {
			return fmt.Errorf("beginning a rotation: %w", err)
		}
	}
	if _, err := v.rewrap(ctx); err != nil { // most of it, while what is on its way arrives
		return fmt.Errorf("wrapping anew: %w", err)
	}
	if err := v.handed.settle(ctx, v.now, func(*segment) bool { return true }); err != nil {
		return fmt.Errorf("waiting for what was sealed before the rotation: %w", err)
	}
	for {
		left, err := v.rewrap(ctx)
		if err != nil {
			return fmt.Errorf("wrapping anew: %w", err)
		}
		if left == 0 {
			break
		}
	}
	if err := v.endRotation(ctx); err != nil {
		return fmt.Errorf("ending a rotation: %w", err)
	}
	return nil
}

// beginRotation makes the next key and has the store name it.
func (v *Vault) beginRotation(ctx context.Context) error {
	v.noting.Lock()
	defer v.noting.Unlock()
	r := v.ring.Load()
	if err := v.completeEpoch(ctx, r); err != nil { // the last one's file may still be there
		return err
	}
	s, err := v.readRotation(ctx)
	if err != nil {
		return err
	}
	if r.now.id >= maxRotations {
		return fmt.Errorf("%w: epoch %d", tribune.ErrTooLarge, r.now.id)
	}
	key, err := v.files.nextKey()
	if err != nil {
		return fmt.Errorf("making the next epoch key: %w", err)
	}
	defer clear(key)
	next := &ring{old: &r.now, marks: append(append([]byte(nil), r.marks...), protocol.EpochMark(r.now.id+1, key)...)}
	if next.now, err = newEpochKey(r.now.id+1, key); err != nil {
		return err
	}
	state, err := json.Marshal(rotationState{Began: v.now().Unix(), Was: s.First})
	if err != nil {
		return err
	}
	var b store.Batch
	b.ExpectPrefix(epochRow(), r.marks)
	b.Put(epochRow(), next.marks)
	b.Put(rotationRow(), state)
	if err := v.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("marking the next epoch in the store: %w", err)
	}
	v.counts.looked.Store(0)
	v.counts.wrapped.Store(0)
	v.counts.damaged.Store(0)
	v.ring.Store(next)
	v.wrapping.Lock() // whoever wrapped under the old key has stored it, or is in v.handed
	v.open.closeAll()
	v.wrapping.Unlock()
	return nil
}

// endRotation has the store name the new key alone, and destroys the old one.
func (v *Vault) endRotation(ctx context.Context) error {
	v.noting.Lock()
	defer v.noting.Unlock()
	r := v.ring.Load()
	s, err := v.readRotation(ctx)
	if err != nil {
		return err
	}
	state, err := json.Marshal(rotationState{First: s.First})
	if err != nil {
		return err
	}
	alone := &ring{now: r.now, marks: r.marks[protocol.EpochMarkSize:]}
	var b store.Batch
	b.ExpectPrefix(epochRow(), r.marks)
	b.Put(epochRow(), alone.marks)
	b.Put(rotationRow(), state)
	if err := v.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("taking the old epoch's mark from the store: %w", err)
	}
	v.ring.Store(alone)
	return v.completeEpoch(ctx, alone)
}

// completeEpoch destroys the file of the key before the present one, and notes when.
func (v *Vault) completeEpoch(ctx context.Context, r *ring) error {
	if r.now.id == firstEpoch || r.rotating() {
		return nil
	}
	if _, err := v.Destroyed(ctx, r.now.id-1); err == nil || !errors.Is(err, tribune.ErrNotFound) {
		return err
	}
	if err := v.files.settle(r.marks); err != nil {
		return err
	}
	var b store.Batch
	b.Put(destroyedRow(r.now.id-1), binary.BigEndian.AppendUint64(nil, uint64(v.now().Unix())))
	if err := v.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("noting that a key was destroyed: %w", err)
	}
	return nil
}
