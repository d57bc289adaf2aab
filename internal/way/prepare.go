package way

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// Prepare decides a reading and returns the act for its actor to sign. It fails with *tribune.Denial (on record) where
// the policy does not permit, ErrTooLarge where one leaf cannot hold it.
func (w *Way) Prepare(ctx context.Context, r tribune.Reading) (protocol.Act, error) {
	leave, err := w.enter()
	if err != nil {
		return protocol.Act{}, err
	}
	defer leave()
	s, err := w.prepare(ctx, r)
	if err != nil {
		return protocol.Act{}, err
	}
	if err := w.prepared.put(s); err != nil {
		return protocol.Act{}, err
	}
	return s.act, nil
}

// May decides a reading about one person before that person is named: naming costs the guardians work, and how long it
// takes tells who is known. It returns the id of the act, for Prepare to go on with, and fails as Prepare does.
func (w *Way) May(ctx context.Context, r tribune.Reading) (id string, err error) {
	leave, err := w.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	act, inputs := actOf(r, 1, w.cfg.Now())
	_, _, err = w.decide(ctx, act, inputs)
	return act.ID, err
}

// actOf is the act of a reading about so many people.
func actOf(r tribune.Reading, count int, now time.Time) (tribune.Act, protocol.Inputs) {
	act := tribune.Act{
		ID: r.ID, Kind: tribune.ActRead, Caller: r.Caller, Count: count, At: now.UTC(),
		Scope: tribune.Scope{Class: r.Class, Attrs: r.Attrs, LookUp: r.LookUp, Window: r.Window},
	}
	if act.ID == "" {
		act.ID = protocol.NewID()
	}
	if r.Standing {
		act.Kind = tribune.ActStanding
	}
	return act, protocol.Inputs{Note: r.Note, Class: r.Class, Attrs: r.Attrs, LookUp: r.LookUp, From: protocol.Time(r.Window.From), Until: protocol.Time(r.Window.Until)}
}

// decide asks the gate; a denial is put on record and returned as an error.
func (w *Way) decide(ctx context.Context, act tribune.Act, inputs protocol.Inputs) (tribune.Decision, tribune.Evidence, error) {
	decision, evidence, err := w.cfg.Gate.Decide(ctx, act)
	if err != nil {
		return decision, evidence, fmt.Errorf("deciding act: %w", err)
	}
	if !decision.Permit {
		return decision, evidence, w.denials.record(ctx, act, inputs, decision)
	}
	return decision, evidence, nil
}

