package protocol

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// MaxDocument bounds a signed document in bytes.
const MaxDocument = 1 << 20

// A document is a C2SP signed note: readable text, an empty line, and one line per signature; or a JWS (jws.go). Mandates,
// appointments, registers and policies are documents. The text of registers is TOML, of policies Cedar.

// SignDocument signs text (it must end in a newline) with one or more note keys.
func SignDocument(text string, signers ...note.Signer) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("signing document: %w", err)
	}
	return msg, nil
}

// OpenDocument returns the text and the names of the keys among known that signed it. Without one valid signature by a
// known key it fails with ErrInvalid. Signatures by unknown keys are ignored, as the signed-note format asks.
func OpenDocument(msg []byte, known note.Verifiers) (text string, signers []string, err error) {
	if len(msg) > MaxDocument {
		return "", nil, fmt.Errorf("document of %d bytes: %w", len(msg), tribune.ErrTooLarge)
	}
	n, err := note.Open(msg, known)
	if err != nil {
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &unverified) {
			return "", nil, fmt.Errorf("%w: no known key has signed it", tribune.ErrInvalid)
		}
		return "", nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	for _, s := range n.Sigs {
		signers = append(signers, s.Name)
	}
	return n.Text, signers, nil
}

// SplitDocument separates the text of a document from its signature lines without checking them. A file that is not
// signed yet is all text. Of a JWS the text is its payload, and all of it is the signature.
func SplitDocument(msg []byte) (text string, signatures string) {
	s := string(msg)
	if isJWS(msg) {
		if d, err := readJWS(msg); err == nil {
			return d.text, s
		}
		return s, ""
	}
	if i := strings.LastIndex(s, "\n\n\u2014 "); i >= 0 {
		return s[:i+1], s[i+2:]
	}
	return s, ""
}

// NewKey makes a note key pair (Ed25519) for name: the secret key text and the public verifier key text.
func NewKey(name string) (skey, vkey string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

// SeedOf returns the raw Ed25519 key of a note secret key ("PRIVATE+KEY+name+hash+base64"): guardians sign release
// statements, under their own label, with the key they co-sign checkpoints with.
func SeedOf(skey string) (ed25519.PrivateKey, error) {
	parts := strings.SplitN(strings.TrimSpace(skey), "+", 5)
	if len(parts) != 5 || parts[0] != "PRIVATE" || parts[1] != "KEY" {
		return nil, fmt.Errorf("%w: not a note secret key", tribune.ErrInvalid)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, fmt.Errorf("%w: not an Ed25519 note secret key", tribune.ErrInvalid)
	}
	return ed25519.NewKeyFromSeed(raw[1:]), nil
}

// VerifierOf returns the verifier key text of a note secret key.
func VerifierOf(skey string) (string, error) {
	key, err := SeedOf(skey)
	if err != nil {
		return "", err
	}
	name := strings.SplitN(strings.TrimSpace(skey), "+", 5)[2]
	return note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
}

// PublicOf returns name and raw Ed25519 public key of a note verifier key ("name+hash+base64").
func PublicOf(vkey string) (name string, key ed25519.PublicKey, err error) {
	parts := strings.SplitN(strings.TrimSpace(vkey), "+", 3)
	if len(parts) != 3 {
		return "", nil, fmt.Errorf("%w: not a note verifier key", tribune.ErrInvalid)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return "", nil, fmt.Errorf("%w: not an Ed25519 note verifier key", tribune.ErrInvalid)
	}
	return parts[0], raw[1:], nil
}
