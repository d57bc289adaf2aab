// Package tribune is the vocabulary of the platform and the contracts between its rooms.
//
// It imports the standard library only and nothing of ours; every other package speaks in its words. A reader who
// knows this file knows what travels along the one way:
//
//	Act -> gate (evidence, policy) -> record (witnessed leaf) -> guardians (re-decide, release) -> vault (open) -> answer + Receipt
//
// The bytes behind these words (hashes, signatures, leaves) are in package protocol; docs/protocol.md is their specification.
package tribune

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Names of things. Each is a type of its own so that the compiler keeps them apart.
type (
	EntityID  string // an NGSI-LD entity id, a URI
	Name      string // an expanded IRI: entity type, attribute or sub-attribute
	Tenant    string // an NGSI-LD tenant; "" is the default tenant
	ClassID   string // of a Class in the register of classes
	PurposeID string // of a purpose in the register of purposes (W3C DPV)
	MandateID string // of a Mandate
	OfficeID  string // of an office in the register of offices
	ActorID   string // who or what exercises an office; never in a public leaf
	ModelID   string // of a model in the register of models
)

// Pseudonym names a subject without naming the person: SHA-256(L(name) || lp(idtype) || y)[:16], where y is the
// threshold evaluation of the name under the guardians' NAME key (protocol 5).
type Pseudonym [16]byte

func (p Pseudonym) String() string { return hex.EncodeToString(p[:]) }

// MarshalText writes 32 lower-case hex digits.
func (p Pseudonym) MarshalText() ([]byte, error) { return hexText(p[:]), nil }

// UnmarshalText reads exactly 32 lower-case hex digits.
func (p *Pseudonym) UnmarshalText(text []byte) error { return hexInto(p[:], text) }

// Hash is a SHA-256 digest.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes 64 lower-case hex digits.
func (h Hash) MarshalText() ([]byte, error) { return hexText(h[:]), nil }

// UnmarshalText reads exactly 64 lower-case hex digits.
func (h *Hash) UnmarshalText(text []byte) error { return hexInto(h[:], text) }

// Tag marks one use of one subject's data in a leaf; only who holds the subject's trace key can compute it (protocol 16).
type Tag [16]byte

func (t Tag) String() string { return hex.EncodeToString(t[:]) }

// MarshalText writes 32 lower-case hex digits.
func (t Tag) MarshalText() ([]byte, error) { return hexText(t[:]), nil }

// UnmarshalText reads exactly 32 lower-case hex digits.
func (t *Tag) UnmarshalText(text []byte) error { return hexInto(t[:], text) }

func hexText(b []byte) []byte { return hex.AppendEncode(nil, b) }

// hexInto refuses upper case: one value has one spelling, else signed JSON would have two.
func hexInto(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("want %d hex digits, got %d: %w", hex.EncodedLen(len(dst)), len(text), ErrInvalid)
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("%q is not a lower-case hex digit: %w", c, ErrInvalid)
		}
	}
	_, err := hex.Decode(dst, text)
	return err
}

// Caller is who asks, as far as the edge has verified it: which key or token, exercising which office, naming which
// purpose and mandate. An empty Actor is an anonymous request; an anonymous request is never an Act.
type Caller struct {
	Actor   ActorID
	Office  OfficeID
	Purpose PurposeID
	Mandate MandateID
	Until   time.Time // the credential ends by itself
	Salts   string    // that open whom a warrant names, 32 bytes each; "" = none
}

// Known reports whether the edge has verified who calls.
func (c Caller) Known() bool { return c.Actor != "" }

