package protocol

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tribune"
)

// A person recovers their trace key from t guardians, without the hub (28). In the first round each guardian evaluates the person's
// name under its NAME share; the person combines y. In the second they show y, each guardian checks it and answers with its SEAL share of
// the person's trace identity, and of the hidden chains whose quarters are over. Everything is sealed to a key the person made for this once.

// Paths of the two rounds at a guardian.
const (
	PersonNamePath = "/person/name"
	PersonKeysPath = "/person/keys"
)

// Bounds of a person's request.
const (
	MaxPersonRequest = 32 << 10 // an ID token takes 1 to 4 KB
	MaxPersonToken   = 16 << 10
	MaxQuarters      = 40 // ten years of hidden chains at once
	maxQuarter       = 4000
	// MaxExtension is how long after its quarter a hidden chain may stay hidden, whatever the record says.
	MaxExtension = 366 * 24 * time.Hour
)

// PersonName is a name of a person as a provider vouches for it, in the claim tribune_names.
type PersonName struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// PersonRequest is the body of both rounds. Y and Quarters are of the second alone.
type PersonRequest struct {
	Name      PersonName `json:"name"`      // one of the token's
	Quarters  []uint32   `json:"quarters"`  // hidden chains besides the trace key
	Recipient []byte     `json:"recipient"` // X25519 public key, made for this once
	// Representation is shown by who asks for their ward: the token is then the representative's, the name the ward's.
	Representation *RepresentationProof `json:"representation,omitempty"`
	Token          string               `json:"token"` // ID token whose nonce is PersonNonce(recipient)
	Y              []byte               `json:"y"`     // the name's evaluation under NAME, 48 bytes
}

// Validate checks shape and bounds.
func (r PersonRequest) Validate() error {
	switch {
	case len(r.Recipient) != 32:
		return fmt.Errorf("%w: recipient of %d bytes, want an X25519 public key of 32", tribune.ErrInvalid, len(r.Recipient))
	case r.Name.Type == "" || len(r.Name.Type) > maxNameSize || r.Name.Name == "" || len(r.Name.Name) > maxNameSize:
		return fmt.Errorf("%w: the name or its type is empty or longer than %d bytes", tribune.ErrInvalid, maxNameSize)
	case slices.ContainsFunc(r.Quarters, func(q uint32) bool { return q > maxQuarter }):
		return fmt.Errorf("%w: there is no such quarter", tribune.ErrInvalid)
	case len(r.Token) > MaxPersonToken || len(r.Quarters) > MaxQuarters || len(r.Y) != 0 && len(r.Y) != 48:
		return fmt.Errorf("%w: the token, the number of quarters or y", tribune.ErrTooLarge)
	case r.Representation != nil:
		return r.Representation.Validate()
	}
	return nil
}

// PersonIdentities are what the second round is about: the trace key of a pseudonym, then the hidden chains of these quarters.
func PersonIdentities(p tribune.Pseudonym, quarters []uint32) []tribune.Identity {
	ids := []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: p}}
	for _, q := range quarters {
		ids = append(ids, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q})
	}
	return ids
}

// PersonAnswer is what a guardian returns in either round.
type PersonAnswer struct {
	Box       []byte           `json:"box"`                 // HPKE enc || ciphertext: 48 bytes a share
	Epoch     uint32           `json:"epoch"`               // share epoch
	Guardian  string           `json:"guardian"`            // whose shares
	Quarters  []uint32         `json:"quarters,omitempty"`  // second round: those asked for whose chains are to be disclosed by now
	Statement *PersonStatement `json:"statement,omitempty"` // second round: for whom it released what
}

// PersonStatement is a guardian's signed word that it released exactly these identities to this recipient. It names no person, and is the
// person's to keep.
type PersonStatement struct {
	Epoch     uint32       `json:"epoch"`
	Guardian  string       `json:"guardian"`
	IDs       tribune.Hash `json:"ids"` // SHA-256 over lp(ID) of each
	Recipient tribune.Hash `json:"recipient"`
	Signature []byte       `json:"signature"`
	Time      int64        `json:"time"` // Unix seconds
}

