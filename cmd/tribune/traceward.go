package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"tribune"
	"tribune/protocol"
	"tribune/verify/recovery"
)

// A representative gets the trace key of their ward: the same two rounds with their own login or papers, and with the document that says so. The city
// is asked first to put on record that they ask, for both to find; without that no guardian gives a share.

// readWard is the representation in --for; nil = the key is the person's own.
func (d *traceFlags) readWard() (*protocol.Representation, []byte, error) {
	if d.ward == "" {
		return nil, nil, nil
	}
	data, err := os.ReadFile(d.ward)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the representation: %w", err)
	}
	text, _ := protocol.SplitDocument(data)
	r, err := protocol.ParseRepresentation(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.ward, err)
	}
	if !strings.HasPrefix(d.record, "http") {
		return nil, nil, tribune.Hint(fmt.Errorf("%w: --record is missing: the address of the city", errUsage), "It must put on record that you ask, so that %s can find it.", r.Ward.Called)
	}
	return &r, data, nil
}

// represent has it put on record that the key is asked for, and makes the session the ward's.
func (d *traceFlags) represent(ctx context.Context, s *recovery.Session, document []byte) (*protocol.RepresentationProof, error) {
	body, err := json.Marshal(map[string][]byte{"document": document, "recipient": s.Recipient()})
	if err != nil {
		return nil, err
	}
	proof := new(protocol.RepresentationProof)
	if err := postCity(ctx, strings.TrimSuffix(d.record, "/")+"/representations/key", body, proof); err != nil {
		return nil, err
	}
	s.Represent(proof)
	return proof, nil
}

// wardName is the name that the keys are of.
func wardName(r *protocol.Representation) protocol.PersonName {
	return protocol.PersonName{Type: r.Ward.Type, Name: r.Ward.Name}
}

// deskWard begins a desk's case for a ward: it writes the file that guardians are handed beside the papers.
func (d *traceFlags) deskWard(ctx context.Context, s *recovery.Session, r *protocol.Representation, document []byte) error {
	proof, err := d.represent(ctx, s, document)
	if err != nil {
		return err
	}
	data, err := json.Marshal(proof)
	if err == nil {
		err = os.WriteFile(proofFile(d.session), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping what the representative shows: %w", err)
	}
	s.NameRequest("", wardName(r))
	return nil
}

func proofFile(session string) string { return session + ".representation" }

// representativeOf is TYPE=NAME of whoever shows a proof, as its document says.
func representativeOf(p *protocol.RepresentationProof) string {
	text, _ := protocol.SplitDocument(p.Document)
	r, err := protocol.ParseRepresentation(text)
	if err != nil {
		return ""
	}
	return r.Representative.Type + "=" + r.Representative.Name
}
