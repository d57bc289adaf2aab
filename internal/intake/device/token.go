package device

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"tribune"
)

// errUnknown is one error for an id that is not registered and for a token that is not the device's.
var errUnknown = fmt.Errorf("%w: no such device, or not its token", tribune.ErrUnknown)

// NewToken makes a device's token: 32 random bytes in base64url without padding, 43 characters, as the device sends them.
// The document holds its hash, TokenHash, as token_sha256.
func NewToken() (token string, sum tribune.Hash) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, TokenHash(token)
}

// TokenHash is the SHA-256 of a token as it is sent.
func TokenHash(token string) tribune.Hash { return sha256.Sum256([]byte(token)) }

// Authenticate returns the device whose token this is. It fails with tribune.ErrUnknown, the same for an unknown id and for
// a wrong token and after the same work; and with tribune.ErrExpired for the right token of a device that is not in force.
func (r *Register) Authenticate(id, token string) (*Device, error) {
	d, known := r.Get(id)
	want := r.nobody
	if known {
		want = d.TokenSHA256
	}
	sum := TokenHash(token)
	if !r.same(sum[:], want[:]) || !known {
		return nil, errUnknown
	}
	if err := d.inForce(r.cfg.Now()); err != nil {
		return nil, err
	}
	return d, nil
}

func sameHash(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// inForce is nil where the document is in force, else why not.
func (d *Device) inForce(now time.Time) error {
	switch {
	case now.Before(d.From):
		return tribune.Hint(fmt.Errorf("device %s begins %s, not in force yet: %w", d.ID, d.From.UTC().Format(time.RFC3339), tribune.ErrExpired), "it is in force from then on")
	case !now.Before(d.Until):
		return tribune.Hint(fmt.Errorf("device %s ended %s: %w", d.ID, d.Until.UTC().Format(time.RFC3339), tribune.ErrExpired),
			"register a new document with a later end, if it is still needed")
	}
	return nil
}
