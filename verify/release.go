package verify

import (
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Statement checks a guardian's release statement for the verified leaf: that the guardian is trusted, that it speaks of
// this leaf, and that it signed.
func (t *Trust) Statement(v *Verified, s protocol.Statement) error {
	key, ok := t.GuardianKey(s.Guardian)
	if !ok {
		return fmt.Errorf("%w: release statement by %q, who is no trusted guardian", tribune.ErrInvalid, clip(s.Guardian))
	}
	if s.Leaf != v.LeafHash {
		return fmt.Errorf("%w: release statement of %s is for another leaf", tribune.ErrInvalid, s.Guardian)
	}
	return s.Verify(key)
}

// Refusal checks a guardian's signed refusal for the verified leaf.
func (t *Trust) Refusal(v *Verified, r protocol.Refusal) error {
	key, ok := t.GuardianKey(r.Guardian)
	if !ok {
		return fmt.Errorf("%w: refusal by %q, who is no trusted guardian", tribune.ErrInvalid, clip(r.Guardian))
	}
	if r.Leaf != v.LeafHash {
		return fmt.Errorf("%w: refusal of %s is for another leaf", tribune.ErrInvalid, r.Guardian)
	}
	return r.Verify(key)
}

// Released checks that a release statement is for exactly the identities of an opened private part.
func Released(s protocol.Statement, city string, p protocol.Private) error {
	if s.IDs != protocol.HashIDs(city, p.Subjects) {
		return fmt.Errorf("%w: %s released other identities than the act's", tribune.ErrInvalid, s.Guardian)
	}
	return nil
}

// Opening checks that private is what the leaf commits to under salt, and decodes it.
func (v *Verified) Opening(private, salt []byte) (protocol.Private, error) {
	com, err := protocol.Commitment(salt, private)
	if err != nil {
		return protocol.Private{}, fmt.Errorf("opening: %w", err)
	}
	if com != v.Leaf.Act.Com {
		return protocol.Private{}, fmt.Errorf("%w: opening: private part and salt do not fit the leaf's commitment", tribune.ErrInvalid)
	}
	p, err := protocol.DecodePrivate(private)
	if err != nil {
		return p, fmt.Errorf("opening: %w", err)
	}
	if len(p.Subjects) != v.Leaf.Act.Count {
		return p, fmt.Errorf("%w: opening: %d subjects, but the leaf says %d", tribune.ErrInvalid, len(p.Subjects), v.Leaf.Act.Count)
	}
	return p, nil
}

// Evidence checks that e is the evidence the leaf's decision rested on.
func (v *Verified) Evidence(salt []byte, e tribune.Evidence) error {
	h, err := protocol.InputHash(salt, e)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if h != v.Leaf.Input {
		return fmt.Errorf("%w: evidence and salt do not fit the leaf's input hash", tribune.ErrInvalid)
	}
	return nil
}

// Document checks a document that a leaf of its own puts on record (an appointment): com = Commitment(salt, document).
func (v *Verified) Document(document, salt []byte) error {
	com, err := protocol.Commitment(salt, document)
	if err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if com != v.Leaf.Act.Com {
		return fmt.Errorf("%w: document and salt do not fit the leaf's commitment", tribune.ErrInvalid)
	}
	return nil
}
