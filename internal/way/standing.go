package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// A standing act lets an office be told of values as they arrive, before they are sealed: a subscription. It is prepared, signed and
// put on record as a reading is, and opens nothing that rests. What is told under it goes on record, too: before the first value of a
// subject on a day is told, a leaf of kind delivery carries that subject's next tag. The hub signs it; policies decide it as the
// standing act itself, by the law of that moment.

// maxConflicts is how often numbers are drawn again because another act about the same subject came first.
const maxConflicts = 5

// bounded refuses a standing act that opens something, or outlives its mandate.
func (w *Way) bounded(r tribune.Reading, now time.Time) error {
	if len(r.Sealed) > 0 || len(r.Subjects) > 0 || r.LookUp != "" {
		return fmt.Errorf("%w: a standing act opens nothing and names nobody", tribune.ErrInvalid)
	}
	m := w.mandate(r.Caller.Mandate)
	if m == nil {
		return nil // the policy says so
	}
	if r.Window.Until.After(m.Until) || !r.Window.Until.After(now) {
		return tribune.Hint(fmt.Errorf("%w: a standing act ends in the future, and with its mandate at the latest", tribune.ErrInvalid), "The mandate %s ends %s.", m.ID, m.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

func (w *Way) mandate(id tribune.MandateID) *tribune.Mandate {
	all := w.cfg.Gate.Mandates()
	if i := slices.IndexFunc(all, func(m tribune.Mandate) bool { return m.ID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}

// Until is when a standing act under a caller's mandate ends at the latest; zero where the hub knows no such mandate.
func (w *Way) Until(c tribune.Caller) time.Time {
	if m := w.mandate(c.Mandate); m != nil {
		return m.Until
	}
	return time.Time{}
}

// deliveryOf is an act of telling so many people's values.
func (w *Way) deliveryOf(s tribune.Standing, touched []tribune.Pseudonym, now time.Time) tribune.Act {
	return tribune.Act{
		ID: protocol.NewID(), Kind: tribune.ActDelivery, Caller: s.Caller, Count: len(touched), At: now.UTC(),
		Scope: tribune.Scope{Class: s.Class, Attrs: s.Attrs, Window: tribune.Window{From: s.From, Until: s.Until}, Subjects: touched},
	}
}

// Stands fails where a standing act is over: with ErrExpired by itself, with *tribune.Denial where the law permits it no more or its
// mandate or appointment is gone. It counts nothing.
func (w *Way) Stands(ctx context.Context, s tribune.Standing) error {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave()
	now := w.cfg.Now()
	if s.Ended(now) {
		return fmt.Errorf("%w: the standing act", tribune.ErrExpired)
	}
	d, _, err := w.cfg.Gate.Weigh(ctx, w.deliveryOf(s, make([]tribune.Pseudonym, 1), now))
	if err != nil {
		return fmt.Errorf("deciding a delivery: %w", err)
	}
	if !d.Permit {
		return &tribune.Denial{Decision: d}
	}
	return nil
}

// Deliver puts on record that values of these subjects are told under a standing act. When it returns nil their tags are published,
// and the values may be told. It takes as many leaves as the mandate's bound on one act needs; where it fails some of them may be on
// record, and told says whose. It fails as Stands does, with ErrBusy where the office has used up its hour, with ErrNoQuorum.
func (w *Way) Deliver(ctx context.Context, s tribune.Standing, subjects []tribune.Pseudonym) (told []tribune.Pseudonym, err error) {
	if err := w.Stands(ctx, s); err != nil {
		return nil, err
	}
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	// Of somebody who was erased meanwhile nothing more is told.
	subjects = slices.DeleteFunc(slices.Clone(subjects), w.cfg.Vault.Barred)
	most := 1
	if m := w.mandate(s.Caller.Mandate); m != nil {
		most = max(1, min(m.MaxSubjects, protocol.MaxTags))
	}
	for some := range slices.Chunk(subjects, most) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
		err := w.deliver(ctx, s, some)
		cancel()
		if err != nil {
			return told, err
		}
		told = append(told, some...)
	}
	return told, nil
}

func (w *Way) deliver(ctx context.Context, s tribune.Standing, touched []tribune.Pseudonym) error {
	for range maxConflicts {
		sheet, err := w.deliverySheet(ctx, s, touched)
		if err != nil {
			return err
		}
		leaf, err := sheet.delivery(s, w)
		if err != nil {
			sheet.wipe()
			return err
		}
		index, err := w.append(ctx, sheet, leaf)
		sheet.wipe()
		if errors.Is(err, tribune.ErrConflict) && !errors.Is(err, tribune.ErrUncertain) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := w.cfg.Record.Await(ctx, index); err != nil {
			return fmt.Errorf("waiting for publication: %w", err)
		}
		return nil
	}
	return fmt.Errorf("%w: other acts about the same subjects keep coming first", tribune.ErrBusy)
}

// deliverySheet decides a delivery and draws its numbers and tags.
func (w *Way) deliverySheet(ctx context.Context, s tribune.Standing, touched []tribune.Pseudonym) (*sheet, error) {
	act := w.deliveryOf(s, touched, w.cfg.Now())
	out := &sheet{caller: s.Caller, salt: protocol.NewSalt()}
	for _, p := range touched {
		out.subjects = append(out.subjects, protocol.Subject{P: p, IDs: []tribune.Identity{}})
	}
	if err := w.enrolment.ensure(ctx, out.subjects); err != nil {
		return nil, err
	}
	var err error
	if out.decision, out.evidence, err = w.cfg.Gate.Decide(ctx, act); err != nil {
		return nil, fmt.Errorf("deciding a delivery: %w", err)
	}
	if !out.decision.Permit { // Stands has just said yes: what is used up is the office's hour
		return nil, fmt.Errorf("%w: %w", tribune.ErrBusy, &tribune.Denial{Decision: out.decision})
	}
	if err := w.number(ctx, out); err != nil {
		return nil, err
	}
	inputs := protocol.Inputs{Class: s.Class, Attrs: s.Attrs, From: protocol.Time(s.From), Until: protocol.Time(s.Until)}
	return out, out.draw(act, inputs, nil)
}

// delivery is the sheet's leaf: it names the standing act in public, and carries the hub's signature.
func (s *sheet) delivery(of tribune.Standing, w *Way) ([]byte, error) {
	signature, err := s.act.Sign(w.cfg.HubKey)
	if err != nil {
		return nil, err
	}
	input, err := protocol.InputHash(s.salt, s.evidence)
	if err != nil {
		return nil, err
	}
	public, err := json.Marshal(map[string]string{"standing": of.Act})
	if err != nil {
		return nil, err
	}
	return protocol.Leaf{
		Version: protocol.Version, Act: s.act, Decision: s.decision, Input: input, Public: public, Signature: signature, Tags: s.tags,
	}.Encode()
}
