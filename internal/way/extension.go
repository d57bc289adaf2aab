package way

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// An extension puts off the day on which a hidden chain opens to its subject (protocol, "Hidden investigations"): by a further warrant of the
// court, on record before the quarter is over. It is an act in two steps like a reading, opens nothing, and is itself marked in the
// chain that it extends: the subject learns of it with the rest.

// PrepareExtension decides the extension of a subject's hidden chain of a quarter, under a warrant that extends one, and returns the act
// for its actor to sign. It fails as Prepare does.
func (w *Way) PrepareExtension(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, quarter uint32, note string) (protocol.Act, error) {
	leave, err := w.enter()
	if err != nil {
		return protocol.Act{}, err
	}
	defer leave()
	now := w.cfg.Now()
	id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: quarter}
	public, err := w.extension(caller, id, now)
	if err != nil {
		return protocol.Act{}, err
	}
	if public.Salt, err = w.namesChain(caller, public.Chain); err != nil {
		return protocol.Act{}, err
	}
	if _, err := w.cfg.Vault.HiddenKey(ctx, p, quarter); err != nil {
		return protocol.Act{}, fmt.Errorf("%w: nothing was hidden from this person until then", tribune.ErrNotFound)
	}
	if len(note) > maxPrivate/2 {
		return protocol.Act{}, fmt.Errorf("%w: a note of %d bytes", tribune.ErrTooLarge, len(note))
	}
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActExtension, Caller: caller, Count: 1, At: now.UTC(), Scope: tribune.Scope{Subjects: []tribune.Pseudonym{p}}}
	inputs := protocol.Inputs{Note: note}
	s := &sheet{caller: caller, subjects: []protocol.Subject{{P: p, IDs: []tribune.Identity{}}}, quarter: quarter, until: now.Add(prepareFor), salt: protocol.NewSalt()}
	if s.decision, s.evidence, err = w.decide(ctx, act, inputs); err != nil {
		return protocol.Act{}, err
	}
	public.Warrant = s.evidence.Mandate
	if s.public, err = protocol.JCS(public); err != nil {
		return protocol.Act{}, err
	}
	if err := w.number(ctx, s); err != nil {
		return protocol.Act{}, err
	}
	if err := s.draw(act, inputs, nil); err != nil {
		return protocol.Act{}, err
	}
	if err := w.prepared.put(s); err != nil {
		return protocol.Act{}, err
	}
	return s.act, nil
}

// MayExtend decides before anybody is named, as May does: naming costs the guardians work.
func (w *Way) MayExtend(ctx context.Context, caller tribune.Caller, quarter uint32) error {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave()
	now := w.cfg.Now()
	if _, err := w.extension(caller, tribune.Identity{Kind: tribune.IdentityHidden, Quarter: quarter}, now); err != nil {
		return err
	}
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActExtension, Caller: caller, Count: 1, At: now.UTC()}
	_, _, err = w.decide(ctx, act, protocol.Inputs{})
	return err
}

// extension is what a caller's warrant lets be published about a chain, without the warrant itself.
func (w *Way) extension(caller tribune.Caller, id tribune.Identity, now time.Time) (e protocol.Extension, err error) {
	m := w.mandate(caller.Mandate)
	if !caller.Known() || m == nil || m.Extends == "" {
		return e, fmt.Errorf("%w: to put a disclosure off takes a court's warrant that extends another", tribune.ErrInvalid)
	}
	end := protocol.QuarterEnd(id.Quarter)
	until := protocol.QuarterEnd(m.Disclose)
	switch {
	case !now.Before(end):
		return e, fmt.Errorf("%w: %s is over, and the person may know already", tribune.ErrInvalid, protocol.Quarter(id.Quarter))
	case !until.After(end):
		return e, fmt.Errorf("%w: the warrant discloses no later than %s", tribune.ErrInvalid, protocol.Quarter(id.Quarter))
	}
	if bound := end.Add(protocol.MaxExtension); until.After(bound) {
		until = bound
	}
	return protocol.Extension{Chain: protocol.HiddenChain(w.cfg.Group.City, id), Until: until.UTC().Format(time.DateOnly)}, nil
}

// namesChain is the salt that opens a further warrant's name of a chain, among those that the caller has shown.
func (w *Way) namesChain(caller tribune.Caller, chain tribune.Hash) ([]byte, error) {
	m := w.mandate(caller.Mandate)
	if m != nil {
		salts := protocol.Naming(m.Names, caller.Salts, func(salt []byte) tribune.Hash { return protocol.WarrantChain(w.cfg.Group.City, m.ID, salt, chain) })
		if len(salts) == 1 {
			return salts[0], nil
		}
	}
	return nil, tribune.Hint(fmt.Errorf("%w: the warrant does not name this person and quarter", tribune.ErrDenied), "Send Tribune-Warrant with the salts that the court gave you with its warrant.")
}

// Extend puts a prepared extension on record under its actor's signature, and returns its leaf's index and receipt.
func (w *Way) Extend(ctx context.Context, caller tribune.Caller, actID string, signature []byte) (uint64, tribune.Receipt, error) {
	return w.commit(ctx, caller, actID, signature, tribune.ActExtension, nil, func(ctx context.Context, s *sheet, raw []byte) (uint64, error) {
		index, err := w.append(ctx, s, raw)
		if err != nil && !errors.Is(err, tribune.ErrUncertain) {
			return 0, err
		}
		if leaf, err := protocol.DecodeLeaf(raw); err == nil { // also where it may be on record: this hub must not be the one that tells
			w.hidden.Leaf(index, leaf)
		}
		return index, err
	})
}
