package protocol

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tribune"
)

// Somebody may act for somebody else: a parent for a child, a person whom a court has appointed for an adult. Whoever acts is the
// representative, the other the ward. A representation is a signed document (document.go) that names both, says what may be done, and
// ends. Guardians believe it by its issuer's signature, by its grant on record, and while no end of it is on record; what is done under it is an act of
// kind represent that carries the marks of both. docs/protocol.md, "Representatives".

// Bounds of a representation.
const (
	MaxRepresentation = 4 << 10 // bytes of the signed document
	maxCalled         = 120
	// A court looks again after seven years at the latest; a child's ends when they come of age.
	maxWardship  = 7 * 366 * 24 * time.Hour
	maxChildhood = 21 * 366 * 24 * time.Hour
)

// What a representation rests on.
const (
	BasisParent = "parent"
	BasisCourt  = "court"
)

// What a representative may do. Besides these a scope names kinds of requests, as the rights room does.
const (
	ScopeLook     = "look"     // see, at the hub, who used the ward's data
	ScopeKey      = "key"      // be given the ward's trace key by the guardians
	ScopeWithdraw = "withdraw" // withdraw the ward's consents
)

// Scopes is every word of a scope, sorted.
func Scopes() []string {
	return []string{"access", "erasure", ScopeKey, ScopeLook, "objection", "portability", "rectification", "restriction", ScopeWithdraw}
}

// RepresentParty is one of the two.
type RepresentParty struct {
	Called string `json:"called"` // as people call them
	Name   string `json:"name"`   // under which their data are filed, and a provider vouches for them
	Type   string `json:"type"`
}

// Is reports whether a name that is vouched for is this person's.
func (p RepresentParty) Is(n PersonName) bool {
	return p.Type == n.Type && NormalName(p.Type, p.Name) == NormalName(n.Type, n.Name)
}

func (p RepresentParty) check(who string) error {
	bad := func(s string, most int) bool {
		return s == "" || len(s) > most || strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	}
	if bad(p.Called, maxCalled) || bad(p.Name, maxNameSize) || bad(p.Type, maxNameSize) || NormalName(p.Type, p.Name) == "" {
		return fmt.Errorf("%w: the %s is not named, or not in plain characters", tribune.ErrInvalid, who)
	}
	return nil
}

// Representation is the text of the document: representationHead, then its JCS and a newline.
type Representation struct {
	Adult          string         `json:"adult,omitempty"` // of a child alone: the day on which they come of age, like 2031-05-04
	Basis          string         `json:"basis"`
	City           string         `json:"city"`
	From           string         `json:"from"` // TimeLayout
	ID             string         `json:"id"`   // 16 random bytes, hex: nobody finds the document by its mark
	Representative RepresentParty `json:"representative"`
	Scope          []string       `json:"scope"` // sorted, none twice
	Until          string         `json:"until"` // exclusive, and never empty
	Version        int            `json:"version"`
	Ward           RepresentParty `json:"ward"`
}

const (
	representationHead = "tribune: representation, version 1\n"
	representEndHead   = "tribune: end of a representation, version 1\n"
)

// Text is the document's text, to be signed.
func (r Representation) Text() (string, error) {
	if err := r.Validate(); err != nil {
		return "", err
	}
	body, err := JCS(r)
	return representationHead + string(body) + "\n", err
}

// ParseRepresentation reads a document's text. Who has signed it is the caller's to check.
func ParseRepresentation(text string) (r Representation, err error) {
	if len(text) > MaxRepresentation {
		return r, fmt.Errorf("representation: %w", tribune.ErrTooLarge)
	}
	if err := decodeHeaded(text, representationHead, &r); err != nil {
		return r, fmt.Errorf("%w: the text is no representation", tribune.ErrInvalid) // without the error: it quotes names
	}
	return r, r.Validate()
}

func decodeHeaded(text, head string, into any) error {
	body, ok := strings.CutPrefix(text, head)
	body, ok2 := strings.CutSuffix(body, "\n")
	if !ok || !ok2 {
		return tribune.ErrInvalid
	}
	return DecodeJCS([]byte(body), into)
}

