package protocol

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"tribune"
)

// Request is what the hub sends each guardian it asks to release (19).
type Request struct {
	Receipt  []byte           `json:"receipt"` // tlog-proof, extra = the leaf
	Private  []byte           `json:"private"` // JCS of Private
	Salt     []byte           `json:"salt"`    // opens com and input
	Evidence tribune.Evidence `json:"evidence"`
	Traces   [][]byte         `json:"traces"`           // D(trace ID) per subject in order, 48 bytes each; none for kind enrol
	Hidden   [][]byte         `json:"hidden,omitempty"` // under a warrant: D(hidden ID) per subject, for its quarter
}

// Answer is what a guardian returns: a release or a signed refusal, never both.
type Answer struct {
	Box       []byte     `json:"box,omitempty"` // HPKE enc || ciphertext of the shares, 48 bytes an identity
	Statement *Statement `json:"statement,omitempty"`
	Refusal   *Refusal   `json:"refusal,omitempty"`
}

// Statement is the public half of a release: that this guardian released exactly these identities for this leaf (24).
type Statement struct {
	Guardian  string       `json:"guardian"`
	Leaf      tribune.Hash `json:"leaf"`  // LeafHash
	IDs       tribune.Hash `json:"ids"`   // HashIDs
	Epoch     uint32       `json:"epoch"` // share epoch
	Time      int64        `json:"time"`  // Unix seconds
	Signature []byte       `json:"signature"`
}

// Refusal is a guardian's signed no, with its reason in plain words.
type Refusal struct {
	Guardian  string       `json:"guardian"`
	Leaf      tribune.Hash `json:"leaf"`
	Reason    string       `json:"reason"`
	Veto      bool         `json:"veto"`
	Time      int64        `json:"time"`
	Signature []byte       `json:"signature"`
}

// HashIDs is SHA-256 over lp(ID) of every identity, subjects in the order of the private part, identities in theirs.
func HashIDs(city string, subjects []Subject) tribune.Hash {
	h := sha256.New()
	for _, s := range subjects {
		for _, id := range s.IDs {
			h.Write(AppendLP(nil, id.Bytes(city)))
		}
	}
	return tribune.Hash(h.Sum(nil))
}

// L(release) || lp(guardian) || leaf hash || SHA-256(IDs) || share epoch u32 || time u64.
func (s Statement) message() []byte {
	b := AppendLP(Label("release"), []byte(s.Guardian))
	b = append(b, s.Leaf[:]...)
	b = append(b, s.IDs[:]...)
	b = binary.BigEndian.AppendUint32(b, s.Epoch)
	return binary.BigEndian.AppendUint64(b, uint64(s.Time))
}

// Sign completes the statement.
func (s *Statement) Sign(key ed25519.PrivateKey) { s.Signature = ed25519.Sign(key, s.message()) }

// Verify checks the guardian's signature.
func (s Statement) Verify(key ed25519.PublicKey) error {
	if !ed25519.Verify(key, s.message(), s.Signature) {
		return fmt.Errorf("%w: release statement is not signed by %s", tribune.ErrInvalid, s.Guardian)
	}
	return nil
}

// L(refuse) || lp(guardian) || leaf hash || lp(reason) || veto u8 || time u64.
func (r Refusal) message() []byte {
	b := AppendLP(Label("refuse"), []byte(r.Guardian))
	b = append(b, r.Leaf[:]...)
	b = AppendLP(b, []byte(r.Reason))
	if r.Veto {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(r.Time))
}

// Sign completes the refusal.
func (r *Refusal) Sign(key ed25519.PrivateKey) { r.Signature = ed25519.Sign(key, r.message()) }

// Verify checks the guardian's signature.
func (r Refusal) Verify(key ed25519.PublicKey) error {
	if len(r.Reason) > 0xffff || !ed25519.Verify(key, r.message(), r.Signature) {
		return fmt.Errorf("%w: refusal is not signed by %s", tribune.ErrInvalid, r.Guardian)
	}
	return nil
}

// Recipient is the fresh HPKE key pair of one act; it lives for that act.
type Recipient struct{ key *ecdh.PrivateKey }

// NewRecipient makes a fresh key pair.
func NewRecipient() (*Recipient, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making recipient key: %w", err)
	}
	return &Recipient{key: k}, nil
}

// Public is the raw X25519 public key, 32 bytes.
func (r *Recipient) Public() []byte { return r.key.PublicKey().Bytes() }

// Boxes are HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; info = L(share) || leaf hash,
// aad = share epoch u32; the box is enc (32 bytes) || ciphertext.

// SealShares encrypts a guardian's shares to the act's recipient.
func SealShares(recipient []byte, leaf tribune.Hash, epoch uint32, shares []byte) ([]byte, error) {
	return sealBox(recipient, boxInfo(leaf), epoch, shares)
}

// OpenShares decrypts one guardian's shares.
func (r *Recipient) OpenShares(box []byte, leaf tribune.Hash, epoch uint32) ([]byte, error) {
	return r.openBox(box, boxInfo(leaf), epoch)
}

func boxInfo(leaf tribune.Hash) []byte { return append(Label("share"), leaf[:]...) }

// Hub authenticates itself to guardians: every request but the public ones carries HubHeader, the Unix second, one
// space, and base64 of an Ed25519 signature by the log's key over
// L(hub) || lp(method) || lp(path) || time u64 || SHA-256(body), and DigestHeader (RFC 9530), so that a guardian knows
// whose body it is before it reads it. Guardians accept HubSkew either way.
const (
	HubHeader    = "Tribune-Hub"
	DigestHeader = "Content-Digest"
	HubSkew      = 60 * time.Second
)

// HubMessage is what HubHeader's signature covers.
func HubMessage(method, path string, unix int64, body []byte) []byte {
	return HubMessageOf(method, path, unix, sha256.Sum256(body))
}

// HubMessageOf is HubMessage of a body that is known by its SHA-256 only.
func HubMessageOf(method, path string, unix int64, body tribune.Hash) []byte {
	b := AppendLP(Label("hub"), []byte(method))
	b = AppendLP(b, []byte(path))
	b = binary.BigEndian.AppendUint64(b, uint64(unix))
	return append(b, body[:]...)
}

const digestPrefix, digestSuffix = "sha-256=:", ":"

// ContentDigest is the value of DigestHeader.
func ContentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return digestPrefix + base64.StdEncoding.EncodeToString(sum[:]) + digestSuffix
}

// ParseContentDigest reads what ContentDigest writes, and nothing else.
func ParseContentDigest(s string) (h tribune.Hash, err error) {
	text, ok := strings.CutPrefix(s, digestPrefix)
	text, ok2 := strings.CutSuffix(text, digestSuffix)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || !ok2 || err != nil || len(raw) != len(h) {
		return h, fmt.Errorf("%w: %s is not one sha-256 digest", tribune.ErrInvalid, DigestHeader)
	}
	return tribune.Hash(raw), nil
}