func (w *Way) prepare(ctx context.Context, r tribune.Reading) (*sheet, error) {
	if !r.Caller.Known() {
		return nil, tribune.Hint(fmt.Errorf("%w: personal data need a known caller", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	}
	now := w.cfg.Now()
	if r.Standing {
		if err := w.bounded(r, now); err != nil {
			return nil, err
		}
	}
	subjects, err := w.subjects(now, r)
	if err != nil {
		return nil, err
	}
	s := &sheet{caller: r.Caller, subjects: subjects, sealed: r.Sealed, until: now.Add(prepareFor), salt: protocol.NewSalt()}
	act, inputs := actOf(r, len(subjects), now)
	act.Scope.Subjects, act.Scope.Identities = touched(subjects), opened(subjects)
	if s.decision, s.evidence, err = w.decide(ctx, act, inputs); err != nil {
		return nil, err
	}
	if m := w.mandate(r.Caller.Mandate); m != nil {
		s.quarter = m.Disclose
	}
	// Only now: each closing costs the subject a new header, and who is denied must not cause any.
	w.cfg.Vault.CloseSegments(r.Class, touched(s.subjects))
	if err := w.number(ctx, s); err != nil {
		return nil, err
	}
	if r.Standing { // nothing is released for it
		return s, s.draw(act, inputs, nil)
	}
	if s.recipient, err = protocol.NewRecipient(); err != nil {
		return nil, err
	}
	return s, s.draw(act, inputs, s.recipient.Public())
}

// subjects are those the sealed values belong to, each with the identities that open them, then those the request
// itself names, with none.
func (w *Way) subjects(now time.Time, r tribune.Reading) ([]protocol.Subject, error) {
	known := map[tribune.Pseudonym]bool{}
	for _, v := range r.Sealed {
		if v.Class != r.Class {
			return nil, fmt.Errorf("%w: a value of class %s in a reading of class %s", tribune.ErrInvalid, v.Class, r.Class)
		}
		known[v.Pseudonym] = true
	}
	subjects := w.cfg.Vault.Identities(now, r.Sealed)
	ids := 0
	for _, s := range subjects {
		ids += len(s.IDs)
	}
	for _, p := range r.Subjects {
		if !known[p] {
			known[p] = true
			subjects = append(subjects, protocol.Subject{P: p, IDs: []tribune.Identity{}})
		}
	}
	if len(subjects) == 0 && r.LookUp == "" && !r.Standing { // who is looked up by a value and not found is nobody: the act has no subject, and is one
		return nil, fmt.Errorf("%w: nothing to open and nobody named", tribune.ErrInvalid)
	}
	if len(subjects) > protocol.MaxTags {
		return nil, tribune.Hint(fmt.Errorf("%w: %d people in one act, at most %d", tribune.ErrTooLarge, len(subjects), protocol.MaxTags), "Ask for fewer with limit and offset.")
	}
	if ids > protocol.MaxIDs { // guardians would refuse it once it is on record, and the uses would be spent
		return nil, tribune.Hint(fmt.Errorf("%w: %d keys in one act, at most %d", tribune.ErrTooLarge, ids, protocol.MaxIDs), "Ask for fewer people, or a shorter time.")
	}
	return subjects, nil
}

func touched(subjects []protocol.Subject) (all []tribune.Pseudonym) {
	for _, s := range subjects {
		all = append(all, s.P)
	}
	return all
}

// opened is what the act opens: the gate asks when it was sealed.
func opened(subjects []protocol.Subject) (all []tribune.Identity) {
	for _, s := range subjects {
		all = append(all, s.IDs...)
	}
	return all
}

// number gives each subject its next use number and tag, enrolling those who have no trace key yet.
func (w *Way) number(ctx context.Context, s *sheet) error {
	if err := w.enrolment.ensure(ctx, s.subjects); err != nil {
		return err
	}
	if s.quarter != 0 {
		if err := w.enrolment.ensureHidden(ctx, s.subjects, s.quarter); err != nil {
			return err
		}
	}
	s.tags = make([]tribune.Tag, len(s.subjects))
	s.traces = make([][]byte, len(s.subjects))
	for i := range s.subjects {
		d, err := w.cfg.Vault.TraceKey(ctx, s.subjects[i].P)
		if err != nil {
			return fmt.Errorf("numbering a use: %w", err)
		}
		s.traces[i] = d
		if s.quarter != 0 {
			if d, err = w.cfg.Vault.HiddenKey(ctx, s.subjects[i].P, s.quarter); err != nil {
				return fmt.Errorf("numbering a hidden use: %w", err)
			}
			s.hidden = append(s.hidden, d)
		}
		k, err := protocol.TraceKey(d)
		if err != nil {
			return err
		}
		s.subjects[i].N = w.uses.next(chain{s.subjects[i].P, s.quarter}, k)
		s.tags[i] = protocol.UseTag(k, s.subjects[i].N)
		clear(k)
	}
	return nil
}

// draw writes the private part, its commitment and the public act.
func (s *sheet) draw(a tribune.Act, inputs protocol.Inputs, recipient []byte) (err error) {
	if s.subjects == nil {
		s.subjects = []protocol.Subject{}
	}
	if inputs.Attrs == nil {
		inputs.Attrs = []tribune.Name{}
	}
	if s.private, err = protocol.JCS(protocol.Private{Actor: a.Caller.Actor, Inputs: inputs, Subjects: s.subjects}); err != nil {
		return err
	}
	com, err := protocol.Commitment(s.salt, s.private)
	if err != nil {
		return err
	}
	s.act = protocol.Act{
		Com: com, Count: a.Count, ID: a.ID, Kind: a.Kind, Mandate: a.Caller.Mandate, Office: a.Caller.Office,
		Purpose: a.Caller.Purpose, Recipient: recipient, Time: protocol.Time(a.At),
	}
	return s.act.Validate()
}

// leaf is the sheet's public entry.
func (s *sheet) leaf(signature []byte) ([]byte, error) {
	input, err := protocol.InputHash(s.salt, s.evidence)
	if err != nil {
		return nil, err
	}
	tags := s.tags
	if tags == nil {
		tags = []tribune.Tag{}
	}
	return protocol.Leaf{
		Version: protocol.Version, Act: s.act, Decision: s.decision, Input: input, Public: s.public, Signature: signature, Tags: tags,
	}.Encode()
}

// append reserves the act's tags, keeps its opening, appends its leaf and settles the reservation. The opening comes
// first: after a crash a leaf on record without one could never be explained to its subject, an opening without a leaf
// explains nothing. Only where the record cannot say whether the leaf is in the log does the reservation stay: those
// subjects wait for a restart, which reads the log.
func (w *Way) append(ctx context.Context, s *sheet, leaf []byte) (uint64, error) {
	if now := w.cfg.Gate.Set(); s.decision.Set != now.Hash() { // guardians would refuse it, and its uses would be spent
		return 0, tribune.Hint(fmt.Errorf("%w: the law has changed since the act was decided", tribune.ErrConflict), "Ask again.")
	}
	return w.put(ctx, s, leaf)
}

// put is append of what no law in force decides: of what was decided before, and of inventories.
func (w *Way) put(ctx context.Context, s *sheet, leaf []byte) (uint64, error) {
	if err := w.uses.reserve(s.tags); err != nil {
		return 0, err
	}
	hash := protocol.LeafHash(leaf)
	if err := w.keepOpening(ctx, hash, s); err != nil {
		w.uses.release(s.tags)
		return 0, err
	}
	index, err := w.cfg.Record.Append(ctx, leaf)
	switch {
	case err == nil:
		w.uses.settle(s.tags, index)
	case errors.Is(err, tribune.ErrUncertain):
		w.cfg.Log.Error("an act may or may not be on record", "err", err)
	default:
		w.uses.release(s.tags)
		w.dropOpening(ctx, hash)
	}
	if err != nil {
		return 0, fmt.Errorf("putting act on record: %w", err)
	}
	return index, nil
}
