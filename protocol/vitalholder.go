package protocol

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"tribune"
)

// VitalHolder says with which key an office holder takes part, and is signed by the key that their appointment registered.
type VitalHolder struct {
	Actor   tribune.ActorID `json:"actor"`
	City    string          `json:"city"`
	Key     []byte          `json:"key"` // X25519 public key, 32 bytes
	Version int             `json:"version"`
}

// VitalSecret is an office holder's own decryption key. It is derived from the seed of the key that they sign with, so that there is no
// second file to keep or to lose: HKDF-SHA256(seed, no salt, info L(vitalsecret) || lp(city)), taken as an X25519 private key.
func VitalSecret(key ed25519.PrivateKey, city string) (*Recipient, error) {
	if len(key) != ed25519.PrivateKeySize || len(city) > maxNameSize {
		return nil, fmt.Errorf("%w: not an actor's key", tribune.ErrInvalid)
	}
	raw, err := hkdf.Key(sha256.New, key.Seed(), nil, string(AppendLP(Label("vitalsecret"), []byte(city))), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	defer clear(raw)
	secret, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return &Recipient{key: secret}, nil
}

// Message is L(vitalholder) || JCS(holder), what the holder's appointed key signs.
func (h VitalHolder) Message() ([]byte, error) {
	if _, err := ecdh.X25519().NewPublicKey(h.Key); err != nil || h.Version != VitalVersion || !nameOK(string(h.Actor)) || !nameOK(h.City) {
		return nil, fmt.Errorf("%w: not a holder of keys for vital interest", tribune.ErrInvalid)
	}
	text, err := JCS(h)
	return append(Label("vitalholder"), text...), err
}

func nameOK(s string) bool { return s != "" && len(s) <= maxNameSize }