// Validate checks shape and bounds.
func (r Representation) Validate() error {
	from, until, err := r.span()
	if err != nil {
		return err
	}
	longest := maxWardship
	switch r.Basis {
	case BasisParent:
		longest = maxChildhood
		day, err := time.Parse(time.DateOnly, r.Adult)
		if err != nil || day.Format(time.DateOnly) != r.Adult || until.After(day) {
			return fmt.Errorf("%w: a child's representation says on which day they come of age, and ends then at the latest", tribune.ErrInvalid)
		}
	case BasisCourt:
		if r.Adult != "" {
			return fmt.Errorf("%w: only a child's representation names a coming of age", tribune.ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: a representation is a parent's or a court's", tribune.ErrInvalid)
	}
	if !until.After(from) || until.Sub(from) > longest {
		return fmt.Errorf("%w: a representation begins before it ends, and lasts %d days at most", tribune.ErrInvalid, longest/(24*time.Hour))
	}
	known := Scopes()
	if len(r.Scope) == 0 || !slices.IsSorted(r.Scope) || len(slices.Compact(slices.Clone(r.Scope))) != len(r.Scope) ||
		slices.ContainsFunc(r.Scope, func(s string) bool { return !slices.Contains(known, s) }) {
		return fmt.Errorf("%w: the scope is a sorted list of some of %s", tribune.ErrInvalid, strings.Join(known, ", "))
	}
	if r.Version != Version || !actID.MatchString(r.ID) || r.City == "" || len(r.City) > maxNameSize {
		return fmt.Errorf("%w: version, id or city of a representation", tribune.ErrInvalid)
	}
	if err := r.Ward.check("ward"); err != nil {
		return err
	}
	if err := r.Representative.check("representative"); err != nil {
		return err
	}
	if r.Ward.Is(PersonName{Name: r.Representative.Name, Type: r.Representative.Type}) {
		return fmt.Errorf("%w: nobody represents themselves", tribune.ErrInvalid)
	}
	return nil
}

func (r Representation) span() (from, until time.Time, err error) {
	if from, err = ParseTime(r.From); err == nil {
		until, err = ParseTime(r.Until)
	}
	return from, until, err
}

// Span is from when until when it counts, until exclusive. Both are zero where it is not valid: it then counts never.
func (r Representation) Span() (from, until time.Time) {
	from, until, err := r.span()
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return from, until
}

// InForce reports whether it counts at a moment, as far as the document says: an end on record is another matter.
func (r Representation) InForce(at time.Time) bool {
	from, until := r.Span()
	return !at.Before(from) && at.Before(until)
}

// May reports whether its scope has that word.
func (r Representation) May(what string) bool { return slices.Contains(r.Scope, what) }

// RepresentationMark is SHA-256(L(representation) || text): what stands for a document on record. The document's random id keeps
// anybody from finding out by trying names.
func RepresentationMark(text string) tribune.Hash {
	return sha256.Sum256(append(Label("representation"), text...))
}

// RepresentationEnd is the text by which an issuer ends a representation before its time: representEndHead, JCS, newline.
type RepresentationEnd struct {
	City    string       `json:"city"`
	Mark    tribune.Hash `json:"mark"`
	Version int          `json:"version"`
}

// Text is the document's text, to be signed.
func (e RepresentationEnd) Text() (string, error) {
	body, err := JCS(e)
	return representEndHead + string(body) + "\n", err
}

// ParseRepresentationEnd reads such a text.
func ParseRepresentationEnd(text string) (e RepresentationEnd, err error) {
	if err := decodeHeaded(text, representEndHead, &e); err != nil || e.Version != Version || e.City == "" || len(e.City) > maxNameSize {
		return e, fmt.Errorf("%w: the text ends no representation", tribune.ErrInvalid)
	}
	return e, nil
}

// The deeds of an act of kind represent.
const (
	DeedGrant    = "grant"    // a representation begins
	DeedEnd      = "end"      // it is over before its time
	DeedLook     = "look"     // the representative looked at who used the ward's data, or at the ward's consents
	DeedKey      = "key"      // guardians may give them the ward's trace key
	DeedAsk      = "ask"      // they filed a request for the ward
	DeedWithdraw = "withdraw" // they withdrew a consent of the ward's
)

// Represented is the public part of a leaf of kind represent. Grant and end name the mark, and the issuer by the name of its key; other
// deeds do not: whoever reads the record must not learn which belong together.
type Represented struct {
	By   string        `json:"by,omitempty"`
	Deed string        `json:"deed"`
	Mark *tribune.Hash `json:"mark,omitempty"`
}

// RepresentedOf is what a leaf says; it fails where the leaf is not a permitted one of kind represent in its one form.
func RepresentedOf(l Leaf) (Represented, error) {
	var r Represented
	if l.Act.Kind != tribune.ActRepresent || !l.Decision.Permit || l.Act.Count != 2 || len(l.Tags) != 2 {
		return r, fmt.Errorf("%w: not a permitted leaf of kind represent about two people", tribune.ErrInvalid)
	}
	if err := DecodeJCS(l.Public, &r); err != nil {
		return r, fmt.Errorf("what a representative did: %w", err)
	}
	marked := r.Deed == DeedGrant || r.Deed == DeedEnd
	if !slices.Contains([]string{DeedGrant, DeedEnd, DeedLook, DeedKey, DeedAsk, DeedWithdraw}, r.Deed) || marked != (r.Mark != nil) || marked != (r.By != "") || len(r.By) > maxNameSize {
		return r, fmt.Errorf("%w: deed %.40q of a representative", tribune.ErrInvalid, r.Deed)
	}
	return r, nil
}

// RepresentNote is what the private part of such a leaf says as its note, in JCS.
type RepresentNote struct {
	Deed      string        `json:"deed"`
	Mark      tribune.Hash  `json:"mark"`
	Recipient *tribune.Hash `json:"recipient,omitempty"` // of a deed key: SHA-256 of the recipient that shares are sealed to
	What      string        `json:"what,omitempty"`      // of a deed ask: the kind of request
}

// HashRecipient is how a deed key names the recipient.
func HashRecipient(recipient []byte) tribune.Hash { return sha256.Sum256(recipient) }

// Encode is the public part's JCS.
func (r Represented) Encode() (json.RawMessage, error) { return JCS(r) }
