// Package wire holds the words that guardians and hubs exchange besides those of package protocol: status, ceremony
// packets on their way to the record, the founded group, blind evaluation. internal/guardian answers in them,
// guardian/client and monitors read them. It keeps no state.
package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Status is what GET /status tells anyone. It holds no secret.
type Status struct {
	Name     string          `json:"name"`
	City     string          `json:"city"`
	Size     uint64          `json:"size"` // of the mirror
	Root     tribune.Hash    `json:"root"`
	Epoch    uint32          `json:"epoch"`    // share epoch; 0 = no shares yet
	Group    *protocol.Group `json:"group"`    // null until it is on record
	Ceremony string          `json:"ceremony"` // how far it is, in words
	Time     int64           `json:"time"`     // Unix milliseconds
	Demo     bool            `json:"demo"`     // these guardians are not independent
	Released uint64          `json:"released"` // since start
	Refused  uint64          `json:"refused"`

	// Where the request has ?nonce=: Signature is over ClockMessage, Held over HeldMessage.
	Signature []byte `json:"signature,omitempty"`
	Held      []byte `json:"held,omitempty"`
}

// MaxNonce bounds a nonce that a guardian signs.
const MaxNonce = 64

// ClockMessage is L(clock) || lp(guardian) || Unix milliseconds u64 || lp(nonce).
func ClockMessage(name string, milli int64, nonce string) []byte {
	b := protocol.AppendLP(protocol.Label("clock"), []byte(name))
	b = binary.BigEndian.AppendUint64(b, uint64(milli))
	return protocol.AppendLP(b, []byte(nonce))
}

// HeldMessage is L(held) || lp(guardian) || size u64 || root || lp(nonce): what a guardian holds now. A hub that comes from a backup
// goes by it; a checkpoint alone may be an old one that somebody on the way plays again.
func HeldMessage(name string, size uint64, root tribune.Hash, nonce string) []byte {
	b := protocol.AppendLP(protocol.Label("held"), []byte(name))
	b = append(binary.BigEndian.AppendUint64(b, size), root[:]...)
	return protocol.AppendLP(b, []byte(nonce))
}

// Message is a ceremony packet, in the words of a ceremony leaf's public part.
type Message struct {
	Run    string `json:"run"` // "seal" or "name"
	From   string `json:"from"`
	Packet []byte `json:"packet"`
}

// Outgoing is a message not yet on record. N grows from message to message, also across restarts.
type Outgoing struct {
	N int64 `json:"n"`
	Message
}

// Outbox is what GET /outbox?after=N answers: what the hub has to put on record, and in the end this guardian's word for
// the group. A message stays until it is on record.
type Outbox struct {
	Messages []Outgoing `json:"messages"`
	Report   *Report    `json:"report,omitempty"`
}

// Report is what a guardian says when it is done: the group, and its signature over Digest(group).
type Report struct {
	Group     protocol.Group `json:"group"`
	Signature []byte         `json:"signature"`
}

// Closing is the public part of the last ceremony leaf.
type Closing struct {
	Group      protocol.Group    `json:"group"`
	Signatures map[string][]byte `json:"signatures"` // by guardian
}

// Check checks that all n members of the group have signed it.
func (c Closing) Check() error {
	if err := c.Group.Validate(); err != nil {
		return err
	}
	digest, err := Digest(c.Group)
	if err != nil {
		return err
	}
	for _, m := range c.Group.Guardians {
		_, key, err := protocol.PublicOf(m.Key)
		if err != nil {
			return err
		}
		if !ed25519.Verify(key, digest[:], c.Signatures[m.Name]) {
			return fmt.Errorf("%w: %s has not signed the group", tribune.ErrInvalid, m.Name)
		}
	}
	return nil
}

// Digest is what guardians sign of a group: SHA-256(L(group) || JCS(group without URLs)).
func Digest(g protocol.Group) (tribune.Hash, error) {
	g.Guardians = append([]protocol.Member(nil), g.Guardians...)
	for i := range g.Guardians {
		g.Guardians[i].URL = ""
	}
	data, err := protocol.JCS(g)
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("digest of the group: %w", err)
	}
	return sha256.Sum256(append(protocol.Label("group"), data...)), nil
}

// MaxPoints is how many blinded points one request may bring.
const MaxPoints = 1024

// NameRequest is the body of POST /name.
type NameRequest struct {
	Points [][]byte `json:"points"` // compressed G1, 48 bytes
}

// NameAnswer has the products in the order of the points.
type NameAnswer struct {
	Points [][]byte `json:"points"`
	Epoch  uint32   `json:"epoch"`
}
