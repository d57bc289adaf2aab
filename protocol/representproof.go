package protocol

import (
	"crypto/sha256"
	"fmt"

	"tribune"
)

// RepresentationProof is what a representative shows guardians to be given the ward's trace key (28): the document, and the deed key on
// record for this recipient, with the words of guardians that its marks are the right ones.
type RepresentationProof struct {
	Document   []byte      `json:"document"`
	Index      uint64      `json:"index"`
	Private    []byte      `json:"private"`
	Salt       []byte      `json:"salt"`
	Statements []Statement `json:"statements"`
}

// maxProofIndex is the highest number that every JSON reader keeps.
const maxProofIndex = 1<<53 - 1

// maxProofStatements bounds what is verified of one proof: guardians are nine at most.
const maxProofStatements = 16

// Validate checks bounds.
func (p RepresentationProof) Validate() error {
	if len(p.Document) > MaxRepresentation || len(p.Private) > MaxRepresentation || len(p.Salt) != SaltSize || len(p.Statements) > maxProofStatements || p.Index > maxProofIndex {
		return fmt.Errorf("%w: the proof of a representation", tribune.ErrTooLarge)
	}
	return nil
}

// Opened reads the private part of a deed key and holds it against its leaf, the document's mark and the recipient. It returns the
// ward's and the representative's pseudonym. Whether the marks are theirs is what the statements say.
func (p RepresentationProof) Opened(leaf Leaf, mark tribune.Hash, recipient []byte) (ward, representative tribune.Pseudonym, err error) {
	fail := func(why string) (tribune.Pseudonym, tribune.Pseudonym, error) {
		return tribune.Pseudonym{}, tribune.Pseudonym{}, fmt.Errorf("%w: %s", tribune.ErrInvalid, why)
	}
	public, err := RepresentedOf(leaf)
	if err != nil || public.Deed != DeedKey {
		return fail("the entry named does not say that a representative asks for a trace key")
	}
	com, err := Commitment(p.Salt, p.Private)
	if err != nil || com != leaf.Act.Com {
		return fail("the entry named does not commit to what is shown")
	}
	priv, err := DecodePrivate(p.Private)
	if err != nil || len(priv.Subjects) != 2 || len(priv.Subjects[0].IDs)+len(priv.Subjects[1].IDs) != 0 {
		return fail("the entry's private part cannot be used")
	}
	var note RepresentNote
	if err := DecodeJCS([]byte(priv.Inputs.Note), &note); err != nil {
		return fail("the entry's note cannot be read")
	}
	sum := tribune.Hash(sha256.Sum256(recipient))
	if note.Deed != DeedKey || note.Mark != mark || note.Recipient == nil || *note.Recipient != sum {
		return fail("the entry is about another representation, or for another recipient key")
	}
	return priv.Subjects[0].P, priv.Subjects[1].P, nil
}
