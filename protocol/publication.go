package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"tribune"
)

// What a model decides has to be explained, and an explanation can give away who was in the data that the model learned from. So to publish one is
// an act of kind publish. Its public part (Leaf.Public) says which model, by which method, which file, and carries the auditor's verdict whole:
// whoever has the leaf and the law that it names decides again, offline. docs/protocol.md, "Published explanations". Nothing in it is personal, and
// it has no place for words.

// Bounds of a publication.
const (
	MaxPublished   = 1 << 20  // bytes of the file
	MaxVerdictDoc  = 16 << 10 // of the signed verdict: it is evidence
	maxPublication = 32 << 10
	maxMethod      = 256
)

// Media types of what may be published. None is ever shown as a page of the city.
const (
	PublishedJSON = "application/json"
	PublishedCSV  = "text/csv"
	PublishedHTML = "text/html"
)

// PublishedTypes lists them.
func PublishedTypes() []string { return []string{PublishedJSON, PublishedCSV, PublishedHTML} }

// Publication is the public part of an act of kind publish.
type Publication struct {
	File      tribune.Hash    `json:"file"`   // SHA-256 of what is published
	Method    string          `json:"method"` // with its defence, as the verdict calls it
	Model     tribune.ModelID `json:"model"`
	ModelHash tribune.Hash    `json:"modelHash"`
	Size      int             `json:"size"` // of the file, in bytes
	Type      string          `json:"type"` // one of PublishedTypes
	Verdict   []byte          `json:"verdict"`
	Version   int             `json:"version"`
}

var modelID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Validate checks shape and bounds. Whether it may be published is policy's to say.
func (p Publication) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: publication: "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	switch {
	case p.Version != 1:
		return bad("version %d, want 1", p.Version)
	case !modelID.MatchString(string(p.Model)):
		return bad("it names no model")
	case p.Method == "" || len(p.Method) > maxMethod || strings.ContainsFunc(p.Method, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }):
		return bad("its method is empty, or not at most %d plain characters", maxMethod)
	case p.Size < 1 || p.Size > MaxPublished:
		return bad("a file of %d bytes; give 1 to %d", p.Size, MaxPublished)
	case !slices.Contains(PublishedTypes(), p.Type):
		return bad("files of this type are not published; give one of %s", strings.Join(PublishedTypes(), ", "))
	case len(p.Verdict) == 0 || len(p.Verdict) > MaxVerdictDoc:
		return bad("a verdict of %d bytes; give 1 to %d", len(p.Verdict), MaxVerdictDoc)
	}
	return nil
}

// Encode is its JCS, as it stands in the leaf.
func (p Publication) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return JCS(p)
}

// DecodePublication reads what Encode writes, and nothing else.
func DecodePublication(data []byte) (Publication, error) {
	var p Publication
	if len(data) > maxPublication {
		return p, fmt.Errorf("%w: a publication of %d bytes", tribune.ErrTooLarge, len(data))
	}
	if err := DecodeJCS(data, &p); err != nil {
		return p, fmt.Errorf("publication: %w", err)
	}
	return p, p.Validate()
}

// Of is what policy decides about.
func (p Publication) Of() *tribune.Publication {
	return &tribune.Publication{Model: p.Model, Hash: p.ModelHash, Method: p.Method, File: p.File, Verdict: p.Verdict}
}

// PublicationNote is the note of the private part (Inputs.Note), by which the actor's signature reaches the public part:
// "publish " || hex SHA-256(L(publication) || JCS of the public part).
func PublicationNote(public []byte) string {
	sum := sha256.Sum256(append(Label("publication"), public...))
	return fmt.Sprintf("publish %x", sum)
}

// Is reports whether it is this Ed25519 key, whatever its name.
func (k DocumentKey) Is(other ed25519.PublicKey) bool { return k.ed != nil && k.ed.Equal(other) }

// SameKey reports whether two names stand for one key.
func (k DocumentKey) SameKey(o DocumentKey) bool {
	return k.ed != nil && k.Is(o.ed) || k.ec != nil && o.ec != nil && k.ec.Equal(o.ec)
}

// VerdictText is what an auditor signs: the verdict's JCS and a newline, as every document ends.
func VerdictText(v ModelVerdict) (string, error) {
	b, err := JCS(v)
	if err != nil {
		return "", err
	}
	if _, err := DecodeModelVerdict(b); err != nil {
		return "", err
	}
	return string(b) + "\n", nil
}

// ParseVerdictText reads the text of a signed verdict; a JWS' payload may end without the newline.
func ParseVerdictText(text string) (ModelVerdict, error) {
	return DecodeModelVerdict([]byte(strings.TrimSuffix(text, "\n")))
}

// Hash names a verdict whoever signed it, and how often: SHA-256 of its JCS.
func (v ModelVerdict) Hash() (tribune.Hash, error) {
	b, err := JCS(v)
	if err != nil {
		return tribune.Hash{}, err
	}
	return sha256.Sum256(b), nil
}
