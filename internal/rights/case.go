package rights

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"tribune"
)

// Kind is what a person asks for.
type Kind string

// The kinds of case, with their articles of the GDPR.
const (
	Access        Kind = "access"        // 15
	Portability   Kind = "portability"   // 20
	Rectification Kind = "rectification" // 16
	Restriction   Kind = "restriction"   // 18
	Objection     Kind = "objection"     // 21
	Erasure       Kind = "erasure"       // 17
	Why           Kind = "why"           // 15(1): why one use on record happened
)

// Kinds in the order in which people are offered them.
func Kinds() []Kind {
	return []Kind{Access, Portability, Rectification, Restriction, Objection, Erasure, Why}
}

// State is where a case stands.
type State string

// The states of a case. Answered and Refused end it.
const (
	Received State = "received"
	InWork   State = "in work"
	Extended State = "extended" // the office has taken more time, and said why
	Answered State = "answered"
	Refused  State = "refused" // with a reason, and where to complain
	Lifted   State = "lifted"  // of an answered restriction or objection: its effect has ended, with a reason
)

// Closed reports whether nobody waits any more.
func (s State) Closed() bool { return s == Answered || s == Refused || s == Lifted }

// Event is one thing that happened to a case.
type Event struct {
	At     time.Time        `json:"at"`
	State  State            `json:"state"`
	Office tribune.OfficeID `json:"office,omitempty"` // "" = the person
	Text   string           `json:"text,omitempty"`
	Leaf   uint64           `json:"leaf,omitempty"` // entry of the act on record
	OnLeaf bool             `json:"onLeaf,omitempty"`
}

// Case is one request of one person, as it rests.
type Case struct {
	ID       string            `json:"id"` // 16 random bytes, hex
	Kind     Kind              `json:"kind"`
	Owner    tribune.Hash      `json:"owner"`
	Subject  tribune.Pseudonym `json:"subject"`
	NameType string            `json:"nameType"` // what kind of name it is about
	Name     string            `json:"name"`     // which, for the office that must answer
	Office   tribune.OfficeID  `json:"office"`   // that must answer
	Class    tribune.ClassID   `json:"class,omitempty"`
	Purpose  tribune.PurposeID `json:"purpose,omitempty"`  // of an objection
	Leaf     uint64            `json:"leaf,omitempty"`     // of a question why: the use's entry
	Events   []Event           `json:"events"`             // oldest first; the first is the person's
	Due      time.Time         `json:"due"`                // exclusive: in time is before it
	First    time.Time         `json:"first"`              // the end as it was before an extension
	InForce  bool              `json:"inForce,omitempty"`  // a granted restriction or objection stops uses
	Readings []Reading         `json:"readings,omitempty"` // by the office: the newest, oldest first
	By       *By               `json:"by,omitempty"`       // who acts for the person; nil = the person themselves
}

// State is where it stands now.
func (c *Case) State() State { return c.Events[len(c.Events)-1].State }

// Filed is when the city received it.
func (c *Case) Filed() time.Time { return c.Events[0].At }

// Text is what the person wrote.
func (c *Case) Text() string { return c.Events[0].Text }

// Overdue reports whether it should have been answered.
func (c *Case) Overdue(now time.Time) bool { return !c.State().Closed() && !now.Before(c.Due) }

// Late reports whether it should have been answered, or was answered too late. What came after the answer does not count.
func (c *Case) Late(now time.Time) bool { return headOf(c).late(now) }

// Extendable reports whether the office may still take more time: once, before the first end.
func (c *Case) Extendable(now time.Time) bool {
	return !c.State().Closed() && c.Due.Equal(c.First) && now.Before(c.First)
}

// closedAt is when it was first answered or refused; zero while it is open.
func (c *Case) closedAt() time.Time {
	for _, e := range c.Events {
		if e.State.Closed() {
			return e.At
		}
	}
	return time.Time{}
}

// Note is what the act of answering says of the case: the private part of its leaf commits to it. Whoever holds the answer can show
// that it is the one that was given.
func (c *Case) Note(a Answer) string {
	sum := sha256.Sum256([]byte(a.Text))
	text, err := json.Marshal(map[string]string{"case": c.ID, "state": string(a.State), "text": tribune.Hash(sum).String()})
	if err != nil {
		return "" // strings alone: it cannot fail
	}
	return string(text)
}

// head is what is held in memory of a case.
type head struct {
	owner   tribune.Hash
	subject tribune.Pseudonym
	office  tribune.OfficeID
	kind    Kind
	class   tribune.ClassID
	purpose tribune.PurposeID
	leaf    uint64
	state   State
	filed   time.Time
	due     time.Time
	closed  time.Time // zero = open
	more    bool      // it was extended
	by      *tribune.Hash
	inForce bool
}

func headOf(c *Case) *head {
	h := &head{
		owner: c.Owner, subject: c.Subject, office: c.Office, kind: c.Kind, class: c.Class, purpose: c.Purpose, leaf: c.Leaf, state: c.State(),
		filed: c.Filed(), due: c.Due, closed: c.closedAt(), more: !c.Due.Equal(c.First), inForce: c.InForce,
	}
	if c.By != nil {
		h.by = &c.By.Mark
	}
	return h
}
