package protocol

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"tribune"
)

// Bounds of a change of law.
const (
	// LooseningWait is how long a policy set that permits more waits in public, however many guardians approve (22).
	LooseningWait = 72 * time.Hour
	// MaxApproval is how long an approval may count: whoever keeps one that was withdrawn holds it no longer than that.
	MaxApproval = 30 * 24 * time.Hour
	// MaxApprovals bounds the approvals in one leaf, and those that a guardian has given and not withdrawn.
	MaxApprovals = 32
)

// LawPublic is the public part of a leaf of kind law: the hash of a policy set, and who approved it. Withdraws is the set, announced
// before and not in force yet, that this leaf ends: it names the set in force once more.
type LawPublic struct {
	Approvals []Approval   `json:"approvals,omitempty"`
	Set       tribune.Hash `json:"set"`
	Withdraws tribune.Hash `json:"withdraws,omitzero"`
}

// Approval is one guardian's consent to a policy set that permits more than the one before: to this set, in the place of that one,
// until then. An approval says nothing of another law in force: what was compared is what was approved.
type Approval struct {
	Before    tribune.Hash `json:"before"` // the set in force for the guardian that approved
	Guardian  string       `json:"guardian"`
	Signature []byte       `json:"signature"` // Ed25519 over L(approve) || lp(guardian) || set || before || until u64
	Until     int64        `json:"until"`     // Unix second; a leaf first seen later does not count it
}

// message is what the guardian signs.
func (a Approval) message(set tribune.Hash) []byte {
	b := AppendLP(Label("approve"), []byte(a.Guardian))
	b = append(append(b, set[:]...), a.Before[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(a.Until))
}

// Sign signs the approval of a set with the guardian's key.
func (a *Approval) Sign(set tribune.Hash, key ed25519.PrivateKey) {
	a.Signature = ed25519.Sign(key, a.message(set))
}

// Counts reports whether the guardian with this key approved of this set in the place of that one, at a time.
func (a Approval) Counts(set, before tribune.Hash, key ed25519.PublicKey, at time.Time) bool {
	until := time.Unix(a.Until, 0)
	return a.Before == before && a.Until > 0 && at.Before(until) && until.Sub(at) <= MaxApproval &&
		len(key) == ed25519.PublicKeySize && ed25519.Verify(key, a.message(set), a.Signature)
}

// DecodeLawPublic reads the public part of a leaf of kind law, and nothing but its canonical form.
func DecodeLawPublic(data []byte) (LawPublic, error) {
	var p LawPublic
	if err := DecodeJCS(data, &p); err != nil {
		return p, fmt.Errorf("law: %w", err)
	}
	if p.Set == (tribune.Hash{}) {
		return p, fmt.Errorf("%w: the leaf names no policy set", tribune.ErrInvalid)
	}
	if len(p.Approvals) > MaxApprovals {
		return p, fmt.Errorf("%w: %d approvals, at most %d", tribune.ErrTooLarge, len(p.Approvals), MaxApprovals)
	}
	return p, nil
}

// ApprovedSet is one approval as GET /approvals of a guardian lists it.
type ApprovedSet struct {
	Approval
	Set tribune.Hash `json:"set"`
}

// ApprovalList is what GET /approvals answers.
type ApprovalList struct {
	Approvals []ApprovedSet `json:"approvals"`
	Guardian  string        `json:"guardian"`
}

// LawState is what GET /law of a guardian answers: which set decides for it now, and which are announced and wait.
type LawState struct {
	Guardian string        `json:"guardian"`
	InForce  tribune.Hash  `json:"inForce"` // zero = none yet, or it cannot tell
	Now      int64         `json:"now"`     // its clock, Unix second
	Pending  []LawAnnounce `json:"pending"`
}

// LawAnnounce is one set that waits.
type LawAnnounce struct {
	From int64        `json:"from"` // Unix second by the guardian's clock
	Leaf uint64       `json:"leaf"`
	Seen int64        `json:"seen"`
	Set  tribune.Hash `json:"set"`
}
