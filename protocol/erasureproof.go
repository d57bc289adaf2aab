package protocol

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"tribune"
)

// ErasureStatement is a guardian's word that it was shown by whose mandate and signature an erasure stands on record, and refuses those
// subjects from then on (23, 32). It names nobody and can be public: who had themselves erased keeps those of enough guardians.
type ErasureStatement struct {
	Guardian  string       `json:"guardian"`
	Leaf      tribune.Hash `json:"leaf"` // LeafHash of the erasure
	Time      int64        `json:"time"` // Unix seconds
	Signature []byte       `json:"signature"`
}

// ErasureAnswer is what a guardian answers to whoever shows it an erasure: a statement or a refusal, never both.
type ErasureAnswer struct {
	Statement *ErasureStatement `json:"statement,omitempty"`
	Refusal   *Refusal          `json:"refusal,omitempty"`
}

// ErasureList is what a guardian says in public of erasures on record that it was not shown to be lawful; the newest of each.
type ErasureList struct {
	Pending  []uint64          `json:"pending"`  // leaves: obeyed for now, until it is shown or ErasureGrace is over
	Unproven []UnprovenErasure `json:"unproven"` // not obeyed: incidents
}

// ErasureGrace is how long a guardian obeys an erasure of which it has been shown nothing but the leaf: whoever keeps the proof back, or has lost it
// in a crash, does not open what was erased meanwhile.
const ErasureGrace = 24 * time.Hour

// UnprovenErasure is an incident: a leaf that says that somebody is erased, and is not obeyed.
type UnprovenErasure struct {
	Leaf   uint64 `json:"leaf"` // index
	Reason string `json:"reason"`
	Since  int64  `json:"since"` // Unix seconds
}

// L(erasure) || lp(guardian) || leaf hash || time u64.
func (s ErasureStatement) message() []byte {
	b := AppendLP(Label("erasure"), []byte(s.Guardian))
	b = append(b, s.Leaf[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(s.Time))
}

// Sign completes the statement.
func (s *ErasureStatement) Sign(key ed25519.PrivateKey) {
	s.Signature = ed25519.Sign(key, s.message())
}

// Verify checks the guardian's signature.
func (s ErasureStatement) Verify(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, s.message(), s.Signature) {
		return fmt.Errorf("%w: the statement about an erasure is not signed by %s", tribune.ErrInvalid, s.Guardian)
	}
	return nil
}

// ErasureNeed is how many guardians must have stated that they obey an erasure before it is safe: as many as can prevent an opening by refusing, and so
// many that t of them are honest where t-1 lie: they convince whoever was away without any liar.
func ErasureNeed(n, t int) int { return max(2*t-1, n-t+1) }
