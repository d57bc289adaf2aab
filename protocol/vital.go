package protocol

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
)

// Vital interest: the one declared exception from "no record, no key". While guardians cannot be reached, two holders of an office that a
// class names open one person's current values of that class with single-use keys, and the record says so afterwards (vitalorder.go,
// vitalledger.go). docs/protocol.md, "Vital interest".

// Bounds of vital interest.
const (
	VitalVersion    = 1
	VitalFor        = 15 * time.Minute // an answer is shown
	VitalWithin     = 24 * time.Hour   // of reconnection a use is on record
	MaxVitalHolders = 8
	MaxVitalValue   = 64 << 10  // bytes of one value
	MaxVitalPackage = 128 << 10 // bytes of one package
	vitalShareSize  = 32
	maxVitalAttr    = 4096
)

// VitalHead is what a package is about, bound into all of it.
type VitalHead struct {
	Attr   string            `json:"attr"`
	City   string            `json:"city"`
	Class  tribune.ClassID   `json:"class"`
	Entity tribune.EntityID  `json:"entity"`
	Number uint64            `json:"number"` // of the single-use key: none is given twice
	P      tribune.Pseudonym `json:"p"`
	Sealed tribune.Hash      `json:"sealed"` // SHA-256 of the sealed value that rests: only what is current is opened
	Time   string            `json:"time"`
}

func (h VitalHead) digest() (tribune.Hash, error) {
	if !nameOK(h.City) || !nameOK(string(h.Class)) || h.Entity == "" || len(h.Entity) > maxVitalAttr || h.Attr == "" || len(h.Attr) > maxVitalAttr || len(h.Time) > maxNameSize || h.Number == 0 || h.Number > 1<<53-1 {
		return tribune.Hash{}, fmt.Errorf("%w: head of a package for vital interest", tribune.ErrInvalid)
	}
	text, err := JCS(h)
	return sha256.Sum256(append(Label("vitalpackage"), text...)), err
}

// VitalBox is one holder's share: sealed to them, with a commitment by which it is recognised before anything is opened.
type VitalBox struct {
	Actor tribune.ActorID `json:"actor"`
	Box   []byte          `json:"box"`
	Share tribune.Hash    `json:"share"` // SHA-256(L(vitalshare) || head digest || lp(actor) || share)
}

// VitalPair is the package's key, wrapped under the shares of two holders, A before B.
type VitalPair struct {
	A   int    `json:"a"`
	B   int    `json:"b"`
	Key []byte `json:"key"`
}

// VitalPackage is one value under one single-use key: any two of its holders open it, one cannot.
type VitalPackage struct {
	Boxes []VitalBox  `json:"boxes"` // by actor, ascending
	Head  VitalHead   `json:"head"`
	Pairs []VitalPair `json:"pairs"` // of every two boxes, in order
	Value []byte      `json:"value"` // AES-256-GCM, zero nonce, aad the head's digest
}

// SealVital makes a package. Its key lives in this call alone; so do the shares.
func SealVital(head VitalHead, holders []VitalHolder, value []byte) (p VitalPackage, err error) {
	if len(value) > MaxVitalValue {
		return p, fmt.Errorf("%w: a value of %d bytes", tribune.ErrTooLarge, len(value))
	}
	digest, err := head.digest()
	if err != nil {
		return p, err
	}
	holders = slices.Clone(holders)
	slices.SortFunc(holders, func(a, b VitalHolder) int { return strings.Compare(string(a.Actor), string(b.Actor)) })
	if n := len(holders); n < 2 || n > MaxVitalHolders {
		return p, fmt.Errorf("%w: %d holders, 2 to %d", tribune.ErrInvalid, n, MaxVitalHolders)
	}
	key := make([]byte, 32)
	rand.Read(key)
	defer clear(key)
	p.Head = head
	var shares [][]byte
	for i, h := range holders {
		if slices.ContainsFunc(holders[:i], func(o VitalHolder) bool { return o.Actor == h.Actor || slices.Equal(o.Key, h.Key) }) {
			return p, fmt.Errorf("%w: one holder twice", tribune.ErrInvalid)
		}
		share := make([]byte, vitalShareSize)
		rand.Read(share)
		defer clear(share)
		shares = append(shares, share)
		box, err := sealBox(h.Key, vitalBoxInfo(digest, h.Actor), 0, share)
		if err != nil {
			return p, err
		}
		p.Boxes = append(p.Boxes, VitalBox{Actor: h.Actor, Box: box, Share: vitalShareHash(digest, h.Actor, share)})
	}
	for a := range shares {
		for b := a + 1; b < len(shares); b++ {
			wrapped, err := vitalSeal(vitalPairKey(digest, a, b, shares[a], shares[b]), digest, key)
			if err != nil {
				return p, err
			}
			p.Pairs = append(p.Pairs, VitalPair{A: a, B: b, Key: wrapped})
		}
	}
	p.Value, err = vitalSeal(key, digest, value)
	return p, err
}

func vitalBoxInfo(digest tribune.Hash, actor tribune.ActorID) []byte {
	return AppendLP(append(Label("vitalbox"), digest[:]...), []byte(actor))
}

func vitalShareHash(digest tribune.Hash, actor tribune.ActorID, share []byte) tribune.Hash {
	return sha256.Sum256(append(AppendLP(append(Label("vitalshare"), digest[:]...), []byte(actor)), share...))
}