// Class is a class of data: which entity types and attributes it covers, whether it is personal, which attribute names
// the subject, how long it is kept. What no class describes belongs to ClassUnclassified and is sealed.
type Class struct {
	ID          ClassID
	Title       string
	Types       []Name // entity types it covers
	Attrs       []Name // attributes of those types; a single "*" covers all of them
	Personal    bool
	Subject     Name          // the attribute whose value names the subject; "" = the entity itself
	SubjectType string        // idtype of that name, for example "plate"; "entity" where Subject is ""
	Keep        time.Duration // how long values are kept
	Equality    []Equality    // what of it can be looked up though it is sealed
	Others      []Name        // attributes and sub-attributes that may name other people: who reads their own data is not told whom
	Vital       OfficeID      // two of this office may open current values while guardians cannot be reached; "" = nobody, as a rule
}

// Equality lets a sealed attribute be looked up by its value, for the purposes named and in no other way.
type Equality struct {
	Attr     Name
	Purposes []PurposeID
}

// LookUps are the purposes for which an attribute can be looked up.
func (c Class) LookUps(attr Name) []PurposeID {
	for _, e := range c.Equality {
		if e.Attr == attr {
			return e.Purposes
		}
	}
	return nil
}

// Token finds the sealed values that are equal to one value, for one purpose (protocol 5, "Blind-index tokens").
type Token struct {
	Purpose PurposeID
	Token   [16]byte
}

// ClassUnclassified covers every attribute no class describes: sealed, subject = the entity.
const ClassUnclassified ClassID = "unclassified"

// Mandate is the legal basis that carries a purpose. Until is never zero.
type Mandate struct {
	ID          MandateID
	Purpose     PurposeID
	Issuer      string // key name of who signed it
	Basis       string // the law, contract, consent, warrant or decision, in words
	Offices     []OfficeID
	Classes     []ClassID
	MaxSubjects int // per act; 0 = 1
	From, Until time.Time
	Disclose    uint32    // a warrant: uses under it are hidden from their subjects until this quarter is over; 0 = they are not
	Extends     MandateID // a warrant that only puts off the disclosure of what was done under that one; "" = it permits uses
	Names       []Hash    // whom a warrant is about, by salted commitments: protocol.WarrantName, of one that extends protocol.WarrantChain
}

// Window is a span of arrival time, real UTC: From inclusive, Until exclusive. It bounds which segments an act may open.
type Window struct {
	From, Until time.Time
}

// Scope is what an act touches. Subjects and identities are private: a leaf only commits to them.
type Scope struct {
	Class      ClassID
	Attrs      []Name
	LookUp     Name // the sealed attribute by whose value people were looked up; "" = in another way
	Window     Window
	Subjects   []Pseudonym // whom it touches; empty where nobody has been named yet
	Identities []Identity
}

// ActKind says what is done with data or power.
type ActKind string

// The kinds of act of version 1. Kinds marked "reserved" have their format fixed and no code yet.
const (
	ActRead      ActKind = "read"       // open sealed values
	ActDecide    ActKind = "decide"     // an act of power that opens nothing
	ActEnrol     ActKind = "enrol"      // give the hub subjects' trace identities
	ActLaw       ActKind = "law"        // publish a policy set
	ActAppoint   ActKind = "appoint"    // register an actor's key for an office
	ActDevice    ActKind = "device"     // publish the document of a device that senses
	ActCeremony  ActKind = "ceremony"   // one message of a distributed key generation
	ActRefusals  ActKind = "refusals"   // a day's count of denials that have no leaf of their own
	ActStanding  ActKind = "standing"   // be told of sealed values as they arrive, until an end: a subscription
	ActDelivery  ActKind = "delivery"   // such values told to whom a standing act names
	ActErase     ActKind = "erase"      // delete what is held of a subject, up to and including that day
	ActIndex     ActKind = "index"      // the daily index of tags, signed by guardians
	ActDisclose  ActKind = "disclose"   // reserved: end of a hidden investigation
	ActExtension ActKind = "extension"  // what a warrant hides is disclosed later
	ActVital     ActKind = "vital"      // opened by two people while guardians could not be reached: disclosed afterwards
	ActVitalKeys ActKind = "vital-keys" // which single-use keys for that there are, and which are gone
	ActRepresent ActKind = "represent"  // somebody may act for somebody else, or does; both are marked
	ActPublish   ActKind = "publish"    // show everybody an explanation of a model, which an audit has passed
)

