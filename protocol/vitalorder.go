package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tribune"
)

// Bounds of an order.
const (
	MaxVitalKeys   = 32  // one order opens
	MaxVitalReason = 500 // bytes
	VitalAskFor    = 5 * time.Minute
)

// VitalOrder is what two people sign before anything is opened: which current values of one entity, why, by which mandate.
type VitalOrder struct {
	At        string            `json:"at"` // TimeLayout
	City      string            `json:"city"`
	Class     tribune.ClassID   `json:"class"`
	Entity    tribune.EntityID  `json:"entity"`
	ID        string            `json:"id"`   // 16 random bytes, hex: of the act that discloses it
	Keys      []uint64          `json:"keys"` // numbers of the single-use keys, ascending
	Mandate   tribune.MandateID `json:"mandate"`
	Office    tribune.OfficeID  `json:"office"`
	Purpose   tribune.PurposeID `json:"purpose"`
	Reason    string            `json:"reason"`    // in words; the public never sees it, the person does
	Recipient []byte            `json:"recipient"` // X25519 public key of this order alone, to which shares are sealed
	Version   int               `json:"version"`
}

// Validate checks shape and bounds, whoever sent it.
func (o VitalOrder) Validate() error {
	if o.Version != VitalVersion || !actID.MatchString(o.ID) || len(o.Recipient) != 32 {
		return fmt.Errorf("%w: an order's version, id or recipient", tribune.ErrInvalid)
	}
	for _, s := range []string{o.City, string(o.Class), string(o.Mandate), string(o.Office), string(o.Purpose)} {
		if !nameOK(s) {
			return fmt.Errorf("%w: an order's city, class, mandate, office or purpose", tribune.ErrInvalid)
		}
	}
	if o.Entity == "" || len(o.Entity) > maxVitalAttr || o.Reason == "" || len(o.Reason) > MaxVitalReason {
		return tribune.Hint(fmt.Errorf("%w: an order's entity or reason", tribune.ErrInvalid), "Give both; a reason has at most %d bytes.", MaxVitalReason)
	}
	if err := vitalNumbers(o.Keys, MaxVitalKeys); err != nil {
		return err
	}
	_, err := ParseTime(o.At)
	return err
}

// vitalNumbers are ascending, and there is one.
func vitalNumbers(numbers []uint64, most int) error {
	if len(numbers) == 0 || len(numbers) > most {
		return fmt.Errorf("%w: %d single-use keys, 1 to %d", tribune.ErrInvalid, len(numbers), most)
	}
	for i, n := range numbers {
		if n == 0 || n > 1<<53-1 || i > 0 && numbers[i-1] >= n {
			return fmt.Errorf("%w: the numbers of single-use keys do not ascend", tribune.ErrInvalid)
		}
	}
	return nil
}

// DecodeVitalOrder reads an order in its one spelling.
func DecodeVitalOrder(text []byte) (o VitalOrder, err error) {
	if err := DecodeJCS(text, &o); err != nil {
		return o, fmt.Errorf("order: %w", err)
	}
	return o, o.Validate()
}

// Message is L(vital) || lp(actor) || JCS(order), what each of the two signs.
func (o VitalOrder) Message(actor tribune.ActorID) ([]byte, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if !nameOK(string(actor)) {
		return nil, fmt.Errorf("%w: nobody signs", tribune.ErrInvalid)
	}
	text, err := JCS(o)
	return append(AppendLP(Label("vital"), []byte(actor)), text...), err
}

// info binds the boxes of one order to it and to whoever sealed them.
func (o VitalOrder) info(actor tribune.ActorID) ([]byte, error) {
	msg, err := o.Message(actor)
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(msg)
	return append(Label("vitalrelease"), h[:]...), nil
}

// VitalApproval is one person's part: their signature, and their shares of the order's keys in their order, sealed to its recipient.
type VitalApproval struct {
	Box       []byte `json:"box"`
	Signature []byte `json:"signature"`
}

// Approve signs an order and seals shares to it.
func (o VitalOrder) Approve(actor tribune.ActorID, key ed25519.PrivateKey, shares [][]byte) (a VitalApproval, err error) {
	msg, err := o.Message(actor)
	if err != nil {
		return a, err
	}
	info, err := o.info(actor)
	if err != nil {
		return a, err
	}
	all := slices.Concat(shares...)
	defer clear(all)
	if a.Box, err = sealBox(o.Recipient, info, 0, all); err != nil {
		return a, err
	}
	a.Signature = ed25519.Sign(key, msg)
	return a, nil
}

// OpenShare opens a holder's own share for an order that they have read. It refuses the box of a package that is not what the order says:
// else a hub that was taken over could have one person's share opened under an order about another.
func (o VitalOrder) OpenShare(secret *Recipient, actor tribune.ActorID, head VitalHead, box []byte) ([]byte, error) {
	if head.City != o.City || head.Class != o.Class || head.Entity != o.Entity || !slices.Contains(o.Keys, head.Number) {
		return nil, fmt.Errorf("%w: key %d is not one of what the order says", tribune.ErrInvalid, head.Number)
	}
	digest, err := head.digest()
	if err != nil {
		return nil, err
	}
	return secret.OpenVitalBox(digest, actor, box)
}