// L(personrelease) || lp(guardian) || SHA-256(recipient) || SHA-256(IDs) || share epoch u32 || time u64.
func (s PersonStatement) message() []byte {
	b := AppendLP(Label("personrelease"), []byte(s.Guardian))
	b = append(append(b, s.Recipient[:]...), s.IDs[:]...)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, s.Epoch), uint64(s.Time))
}

// Sign completes the statement.
func (s *PersonStatement) Sign(key ed25519.PrivateKey) { s.Signature = ed25519.Sign(key, s.message()) }

// Verify checks that the guardian said so of this recipient and these identities.
func (s PersonStatement) Verify(key ed25519.PublicKey, recipient []byte, ids tribune.Hash) error {
	if s.Recipient != sha256.Sum256(recipient) || s.IDs != ids || !ed25519.Verify(key, s.message(), s.Signature) {
		return fmt.Errorf("%w: the statement of %s is not of this release", tribune.ErrInvalid, s.Guardian)
	}
	return nil
}

// Secret is the private key, 32 bytes: for a recovery that goes on another day.
func (r *Recipient) Secret() []byte { return r.key.Bytes() }

// RecipientOf is the recipient of a private key.
func RecipientOf(secret []byte) (*Recipient, error) {
	k, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: recipient key", tribune.ErrInvalid) // without the error: it may quote
	}
	return &Recipient{key: k}, nil
}

// PersonNonce is base64url(SHA-256(L(person) || recipient)): the nonce of the ID token, by which whoever steals the token on its way can have
// nothing but what is sealed to its owner.
func PersonNonce(recipient []byte) string {
	h := sha256.Sum256(append(Label("person"), recipient...))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// SealPerson seals a guardian's shares to a person's recipient key. path is the round's.
func SealPerson(recipient []byte, path, guardian string, epoch uint32, shares []byte) ([]byte, error) {
	return sealBox(recipient, personInfo(path, guardian), epoch, shares)
}

// OpenPerson opens what a guardian has sealed by SealPerson.
func (r *Recipient) OpenPerson(path, guardian string, epoch uint32, box []byte) ([]byte, error) {
	return r.openBox(box, personInfo(path, guardian), epoch)
}

// personInfo is L(personshare) || lp(path) || lp(guardian).
func personInfo(path, guardian string) []byte {
	return AppendLP(AppendLP(Label("personshare"), []byte(path)), []byte(guardian))
}

// sealBox is HPKE base mode as all boxes of shares: enc (32 bytes) || ciphertext, aad = share epoch u32.
func sealBox(recipient, info []byte, epoch uint32, clear []byte) ([]byte, error) {
	raw, err := ecdh.X25519().NewPublicKey(recipient)
	if err != nil {
		return nil, fmt.Errorf("%w: recipient key: %w", tribune.ErrInvalid, err)
	}
	pk, err := hpke.NewDHKEMPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: recipient key: %w", tribune.ErrInvalid, err)
	}
	enc, sender, err := hpke.NewSender(pk, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, fmt.Errorf("sealing shares: %w", err)
	}
	ct, err := sender.Seal(binary.BigEndian.AppendUint32(nil, epoch), clear)
	if err != nil {
		return nil, fmt.Errorf("sealing shares: %w", err)
	}
	return append(enc, ct...), nil
}

func (r *Recipient) openBox(box, info []byte, epoch uint32) ([]byte, error) {
	if len(box) < 32 {
		return nil, fmt.Errorf("%w: box of shares is too short", tribune.ErrInvalid)
	}
	k, err := hpke.NewDHKEMPrivateKey(r.key)
	if err != nil {
		return nil, fmt.Errorf("opening shares: %w", err)
	}
	rec, err := hpke.NewRecipient(box[:32], k, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil {
		return nil, fmt.Errorf("%w: box of shares: %w", tribune.ErrInvalid, err)
	}
	shares, err := rec.Open(binary.BigEndian.AppendUint32(nil, epoch), box[32:])
	if err != nil {
		return nil, fmt.Errorf("%w: box of shares: %w", tribune.ErrInvalid, err)
	}
	return shares, nil
}
