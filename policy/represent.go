package policy

import (
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Representation opens a document by which somebody may act for somebody else against the signers who may sign such. It returns the
// document's text, whose mark stands on record, and the name of the key that signed it. Whether it is in force and granted is the caller's to
// ask. An error quotes nothing of it: it names people.
func (s *Set) Representation(doc []byte) (r protocol.Representation, text, issuer string, err error) {
	if len(doc) > protocol.MaxRepresentation {
		return r, "", "", fmt.Errorf("representation: %w", tribune.ErrTooLarge)
	}
	if text, issuer, err = s.openRepresentation(doc); err != nil {
		return r, "", "", err
	}
	if r, err = protocol.ParseRepresentation(text); err == nil && r.City != s.city {
		err = fmt.Errorf("%w: the representation is of another city", tribune.ErrInvalid)
	}
	return r, text, issuer, err
}

// RepresentationEnd opens a document that ends one.
func (s *Set) RepresentationEnd(doc []byte) (e protocol.RepresentationEnd, issuer string, err error) {
	if len(doc) > protocol.MaxRepresentation {
		return e, "", fmt.Errorf("end of a representation: %w", tribune.ErrTooLarge)
	}
	text, issuer, err := s.openRepresentation(doc)
	if err != nil {
		return e, "", err
	}
	if e, err = protocol.ParseRepresentationEnd(text); err == nil && e.City != s.city {
		err = fmt.Errorf("%w: the end of a representation of another city", tribune.ErrInvalid)
	}
	return e, issuer, err
}

func (s *Set) openRepresentation(doc []byte) (text, issuer string, err error) {
	var keys []protocol.DocumentKey
	for i := range s.signers {
		if s.signers[i].may(signsRepresentations) {
			keys = append(keys, s.signers[i].key)
		}
	}
	if len(keys) == 0 {
		return "", "", fmt.Errorf("%w: this city's law knows no office that may sign representations", tribune.ErrUnsupported)
	}
	text, names, err := protocol.OpenSigned(doc, keys...)
	if err != nil {
		return "", "", fmt.Errorf("%w: its signature is not by an office that may sign representations", tribune.ErrInvalid)
	}
	return text, names[0], nil
}