// Act is one use of data or power, before it is decided. At is real UTC, the only clock policy sees.
type Act struct {
	ID     string // 16 random bytes, hex
	Kind   ActKind
	Caller Caller
	Scope  Scope
	Count  int // subjects touched
	At     time.Time

	Publication *Publication // of kind publish; nil = of another
}

// Publication is an explanation of a model that is shown to everybody: what was explained, by which method, and the file.
type Publication struct {
	Model  ModelID
	Hash   Hash   // of the model
	Method string // with its defence, as a verdict calls it
	File   Hash   // SHA-256 of what is shown

	Verdict []byte // what an auditor signed of the model: the gate hands it on as evidence
}

// Evidence is what the gate gathered for a decision: signed documents that verify by themselves (protocol.OpenDocument).
type Evidence struct {
	Mandate          []byte   `json:"mandate,omitempty"`
	Appointment      []byte   `json:"appointment,omitempty"`
	AppointmentSalt  []byte   `json:"appointmentSalt,omitempty"`  // opens the com of the appointment's leaf
	AppointmentIndex uint64   `json:"appointmentIndex,omitempty"` // of that leaf in the record
	Consents         [][]byte `json:"consents,omitempty"`
	Names            [][]byte `json:"names,omitempty"` // under a warrant: the salt that opens its name of each subject, in their order
	Approvals        [][]byte `json:"approvals,omitempty"`
	Verdict          []byte   `json:"verdict,omitempty"` // of a publication: what an auditor signed of the model
}

// Decision is permit or deny of an act, the policies that decided, the hash of the policy set, and on deny what was
// missing, in plain words that name no person.
type Decision struct {
	Permit   bool     `json:"permit"`
	Policies []string `json:"policies"`
	Set      Hash     `json:"set"`
	Missing  []string `json:"missing"`
}

// Receipt proves that a leaf is on record: a C2SP tlog-proof (index, inclusion proof, co-signed checkpoint). Where the
// receipt is kept as a file its extra line carries the leaf itself.
type Receipt []byte

// Item is one clear attribute value on its way into the vault. Time is the value's own time as it is stored, and bound
// into the ciphertext with entity and attribute so that nothing can be moved.
type Item struct {
	Entity EntityID
	Attr   string // attribute IRI; with a datasetId: IRI, one space, datasetId
	Time   string
	Clear  []byte
}

// Sealed is one sealed value as it rests in the store.
type Sealed struct {
	Class     ClassID   `json:"class"`
	Pseudonym Pseudonym `json:"subject"`
	Day       uint32    `json:"day"`     // of arrival, days since 1970-01-01 UTC
	Segment   uint32    `json:"segment"` // UTC second of that day at which the segment was opened
	Entity    EntityID  `json:"-"`
	Attr      string    `json:"-"`
	Time      string    `json:"time"`
	Value     []byte    `json:"value"` // nonce12 || AES-256-GCM
	Tokens    []Token   `json:"-"`     // by which it is found; they leave the store in no answer
}

// Place is where in the store a batch is written; a batch touches one place.
type Place struct {
	Tenant    Tenant
	Partition uint16
}

// Write is a key and value that one room asks another to put into its batch unread (a segment's headers ride along
// with the first value sealed under them). A nil value deletes.
type Write struct {
	Key, Value []byte
}

// Change is one attribute instance of one entity changing. ID is stable across redelivery: applying it twice equals once.
type Change struct {
	ID         string // "" = not redelivered
	Tenant     Tenant
	Entity     EntityID
	Types      []Name // required where the entity may not exist yet
	Attr       Name
	Dataset    string          // datasetId, "" = the default instance
	Value      json.RawMessage // one expanded NGSI-LD attribute instance; nil deletes it
	ObservedAt time.Time
	Source     string // the device, feed or caller that said so
}
