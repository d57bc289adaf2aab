package protocol

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"tribune"
)

// Version is the version of leaves written here.
const Version = 1

// Bounds of a leaf.
const (
	MaxTags     = 1024      // one subject each; larger acts take several leaves
	MaxLeaf     = 1<<16 - 1 // C2SP tlog-tiles entry bound
	MaxIDs      = 16384     // identities opened by one leaf
	SaltSize    = 32
	TimeLayout  = "2006-01-02T15:04:05.000Z" // UTC, milliseconds
	maxNameSize = 256
)

// Act is the public part of an act (14). Its JCS is what the actor signs.
type Act struct {
	Com       tribune.Hash      `json:"com"` // commitment to Private (13)
	Count     int               `json:"count"`
	ID        string            `json:"id"`
	Kind      tribune.ActKind   `json:"kind"`
	Mandate   tribune.MandateID `json:"mandate"`
	Office    tribune.OfficeID  `json:"office"`
	Purpose   tribune.PurposeID `json:"purpose"`
	Recipient []byte            `json:"recipient"` // HPKE X25519 public key, fresh; empty where nothing is opened
	Time      string            `json:"time"`      // TimeLayout
}

// Leaf is one entry of the record (17): never personal data, since a log does not forget.
type Leaf struct {
	Act       Act              `json:"act"`
	Decision  tribune.Decision `json:"decision"`
	Input     tribune.Hash     `json:"input"`            // InputHash of the evidence the decision rested on
	Public    json.RawMessage  `json:"public,omitempty"` // what acts of kind law, ceremony, refusals publish
	Signature []byte           `json:"signature"`        // Ed25519 by the actor's registered key
	Tags      []tribune.Tag    `json:"tags"`
	Version   int              `json:"version"`
}

// Subject is one subject's part of an act: pseudonym, use number and what is opened of it.
type Subject struct {
	IDs []tribune.Identity `json:"ids"`
	N   uint64             `json:"n"`
	P   tribune.Pseudonym  `json:"p"`
}

// Inputs is what was asked, as far as a guardian needs it to re-decide and to hold identities against it.
type Inputs struct {
	Attrs []tribune.Name  `json:"attrs"`
	Class tribune.ClassID `json:"class"`
	From  string          `json:"from"`  // window of arrival time, TimeLayout; "" where nothing is opened
	Until string          `json:"until"` // exclusive
	Note  string          `json:"note"`  // the act of power in words, for kind decide

	LookUp tribune.Name `json:"lookUp,omitempty"` // the sealed attribute by whose value people were looked up
}

// Private is what a leaf commits to and only guardians see (13).
type Private struct {
	Actor    tribune.ActorID `json:"actor"`
	Inputs   Inputs          `json:"inputs"`
	Subjects []Subject       `json:"subjects"`
}

// NewID is a fresh random act id: 16 bytes, hex.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x", b)
}

// NewSalt is a fresh random salt of SaltSize bytes.
func NewSalt() []byte {
	b := make([]byte, SaltSize)
	rand.Read(b)
	return b
}

// Commitment is com = SHA-256(L(com) || salt32 || data), data = JCS of Private or a whole appointment (13).
func Commitment(salt, data []byte) (tribune.Hash, error) {
	return salted("com", salt, data)
}

// InputHash is SHA-256(L(input) || salt32 || JCS(evidence)): which evidence the decision rested on.
func InputHash(salt []byte, e tribune.Evidence) (tribune.Hash, error) {
	data, err := JCS(e)
	if err != nil {
		return tribune.Hash{}, err
	}
	return salted("input", salt, data)
}

func salted(label string, salt, data []byte) (tribune.Hash, error) {
	if len(salt) != SaltSize {
		return tribune.Hash{}, fmt.Errorf("salt of %d bytes, want %d: %w", len(salt), SaltSize, tribune.ErrInvalid)
	}
	h := sha256.New()
	h.Write(Label(label))
	h.Write(salt)
	h.Write(data)
	return tribune.Hash(h.Sum(nil)), nil
}

// Digest is SHA-256(L(act) || JCS(act)), what the actor signs (14).
func (a Act) Digest() (tribune.Hash, error) {
	data, err := JCS(a)
	if err != nil {
		return tribune.Hash{}, err
	}
	return sha256.Sum256(append(Label("act"), data...)), nil
}

