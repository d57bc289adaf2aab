package vault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

const (
	epochKeySize   = 32
	firstEpoch     = 1
	wrapVersion    = 0x01
	wrapHead       = 1 + 4 + 12         // version, epoch, nonce
	openEpochLimit = 30 * time.Second   // reading one row at start; a store that takes longer is not there
	maxKeyFile     = 2*epochKeySize + 2 // hex and a line end
)

// epochKey wraps what rests in the store.
type epochKey struct {
	id   uint32
	aead cipher.AEAD
}

// openEpoch reads the epoch key's file and holds it against what the store says of it. Where both are absent it makes a
// key, file first: a store that names a key that was never written could not be told from a lost key.
func openEpoch(s store.Store, path string) (epochKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openEpochLimit)
	defer cancel()
	row := store.Key("vault", tribune.Place{}, "epoch")
	mark, err := s.Get(ctx, row)
	known := err == nil
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return epochKey{}, fmt.Errorf("reading its mark in the store: %w", err)
	}
	key, err := readEpochKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if known {
			return epochKey{}, tribune.Hint(fmt.Errorf("%w: the store holds wrapped data and %s is gone", tribune.ErrNotFound, path),
				"Put the epoch key's file back from where you keep it. Without it nothing that was sealed before can be opened; to begin anew, use a new directory.")
		}
		key, err = createEpochKey(path)
	}
	if err != nil {
		return epochKey{}, err
	}
	defer clear(key)
	want := epochMark(firstEpoch, key)
	if !known {
		var b store.Batch
		b.ExpectAbsent(row)
		b.Put(row, want)
		if err := s.Commit(ctx, &b); err != nil {
			return epochKey{}, fmt.Errorf("marking it in the store: %w", err)
		}
	} else if !bytes.Equal(mark, want) {
		return epochKey{}, tribune.Hint(fmt.Errorf("%w: %s is not the key under which the store's data are wrapped", tribune.ErrInvalid, path),
			"Put the epoch key's file that belongs to this store back.")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return epochKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return epochKey{}, err
	}
	return epochKey{id: firstEpoch, aead: aead}, nil
}

// epochMark is epoch u32 || HMAC-SHA256(key, L(epoch) || epoch u32)[:16]: it tells a wrong key, and nothing about the key.
func epochMark(id uint32, key []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, id)
	h := hmac.New(sha256.New, key)
	h.Write(append(protocol.Label("epoch"), b...))
	return append(b, h.Sum(nil)[:16]...)
}

func readEpochKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: others than its owner may read or write %s", tribune.ErrInvalid, path), "chmod 600 %s", path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is not a key file", tribune.ErrInvalid, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	text := bytes.TrimSpace(data)
	key := make([]byte, epochKeySize)
	if len(text) != hex.EncodedLen(epochKeySize) {
		return nil, fmt.Errorf("%w: %s holds %d characters, want %d hex digits", tribune.ErrInvalid, path, len(text), 2*epochKeySize)
	}
	if _, err := hex.Decode(key, text); err != nil {
		return nil, fmt.Errorf("%w: %s is not hex", tribune.ErrInvalid, path) // without the offending byte
	}
	return key, nil
}

// createEpochKey writes a fresh key durably. It is complete before it has its name, and never replaces another.
func createEpochKey(path string) (key []byte, err error) {
	key = make([]byte, epochKeySize)
	rand.Read(key)
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.new") // O_EXCL, 0600
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	text := append(hex.AppendEncode(nil, key), '\n')
	defer clear(text)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil { // fails where path exists
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return key, nil
}

func (e epochKey) wrap(label string, data []byte) ([]byte, error) {
	b := make([]byte, wrapHead, wrapHead+len(data)+e.aead.Overhead())
	b[0] = wrapVersion
	binary.BigEndian.PutUint32(b[1:], e.id)
	nonce := b[5:wrapHead]
	rand.Read(nonce)
	return e.aead.Seal(b, nonce, data, wrapAAD(label)), nil
}

func (e epochKey) unwrap(label string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < wrapHead || wrapped[0] != wrapVersion {
		return nil, &tribune.IntegrityError{What: "wrapped data", Err: fmt.Errorf("%w: %d bytes are not of version 1", tribune.ErrInvalid, len(wrapped))}
	}
	if id := binary.BigEndian.Uint32(wrapped[1:]); id != e.id {
		return nil, fmt.Errorf("%w: wrapped under epoch %d, the key at hand is of epoch %d", tribune.ErrNotFound, id, e.id)
	}
	data, err := e.aead.Open(nil, wrapped[5:wrapHead], wrapped[wrapHead:], wrapAAD(label))
	if err != nil {
		return nil, &tribune.IntegrityError{What: "wrapped data", Err: fmt.Errorf("%w: they do not open under the epoch key", tribune.ErrInvalid)}
	}
	return data, nil
}

func wrapAAD(label string) []byte { return append(protocol.Label("wrap"), label...) }