// vitalPairKey is HKDF-SHA256(share A || share B, no salt, info L(vitalpair) || head digest || a u8 || b u8).
func vitalPairKey(digest tribune.Hash, a, b int, x, y []byte) []byte {
	both := slices.Concat(x, y)
	defer clear(both)
	key, err := hkdf.Key(sha256.New, both, nil, string(append(append(Label("vitalpair"), digest[:]...), byte(a), byte(b))), 32)
	if err != nil {
		panic("protocol: HKDF-SHA256 of 32 bytes: " + err.Error()) // it has no input by which it could fail
	}
	return key
}

func vitalAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// vitalSeal encrypts under a key that is used once, and wipes it where it is not the caller's.
func vitalSeal(key []byte, digest tribune.Hash, clear []byte) ([]byte, error) {
	aead, err := vitalAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("sealing for vital interest: %w", err)
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), clear, digest[:]), nil
}

// Encode is the package's JCS, bounded by MaxVitalPackage.
func (p VitalPackage) Encode() ([]byte, error) {
	data, err := JCS(p)
	if err == nil && len(data) > MaxVitalPackage {
		err = fmt.Errorf("%w: a package of %d bytes", tribune.ErrTooLarge, len(data))
	}
	return data, err
}

// DecodeVitalPackage reads what Encode writes and nothing else.
func DecodeVitalPackage(data []byte) (p VitalPackage, err error) {
	if len(data) > MaxVitalPackage {
		return p, fmt.Errorf("%w: a package of %d bytes", tribune.ErrTooLarge, len(data))
	}
	if err := DecodeJCS(data, &p); err != nil {
		return p, fmt.Errorf("package for vital interest: %w", err)
	}
	n := len(p.Boxes)
	if n < 2 || n > MaxVitalHolders || len(p.Pairs) != n*(n-1)/2 {
		return p, fmt.Errorf("%w: a package of %d shares and %d pairs", tribune.ErrInvalid, n, len(p.Pairs))
	}
	at := 0
	for a := range n {
		if a > 0 && p.Boxes[a-1].Actor >= p.Boxes[a].Actor || !nameOK(string(p.Boxes[a].Actor)) {
			return p, fmt.Errorf("%w: the shares of a package are not in order", tribune.ErrInvalid)
		}
		for b := a + 1; b < n; b++ {
			if p.Pairs[at].A != a || p.Pairs[at].B != b {
				return p, fmt.Errorf("%w: the pairs of a package are not in order", tribune.ErrInvalid)
			}
			at++
		}
	}
	_, err = p.Head.digest()
	return p, err
}

// VitalCommitment stands for a package on record: SHA-256(L(vitalkey) || number u64 || package).
func VitalCommitment(number uint64, encoded []byte) tribune.Hash {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(Label("vitalkey"), number), encoded...))
}

func (p VitalPackage) box(actor tribune.ActorID) int {
	return slices.IndexFunc(p.Boxes, func(b VitalBox) bool { return b.Actor == actor })
}

// Box is a holder's share, sealed to them; ErrNotFound where they hold none of this package.
func (p VitalPackage) Box(actor tribune.ActorID) (VitalBox, tribune.Hash, error) {
	i := p.box(actor)
	if i < 0 {
		return VitalBox{}, tribune.Hash{}, fmt.Errorf("%w: no share of key %d is yours", tribune.ErrNotFound, p.Head.Number)
	}
	digest, err := p.Head.digest()
	return p.Boxes[i], digest, err
}

// OpenVitalBox opens a holder's own share of the package with that head digest.
func (r *Recipient) OpenVitalBox(digest tribune.Hash, actor tribune.ActorID, box []byte) ([]byte, error) {
	share, err := r.openBox(box, vitalBoxInfo(digest, actor), 0)
	if err == nil && len(share) != vitalShareSize {
		err = fmt.Errorf("%w: a share of %d bytes", tribune.ErrInvalid, len(share))
	}
	return share, err
}

// Check recognises a holder's share without opening anything.
func (p VitalPackage) Check(actor tribune.ActorID, share []byte) error {
	box, digest, err := p.Box(actor)
	if err != nil {
		return err
	}
	if h := vitalShareHash(digest, actor, share); len(share) != vitalShareSize || subtle.ConstantTimeCompare(h[:], box.Share[:]) != 1 {
		return fmt.Errorf("%w: that is not the holder's share of key %d", tribune.ErrInvalid, p.Head.Number)
	}
	return nil
}

// Open opens the value with the shares of two holders.
func (p VitalPackage) Open(one tribune.ActorID, x []byte, other tribune.ActorID, y []byte) ([]byte, error) {
	if err := p.Check(one, x); err != nil {
		return nil, err
	}
	if err := p.Check(other, y); err != nil {
		return nil, err
	}
	a, b := p.box(one), p.box(other)
	if a == b {
		return nil, fmt.Errorf("%w: it takes two people", tribune.ErrInvalid)
	}
	if a > b {
		a, b, x, y = b, a, y, x
	}
	digest, err := p.Head.digest()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Pairs, func(v VitalPair) bool { return v.A == a && v.B == b })
	if i < 0 {
		return nil, fmt.Errorf("%w: the package lacks the pair", tribune.ErrInvalid)
	}
	pair := vitalPairKey(digest, a, b, x, y)
	defer clear(pair)
	key, err := vitalOpen(pair, digest, p.Pairs[i].Key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return vitalOpen(key, digest, p.Value)
}

func vitalOpen(key []byte, digest tribune.Hash, sealed []byte) ([]byte, error) {
	aead, err := vitalAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("%w: opening for vital interest: %w", tribune.ErrInvalid, err)
	}
	clear, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, digest[:])
	if err != nil {
		return nil, fmt.Errorf("%w: the package does not open", tribune.ErrInvalid)
	}
	return clear, nil
}