// Sign signs the act with the actor's key.
func (a Act) Sign(key ed25519.PrivateKey) ([]byte, error) {
	d, err := a.Digest()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, d[:]), nil
}

// Verify checks the actor's signature.
func (a Act) Verify(key ed25519.PublicKey, sig []byte) error {
	d, err := a.Digest()
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, d[:], sig) {
		return fmt.Errorf("%w: the actor's signature does not fit the act", tribune.ErrInvalid)
	}
	return nil
}

// When is the act's time.
func (a Act) When() (time.Time, error) { return ParseTime(a.Time) }

// ParseTime reads TimeLayout and nothing else.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(TimeLayout, s)
	if err != nil || t.Format(TimeLayout) != s {
		return time.Time{}, fmt.Errorf("%w: time %q is not UTC with milliseconds, like 2026-01-02T03:04:05.678Z", tribune.ErrInvalid, s)
	}
	return t, nil
}

// Time writes t in TimeLayout.
func Time(t time.Time) string { return t.UTC().Format(TimeLayout) }

var actID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Validate checks the shape and bounds of an act, whoever sent it.
func (a Act) Validate() error {
	if !actID.MatchString(a.ID) {
		return fmt.Errorf("%w: act id %q is not 32 lower-case hex digits", tribune.ErrInvalid, a.ID)
	}
	if a.Kind == "" || len(a.Kind) > maxNameSize || len(a.Office) > maxNameSize || len(a.Purpose) > maxNameSize || len(a.Mandate) > maxNameSize {
		return fmt.Errorf("%w: act kind, office, purpose or mandate is empty or longer than %d bytes", tribune.ErrInvalid, maxNameSize)
	}
	if a.Count < 0 || a.Count > MaxTags {
		return fmt.Errorf("%w: act touches %d subjects, at most %d a leaf", tribune.ErrInvalid, a.Count, MaxTags)
	}
	if n := len(a.Recipient); n != 0 && n != 32 {
		return fmt.Errorf("%w: recipient of %d bytes, want an X25519 public key of 32", tribune.ErrInvalid, n)
	}
	_, err := a.When()
	return err
}

// Encode is the leaf's JCS, bounded by MaxLeaf.
func (l Leaf) Encode() ([]byte, error) {
	data, err := JCS(l)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxLeaf {
		return nil, fmt.Errorf("leaf of %d bytes, at most %d: %w", len(data), MaxLeaf, tribune.ErrTooLarge)
	}
	return data, nil
}

// DecodeLeaf reads one leaf and refuses anything that is not exactly what Encode writes.
func DecodeLeaf(data []byte) (Leaf, error) {
	var l Leaf
	if len(data) > MaxLeaf {
		return l, fmt.Errorf("leaf of %d bytes: %w", len(data), tribune.ErrTooLarge)
	}
	if err := DecodeJCS(data, &l); err != nil {
		return l, fmt.Errorf("leaf: %w", err)
	}
	if l.Version != Version {
		return l, fmt.Errorf("%w: leaf version %d, want %d", tribune.ErrInvalid, l.Version, Version)
	}
	if len(l.Tags) > MaxTags {
		return l, fmt.Errorf("%w: %d tags, at most %d", tribune.ErrInvalid, len(l.Tags), MaxTags)
	}
	if err := l.Act.Validate(); err != nil {
		return l, fmt.Errorf("leaf: %w", err)
	}
	return l, nil
}

// DecodePrivate reads the private part of an act; its commitment is the caller's to check.
func DecodePrivate(data []byte) (Private, error) {
	var p Private
	if err := DecodeJCS(data, &p); err != nil {
		return p, fmt.Errorf("private part: %w", err)
	}
	ids := 0
	for _, s := range p.Subjects {
		ids += len(s.IDs)
		if s.N > 1<<53-1 {
			return p, fmt.Errorf("%w: use number %d", tribune.ErrInvalid, s.N)
		}
	}
	if len(p.Subjects) > MaxTags || ids > MaxIDs {
		return p, fmt.Errorf("%w: %d subjects and %d identities, at most %d and %d", tribune.ErrTooLarge, len(p.Subjects), ids, MaxTags, MaxIDs)
	}
	return p, nil
}

// LeafHash is the RFC 6962 leaf hash, SHA-256(0x00 || leaf).
func LeafHash(leaf []byte) tribune.Hash {
	return sha256.Sum256(append([]byte{0}, leaf...))
}
