package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// An erasure is an act like others, in two steps: PrepareErasure decides it and draws the subject's next use number and erased tag, Erase puts
// it on record under its actor's signature. Only once it is published is anything deleted (erasing.go). From its leaf on guardians refuse
// everything of that subject up to and including the day, whatever a hub has kept.

// Holdings is what holds sealed values: the twin.
type Holdings interface {
	HeldOf(ctx context.Context, p tribune.Pseudonym) ([]tribune.ClassID, error)
	Erase(ctx context.Context, p tribune.Pseudonym) (values int, err error)
}

// PrepareErasure decides the erasure of a subject and returns the act for its actor to sign. It must be permitted as such, and of every
// class of which anything is held: a law that demands keeping one forbids it, with its reason. It fails as Prepare does.
func (w *Way) PrepareErasure(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, note string) (protocol.Act, error) {
	leave, err := w.enter()
	if err != nil {
		return protocol.Act{}, err
	}
	defer leave()
	switch {
	case w.cfg.Holdings == nil:
		return protocol.Act{}, fmt.Errorf("%w: this hub holds nothing that could be erased", tribune.ErrUnsupported)
	case !caller.Known() || len(note) > maxPrivate/2:
		return protocol.Act{}, fmt.Errorf("%w: an erasure needs a known caller, and a note of at most %d bytes", tribune.ErrInvalid, maxPrivate/2)
	}
	now := w.cfg.Now()
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActErase, Caller: caller, Count: 1, At: now.UTC(), Scope: tribune.Scope{Subjects: []tribune.Pseudonym{p}}}
	inputs := protocol.Inputs{Note: note}
	s := &sheet{caller: caller, subjects: []protocol.Subject{{P: p, IDs: []tribune.Identity{}}}, until: now.Add(prepareFor), salt: protocol.NewSalt()}
	if err := w.mayErase(ctx, act, inputs, p); err != nil {
		return protocol.Act{}, err
	}
	if s.decision, s.evidence, err = w.decide(ctx, act, inputs); err != nil {
		return protocol.Act{}, err
	}
	if err := w.number(ctx, s); err != nil {
		return protocol.Act{}, err
	}
	if err := w.drawErased(s, now); err != nil {
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

// mayErase weighs the erasure of each class of which anything is held.
func (w *Way) mayErase(ctx context.Context, act tribune.Act, inputs protocol.Inputs, p tribune.Pseudonym) error {
	classes, err := w.cfg.Holdings.HeldOf(ctx, p)
	if err != nil {
		return err
	}
	for _, class := range classes {
		act.Scope.Class = class
		decision, _, err := w.cfg.Gate.Weigh(ctx, act)
		if err != nil {
			return fmt.Errorf("deciding an erasure: %w", err)
		}
		if !decision.Permit {
			inputs.Class = class
			return w.denials.record(ctx, act, inputs, decision)
		}
	}
	return nil
}

// drawErased gives each subject its next erased tag.
func (w *Way) drawErased(s *sheet, at time.Time) (err error) {
	erased := make([]tribune.Tag, len(s.traces))
	for i, d := range s.traces {
		k, err := protocol.TraceKey(d)
		if err != nil {
			return err
		}
		erased[i] = protocol.ErasedTag(k, protocol.NextErased(k, w.erasing.onRecord))
		clear(k)
	}
	s.public, err = protocol.JCS(protocol.NewErasure(at, erased))
	return err
}

// Erase puts a prepared erasure on record under its actor's signature, and begins with the deletion once it is published. It returns the
// act's leaf and receipt; ErasureAt tells how far it is. Where publication takes longer the receipt is nil with an error, the act is on record all the
// same, and the deletion follows by itself.
func (w *Way) Erase(ctx context.Context, caller tribune.Caller, actID string, signature []byte) (uint64, tribune.Receipt, error) {
	return w.commit(ctx, caller, actID, signature, tribune.ActErase, nil, w.erasing.record)
}

// record keeps what is to be deleted, puts the act on record, and hands it to whoever deletes. The plan comes first: after a crash an erasure
// on record without one would delete nothing.
func (e *erasing) record(ctx context.Context, s *sheet, leaf []byte) (uint64, error) {
	w, hash := e.way, protocol.LeafHash(leaf)
	plan := &erasurePlan{Act: s.act.ID, Asked: s.act.Time, Until: tribune.DayOf(w.cfg.Now().Add(maxClockSkew)), leaf: hash}
	for _, sub := range s.subjects {
		plan.Subjects = append(plan.Subjects, sub.P)
	}
	if err := e.keep(ctx, plan); err != nil {
		return 0, err
	}
	index, err := w.append(ctx, s, leaf)
	if err != nil {
		if errors.Is(err, tribune.ErrUncertain) {
			e.doubt(plan)
		} else {
			e.drop(ctx, plan)
		}
		return 0, err
	}
	public, err := protocol.DecodeErasure(s.public)
	if err != nil {
		return 0, err
	}
	e.begin(plan, index, public.Erased)
	return index, nil
}

func (e *erasing) keep(ctx context.Context, plan *erasurePlan) error {
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	if err := e.way.cfg.Vault.Keep(ctx, planKey(plan.leaf), data); err != nil {
		return fmt.Errorf("keeping what is to be erased: %w", err)
	}
	return nil
}

// MayErase weighs an erasure before anybody is named, as May does for a reading. A denial is on record.
func (w *Way) MayErase(ctx context.Context, caller tribune.Caller) error {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave()
	act := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActErase, Caller: caller, Count: 1, At: w.cfg.Now().UTC()}
	decision, _, err := w.cfg.Gate.Weigh(ctx, act)
	if err != nil {
		return fmt.Errorf("deciding an erasure: %w", err)
	}
	if !decision.Permit {
		return w.denials.record(ctx, act, protocol.Inputs{}, decision)
	}
	return nil
}