// OpenVital opens an approval's shares with the order's own key.
func (r *Recipient) OpenVital(o VitalOrder, actor tribune.ActorID, box []byte) ([][]byte, error) {
	info, err := o.info(actor)
	if err != nil {
		return nil, err
	}
	all, err := r.openBox(box, info, 0)
	if err != nil {
		return nil, err
	}
	if len(all) != len(o.Keys)*vitalShareSize {
		return nil, fmt.Errorf("%w: %d bytes of shares for %d keys", tribune.ErrInvalid, len(all), len(o.Keys))
	}
	return slices.Collect(slices.Chunk(all, vitalShareSize)), nil
}

// VitalSigner is one of the two, with what shows whose key signed.
type VitalSigner struct {
	Actor            tribune.ActorID `json:"actor"`
	Appointment      []byte          `json:"appointment"`
	AppointmentIndex uint64          `json:"appointmentIndex"`
	AppointmentSalt  []byte          `json:"appointmentSalt"`
	Signature        []byte          `json:"signature"` // over Message
}

// VitalPrivate is the note of the private part of a leaf of kind vital: what was signed, and by whom.
type VitalPrivate struct {
	Order   VitalOrder    `json:"order"`
	Signers []VitalSigner `json:"signers"` // two, in the order in which they signed
}

// DecodeVitalPrivate reads the note. Signatures and appointments are the caller's to check.
func DecodeVitalPrivate(note string) (v VitalPrivate, err error) {
	if len(note) > MaxLeaf {
		return v, fmt.Errorf("%w: the order and its signatures", tribune.ErrTooLarge)
	}
	if err := DecodeJCS([]byte(note), &v); err != nil {
		return v, fmt.Errorf("order and signatures: %w", err)
	}
	if len(v.Signers) != 2 || v.Signers[0].Actor == v.Signers[1].Actor {
		return v, fmt.Errorf("%w: it takes two people", tribune.ErrInvalid)
	}
	return v, v.Order.Validate()
}

// VitalUse is the public part of a leaf of kind vital: one person's data were opened without guardians. Who the two were, whom it was about
// and why is in the private part.
type VitalUse struct {
	Back     string          `json:"back"` // TimeLayout; when enough guardians answered again, as the hub says
	Class    tribune.ClassID `json:"class"`
	Keys     []uint64        `json:"keys"`   // that were used up
	Opened   string          `json:"opened"` // TimeLayout
	Policies []string        `json:"policies"`
	Set      tribune.Hash    `json:"set"` // of the law by which it was decided, then
}

// VitalUseOf reads the public part of a leaf, and what it must agree with: one person with one tag, nothing to open, opened before
// reconnection and disclosed after it.
func VitalUseOf(l Leaf) (u VitalUse, opened, back time.Time, err error) {
	if l.Act.Kind != tribune.ActVital || !l.Decision.Permit || l.Act.Count != 1 || len(l.Tags) != 1 || len(l.Act.Recipient) != 0 {
		return u, opened, back, fmt.Errorf("%w: not a disclosure about one person, with one tag, that opens nothing", tribune.ErrInvalid)
	}
	if err = DecodeJCS(l.Public, &u); err != nil {
		return u, opened, back, fmt.Errorf("disclosure: %w", err)
	}
	if err = vitalNumbers(u.Keys, MaxVitalKeys); err != nil {
		return u, opened, back, err
	}
	if !nameOK(string(u.Class)) || len(u.Policies) == 0 || len(u.Policies) > 64 {
		return u, opened, back, fmt.Errorf("%w: the disclosure names no class or no policy", tribune.ErrInvalid)
	}
	at, err := l.Act.When()
	if err != nil {
		return u, opened, back, err
	}
	if opened, err = ParseTime(u.Opened); err != nil {
		return u, opened, back, err
	}
	if back, err = ParseTime(u.Back); err != nil {
		return u, opened, back, err
	}
	if back.Before(opened) || at.Before(back) {
		return u, opened, back, fmt.Errorf("%w: opened, reconnected and disclosed are not in this order", tribune.ErrInvalid)
	}
	return u, opened, back, nil
}

// VitalChecked is a guardian's signed word that it has checked a disclosure by itself: the order, both signatures and appointments, the law of
// then, the person's mark.
type VitalChecked struct {
	Guardian  string       `json:"guardian"`
	Leaf      tribune.Hash `json:"leaf"` // LeafHash
	Signature []byte       `json:"signature"`
	Time      int64        `json:"time"` // Unix seconds
}

// VitalAnswer is what a guardian that was asked to check returns: its word, or a signed refusal.
type VitalAnswer struct {
	Checked *VitalChecked `json:"checked,omitempty"`
	Refusal *Refusal      `json:"refusal,omitempty"`
}

// L(vitalchecked) || lp(guardian) || leaf hash || time u64.
func (c VitalChecked) message() []byte {
	b := append(AppendLP(Label("vitalchecked"), []byte(c.Guardian)), c.Leaf[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(c.Time))
}

// Sign completes it.
func (c *VitalChecked) Sign(key ed25519.PrivateKey) { c.Signature = ed25519.Sign(key, c.message()) }

// Verify checks the guardian's signature.
func (c VitalChecked) Verify(key ed25519.PublicKey) error {
	if len(c.Guardian) > maxNameSize || !ed25519.Verify(key, c.message(), c.Signature) {
		return fmt.Errorf("%w: %s has not signed that it has checked this", tribune.ErrInvalid, c.Guardian)
	}
	return nil
}
