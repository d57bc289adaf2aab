package way

import (
	"context"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// A decision about one person: an act of power that opens nothing and touches somebody by their mark, so that they find it among the
// uses of their data. It takes two steps, as a reading does: their use number is drawn when it is prepared.

// PrepareDecision decides an act of kind decide about one person and returns it for its actor to sign. note is what is decided; the act
// commits to it. It fails as Prepare does.
func (w *Way) PrepareDecision(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, note string) (protocol.Act, error) {
	return w.prepareDecision(ctx, caller, []tribune.Pseudonym{p}, note)
}

// prepareDecision is about one person, or about nobody who could be marked.
func (w *Way) prepareDecision(ctx context.Context, caller tribune.Caller, about []tribune.Pseudonym, note string) (protocol.Act, error) {
	leave, err := w.enter()
	if err != nil {
		return protocol.Act{}, err
	}
	defer leave()
	if !caller.Known() || len(note) > maxPrivate/2 {
		return protocol.Act{}, fmt.Errorf("%w: a decision needs a known caller, and a note of at most %d bytes", tribune.ErrInvalid, maxPrivate/2)
	}
	now := w.cfg.Now()
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActDecide, Caller: caller, Count: len(about), At: now.UTC(), Scope: tribune.Scope{Subjects: about}}
	inputs := protocol.Inputs{Note: note}
	s := &sheet{caller: caller, until: now.Add(prepareFor), salt: protocol.NewSalt()}
	for _, p := range about {
		s.subjects = append(s.subjects, protocol.Subject{P: p, IDs: []tribune.Identity{}})
	}
	if s.decision, s.evidence, err = w.decide(ctx, act, inputs); err != nil {
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

// Decide puts a prepared decision on record under its actor's signature and returns its entry; only then may it take effect. It fails
// with ErrInvalid where caller or note are not those it was prepared for.
func (w *Way) Decide(ctx context.Context, caller tribune.Caller, note, actID string, signature []byte) (index uint64, err error) {
	may := func(s *sheet) error {
		private, err := protocol.DecodePrivate(s.private)
		if err == nil && private.Inputs.Note != note {
			err = fmt.Errorf("%w: the act that waits under this id decides something else", tribune.ErrInvalid)
		}
		return err
	}
	if index, _, err = w.commit(ctx, caller, actID, signature, tribune.ActDecide, may, w.append); err != nil {
		return 0, err
	}
	return index, nil
}
