// Package wire holds the words that guardians and hubs exchange besides those of package protocol: status, ceremony
// packets on their way to the record, the founded group, blind evaluation. internal/guardian answers in them,
// guardian/client and monitors read them. It keeps no state.
package wire

import (
	"encoding/binary"

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
	Witnessing
	Progress []Progress `json:"progress,omitempty"` // of the key generations, while they go on

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
	Run    string `json:"run"` // "seal" or "name"; of a change followed by "/" and the epoch
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
	Messages []Outgoing  `json:"messages"`
	Accept   *Acceptance `json:"accept,omitempty"` // of a change; until it is on record
	Report   *Report     `json:"report,omitempty"`
}

// Report is what a guardian says when it is done: the group, and its signature over Digest(group).
type Report struct {
	Group     protocol.Group    `json:"group"`
	Signature []byte            `json:"signature"`
	Change    []byte            `json:"change,omitempty"`  // of a resharing: the signed document
	Accepts   map[string][]byte `json:"accepts,omitempty"` // and who of the old group has accepted it, on record
}

// Closing is the public part of the last ceremony leaf of a key generation.
type Closing = protocol.Closing

// Digest is what guardians sign of a group.
func Digest(g protocol.Group) (tribune.Hash, error) { return protocol.GroupDigest(g) }

// Proposal is the public part of the ceremony leaf that makes a change public: the document, signed by the council.
type Proposal struct {
	Change []byte `json:"change"`
}

// Acceptance is the public part of the ceremony leaf by which a guardian accepts a change.
type Acceptance struct {
	Accept    tribune.Hash `json:"accept"` // digest of the change
	From      string       `json:"from"`
	Signature []byte       `json:"signature"` // Ed25519 over protocol.AcceptMessage
}

// Chain is what a hub's GET /group/chain answers: how each group followed the one before it.
type Chain struct {
	Links []Link `json:"links"`
}

// Link is one closing leaf, with its receipt under the quorum of the group before (of an emergency, of the group itself).
type Link struct {
	Receipt []byte `json:"receipt"` // C2SP tlog-proof with the leaf
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
