package way

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// What a representative does for their ward is an act of kind represent: the hub signs it, it opens nothing, and it carries the next marks of both, so
// that both find it. It stands on record before it takes effect. Guardians say of each that its marks are right (release); without t of them nobody
// could know that the ward sees it, and it fails.

// RepresentPurpose is the purpose in the law under which the hub records representations and what is done under them.
const RepresentPurpose tribune.PurposeID = "representation"

// Deed is what a representation is about to be used for, or its beginning or end.
type Deed struct {
	Ward, Representative tribune.Pseudonym
	Public               protocol.Represented
	Note                 protocol.RepresentNote
}

// Done is a deed on record, with what shows guardians whom it is about.
type Done struct {
	Index      uint64
	Private    []byte // JCS of protocol.Private
	Salt       []byte
	Statements []protocol.Statement // of t guardians or more, that the marks are right
}

// Represent puts a deed on record. Only then may it take effect. It fails with *tribune.Denial (on record) where the law does not permit it,
// ErrUnsupported where the law knows no representatives, ErrBusy where other acts about the two keep coming first.
func (w *Way) Represent(ctx context.Context, d Deed) (Done, error) {
	leave, err := w.enter()
	if err != nil {
		return Done{}, err
	}
	defer leave()
	caller, err := w.forRepresentatives()
	if err != nil {
		return Done{}, err
	}
	if w.cfg.Vault.Barred(d.Ward) || w.cfg.Vault.Barred(d.Representative) { // a mark would bring back what was erased today
		return Done{}, tribune.Hint(fmt.Errorf("%w: what was held of one of the two was erased today", tribune.ErrDenied), "Go on tomorrow.")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	for range maxConflicts {
		done, err := w.represent(ctx, caller, d)
		if errors.Is(err, tribune.ErrConflict) && !errors.Is(err, tribune.ErrUncertain) {
			continue
		}
		return done, err
	}
	return Done{}, fmt.Errorf("%w: other acts about the same people keep coming first", tribune.ErrBusy)
}

// forRepresentatives is the hub, under the mandate for this.
func (w *Way) forRepresentatives() (tribune.Caller, error) {
	c, now := w.cfg.Hub, w.cfg.Now()
	for _, m := range w.cfg.Gate.Mandates() {
		if m.Purpose == RepresentPurpose && slices.Contains(m.Offices, c.Office) && !now.Before(m.From) && now.Before(m.Until) {
			c.Purpose, c.Mandate = m.Purpose, m.ID
			return c, nil
		}
	}
	return c, fmt.Errorf("%w: this city's law has no mandate by which somebody can act for somebody else", tribune.ErrUnsupported)
}

func (w *Way) represent(ctx context.Context, caller tribune.Caller, d Deed) (Done, error) {
	both := []tribune.Pseudonym{d.Ward, d.Representative}
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActRepresent, Caller: caller, Count: len(both), At: w.cfg.Now().UTC(), Scope: tribune.Scope{Subjects: both}}
	s := &sheet{caller: caller, salt: protocol.NewSalt()}
	defer s.wipe()
	for _, p := range both {
		s.subjects = append(s.subjects, protocol.Subject{P: p, IDs: []tribune.Identity{}})
	}
	note, err := protocol.JCS(d.Note)
	if err != nil {
		return Done{}, err
	}
	inputs := protocol.Inputs{Note: string(note)}
	if s.public, err = d.Public.Encode(); err != nil {
		return Done{}, err
	}
	if s.decision, s.evidence, err = w.decide(ctx, act, inputs); err != nil {
		return Done{}, err
	}
	if err := w.number(ctx, s); err != nil {
		return Done{}, err
	}
	if s.recipient, err = protocol.NewRecipient(); err != nil {
		return Done{}, err
	}
	if err := s.draw(act, inputs, s.recipient.Public()); err != nil {
		return Done{}, err
	}
	signature, err := s.act.Sign(w.cfg.HubKey)
	if err != nil {
		return Done{}, err
	}
	leaf, err := s.leaf(signature)
	if err != nil {
		return Done{}, err
	}
	index, err := w.append(ctx, s, leaf)
	if err != nil {
		return Done{}, err
	}
	receipt, err := w.cfg.Record.Await(ctx, index)
	if err != nil {
		return Done{}, fmt.Errorf("waiting for publication: %w", err)
	}
	statements, err := w.markedRight(ctx, index, s, leaf, receipt)
	return Done{Index: index, Private: s.private, Salt: s.salt, Statements: statements}, err
}

// markedRight has t guardians check an entry that opens nothing, and keeps what they say of it.
func (w *Way) markedRight(ctx context.Context, index uint64, s *sheet, leaf []byte, receipt tribune.Receipt) ([]protocol.Statement, error) {
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "the record's own receipt", Err: err}
	}
	proof.Extra = leaf
	req := protocol.Request{Receipt: proof.Marshal(), Private: s.private, Salt: s.salt, Evidence: s.evidence, Traces: s.traces}
	c := &combination{way: w, sheet: s, leaf: protocol.LeafHash(leaf), parts: map[int]ibe.Partial{}, liars: map[int]bool{}}
	for {
		answers, err := w.cfg.Guardians.Release(ctx, req, w.cfg.Group.T)
		if err != nil {
			return nil, fmt.Errorf("asking guardians to check what a representative does: %w", err)
		}
		known := len(c.liars)
		c.take(answers)
		said := slices.DeleteFunc(slices.Clone(c.statements), func(s protocol.Statement) bool {
			i := slices.IndexFunc(w.cfg.Group.Guardians, func(m protocol.Member) bool { return m.Name == s.Guardian })
			return c.liars[w.cfg.Group.Guardians[i].Index]
		})
		switch {
		case len(said) >= w.cfg.Group.T:
			return said, w.keepStatements(ctx, index, said)
		case len(c.liars) == known: // asking again would bring the same
			return nil, fmt.Errorf("%w: %d guardians say that the entry's marks are right, want %d", tribune.ErrNoQuorum, len(said), w.cfg.Group.T)
		}
	}
}
