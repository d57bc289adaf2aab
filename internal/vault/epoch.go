package vault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

const (
	epochKeySize   = 32
	firstEpoch     = 1
	wrapVersion    = 0x01
	wrapHead       = 1 + 4 + 12       // version, epoch, nonce
	openEpochLimit = 30 * time.Second // reading one row at start; a store that takes longer is not there
)

// epochKey wraps what rests in the store.
type epochKey struct {
	id   uint32
	aead cipher.AEAD
}

// ring is the epoch keys at hand: one, and while the store goes from one to the next, two. It is never changed, but replaced.
type ring struct {
	marks []byte // as the store says
	now   epochKey
	old   *epochKey // nil = there is none, or its file is gone
	lost  uint32    // epoch of a key that the store names and nobody has; 0 = none
}

func epochRow() []byte { return store.Key("vault", tribune.Place{}, "epoch") }

// openEpoch reads the epoch keys' files and holds them against what the store says of them. Where both are absent it makes a
// key, file first: a store that names a key that was never written could not be told from a lost key.
func openEpoch(s store.Store, f keyFiles) (*ring, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openEpochLimit)
	defer cancel()
	marks, err := s.Get(ctx, epochRow())
	if errors.Is(err, tribune.ErrNotFound) {
		return beginEpochs(ctx, s, f)
	}
	if err != nil {
		return nil, fmt.Errorf("reading its mark in the store: %w", err)
	}
	if n := len(marks); n != protocol.EpochMarkSize && n != 2*protocol.EpochMarkSize {
		return nil, &tribune.IntegrityError{What: "the epoch's mark in the store", Err: fmt.Errorf("%w: %d bytes", tribune.ErrInvalid, n)}
	}
	last := marks[len(marks)-protocol.EpochMarkSize:]
	r := &ring{marks: marks}
	if r.now, err = f.find(last); err != nil {
		return nil, err
	}
	if len(marks) == len(last) {
		return r, f.settle(last) // a crash may have kept the old key's file from being destroyed
	}
	switch old, err := f.find(marks[:protocol.EpochMarkSize]); {
	case err == nil:
		r.old = &old
	default: // the store was copied in the middle of a rotation, and the old key is destroyed since
		r.lost = binary.BigEndian.Uint32(marks)
	}
	return r, nil
}

// beginEpochs marks a store that has no mark with the key that is there, or with a new one.
func beginEpochs(ctx context.Context, s store.Store, f keyFiles) (*ring, error) {
	key, err := readEpochKey(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = createEpochKey(f.path)
	}
	if err != nil {
		return nil, err
	}
	defer clear(key)
	r := &ring{marks: protocol.EpochMark(firstEpoch, key)}
	if r.now, err = newEpochKey(firstEpoch, key); err != nil {
		return nil, err
	}
	var b store.Batch
	b.ExpectAbsent(epochRow())
	b.Put(epochRow(), r.marks)
	if err := s.Commit(ctx, &b); err != nil {
		return nil, fmt.Errorf("marking it in the store: %w", err)
	}
	return r, nil
}

func newEpochKey(id uint32, key []byte) (epochKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return epochKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	return epochKey{id: id, aead: aead}, err
}

// wrap encrypts under the newest key.
func (r *ring) wrap(label string, data []byte) []byte {
	b := make([]byte, wrapHead, wrapHead+len(data)+r.now.aead.Overhead())
	b[0] = wrapVersion
	binary.BigEndian.PutUint32(b[1:], r.now.id)
	nonce := b[5:wrapHead]
	rand.Read(nonce)
	return r.now.aead.Seal(b, nonce, data, wrapAAD(label))
}

func (r *ring) unwrap(label string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < wrapHead || wrapped[0] != wrapVersion {
		return nil, &tribune.IntegrityError{What: "wrapped data", Err: fmt.Errorf("%w: %d bytes are not of version 1", tribune.ErrInvalid, len(wrapped))}
	}
	key := &r.now
	if id := binary.BigEndian.Uint32(wrapped[1:]); id != key.id {
		if key = r.old; key == nil || key.id != id {
			return nil, fmt.Errorf("%w: wrapped under epoch %d, whose key is not at hand; the present one is of epoch %d", tribune.ErrNotFound, id, r.now.id)
		}
	}
	data, err := key.aead.Open(nil, wrapped[5:wrapHead], wrapped[wrapHead:], wrapAAD(label))
	if err != nil {
		return nil, &tribune.IntegrityError{What: "wrapped data", Err: fmt.Errorf("%w: they do not open under the epoch key", tribune.ErrInvalid)}
	}
	return data, nil
}

// stale reports whether wrapped data are not under the newest key.
func (r *ring) stale(wrapped []byte) bool {
	return len(wrapped) < wrapHead || binary.BigEndian.Uint32(wrapped[1:]) != r.now.id
}

// rotating reports whether the store names two keys.
func (r *ring) rotating() bool { return len(r.marks) > protocol.EpochMarkSize }

func wrapAAD(label string) []byte { return append(protocol.Label("wrap"), label...) }

// Wrap encrypts what other rooms keep at rest under the epoch key. The label must be given again. Who keeps it takes part in rotations by
// Config.Elsewhere; rows of the store are simpler with Keep.
func (v *Vault) Wrap(label string, data []byte) ([]byte, error) {
	return v.ring.Load().wrap(label, data), nil
}

// Unwrap undoes Wrap.
func (v *Vault) Unwrap(label string, wrapped []byte) ([]byte, error) {
	return v.ring.Load().unwrap(label, wrapped)
}

// Keep wraps data under their store key and commits them, in a row of another room. No rotation comes between the two.
func (v *Vault) Keep(ctx context.Context, key, data []byte) error {
	v.wrapping.RLock()
	defer v.wrapping.RUnlock()
	var b store.Batch
	b.Put(key, v.ring.Load().wrap(string(key), data))
	return v.store.Commit(ctx, &b)
}

// sameMark compares marks; they are no secret.
func sameMark(a, b []byte) bool { return bytes.Equal(a, b) }
