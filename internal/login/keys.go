package login

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Keys in the store, all in one partition since a login writes several at once (room | tenant | 0 |):
//
//	k                        the room's key
//	s | session hash         a session
//	p | credential hash      a passkey
//	o | owner | s or p | hash  what belongs to one person
//	u | hash                 a state or challenge that was used
//	x | time | s or u | hash   when it may be deleted
//
// The owner is HMAC-SHA256(room's key, subject): the store names nobody to whoever reads it without that row, and one
// person's rows are found together. Hashes are SHA-256 in hex.
const room = "login"

const roomKeyTimeout = 30 * time.Second // a PostgreSQL that is just starting

func key(parts ...string) []byte { return store.Key(room, tribune.Place{}, parts...) }

func endKey(at time.Time, kind, hash string) []byte {
	k := store.Uint(key("x"), uint64(max(at.Unix(), 0)))
	return store.Part(store.Part(k, kind), hash)
}

// roomKeys are derived from the one key in the store. It protects logins under way and the rows' owners, no data.
type roomKeys struct {
	owners  []byte
	pending cipher.AEAD
}

func openRoomKeys(s store.Store) (roomKeys, error) {
	ctx, cancel := context.WithTimeout(context.Background(), roomKeyTimeout)
	defer cancel()
	k := key("k")
	secret, err := s.Get(ctx, k)
	if errors.Is(err, tribune.ErrNotFound) {
		fresh := random(32)
		var b store.Batch
		b.ExpectAbsent(k)
		b.Put(k, fresh)
		if err := s.Commit(ctx, &b); err != nil && !errors.Is(err, tribune.ErrConflict) {
			return roomKeys{}, fmt.Errorf("making the room's key: %w", err)
		}
		secret, err = s.Get(ctx, k) // another hub may have been first
	}
	if err != nil {
		return roomKeys{}, fmt.Errorf("reading the room's key: %w", err)
	}
	if len(secret) != 32 {
		return roomKeys{}, &tribune.IntegrityError{What: "the login room's key", Err: fmt.Errorf("%d bytes", len(secret))}
	}
	return roomKeys{owners: derive(secret, "owners", 32), pending: aead(derive(secret, "pending", 32))}, nil
}

// owner files what belongs to a subject.
func (k roomKeys) owner(subject string) string {
	m := hmac.New(sha256.New, k.owners)
	m.Write([]byte(subject))
	return hex.EncodeToString(m.Sum(nil))
}

// derive never fails: the only errors are of lengths.
func derive(secret []byte, what string, n int) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, "tribune/v1/login/"+what, n)
	if err != nil {
		panic(err)
	}
	return out
}

// aead never fails: the key is 32 bytes.
func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
