package way

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// Exercise is an act of power that opens nothing, built and signed by its actor: a fine, a closure, a change of a rule.
type Exercise struct {
	Caller    tribune.Caller
	Act       protocol.Act
	Private   []byte // JCS of protocol.Private; Inputs.Note says what is done
	Salt      []byte
	Signature []byte
}

// Do puts an act of power on record and returns its receipt; only then may the act take effect. It fails with
// *tribune.Denial (on record) where the policy does not permit, ErrInvalid where act, private part and signature do not
// fit each other or the act's time is not now, ErrConflict where the act came before.
func (w *Way) Do(ctx context.Context, x Exercise) (tribune.Receipt, error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	act, inputs, err := w.read(x, tribune.ActDecide)
	if err != nil {
		return nil, err
	}
	done, err := w.exercise(ctx, x, act, inputs, nil, func() error { return nil })
	return done.receipt, err
}

// exercised is an act of power on record; its index is 0 where it is not.
type exercised struct {
	index   uint64
	sheet   *sheet
	leaf    []byte
	receipt tribune.Receipt
}

// exercise decides an act that its actor has built and signed, and puts it on record, once before has done what must be durable by then. Where publication takes longer the receipt is nil with an
// error, and the act is on record at index all the same.
func (w *Way) exercise(ctx context.Context, x Exercise, act tribune.Act, inputs protocol.Inputs, public []byte, before func() error) (done exercised, err error) {
	s := &sheet{caller: x.Caller, act: x.Act, private: x.Private, salt: x.Salt, public: public}
	if s.decision, s.evidence, err = w.cfg.Gate.Decide(ctx, act); err != nil {
		return done, fmt.Errorf("deciding act: %w", err)
	}
	if !s.decision.Permit {
		return done, w.denials.record(ctx, act, inputs, s.decision)
	}
	if !w.seen.first(x.Act.ID) {
		return done, tribune.Hint(fmt.Errorf("%w: this act has been sent before", tribune.ErrConflict), "Give each act an id of its own: 16 random bytes in hex.")
	}
	leaf, err := s.leaf(x.Signature)
	if err != nil {
		return done, err
	}
	if err := before(); err != nil {
		w.seen.forget(x.Act.ID)
		return done, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	index, err := w.append(ctx, s, leaf)
	if err != nil {
		if !errors.Is(err, tribune.ErrUncertain) {
			w.seen.forget(x.Act.ID)
		}
		return done, err
	}
	done = exercised{index: index, sheet: s, leaf: leaf}
	if done.receipt, err = w.cfg.Record.Await(ctx, index); err != nil {
		return done, fmt.Errorf("waiting for publication: %w", err)
	}
	return done, nil
}

// read checks an exercise against itself, before anyone decides about it.
func (w *Way) read(x Exercise, kind tribune.ActKind) (tribune.Act, protocol.Inputs, error) {
	fail := func(format string, args ...any) (tribune.Act, protocol.Inputs, error) {
		return tribune.Act{}, protocol.Inputs{}, fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	a := x.Act
	if err := a.Validate(); err != nil {
		return tribune.Act{}, protocol.Inputs{}, err
	}
	at, _ := a.When()
	if skew := w.cfg.Now().Sub(at).Abs(); skew > maxClockSkew {
		return fail("the act's time is %s away from now, at most %s", skew.Round(time.Second), maxClockSkew)
	}
	if a.Kind != kind || a.Count != 0 || len(a.Recipient) != 0 {
		return fail("an act of power has kind %q, count 0 and no recipient", kind)
	}
	if a.Office != x.Caller.Office || a.Purpose != x.Caller.Purpose || a.Mandate != x.Caller.Mandate {
		return fail("office, purpose and mandate of the act differ from the caller's")
	}
	if len(x.Private) > maxPrivate {
		return tribune.Act{}, protocol.Inputs{}, fmt.Errorf("%w: a private part of %d bytes, at most %d", tribune.ErrTooLarge, len(x.Private), maxPrivate)
	}
	private, err := protocol.DecodePrivate(x.Private)
	if err != nil {
		return tribune.Act{}, protocol.Inputs{}, err
	}
	if private.Actor != x.Caller.Actor || len(private.Subjects) != 0 {
		return fail("the private part names another actor, or subjects")
	}
	com, err := protocol.Commitment(x.Salt, x.Private)
	if err != nil {
		return tribune.Act{}, protocol.Inputs{}, err
	}
	if com != a.Com {
		return fail("com does not fit the private part and salt")
	}
	key, err := w.cfg.Gate.ActorKey(x.Caller.Actor)
	if err != nil {
		return tribune.Act{}, protocol.Inputs{}, fmt.Errorf("finding the actor's key: %w", err)
	}
	if err := a.Verify(key, x.Signature); err != nil {
		return tribune.Act{}, protocol.Inputs{}, err
	}
	return tribune.Act{ID: a.ID, Kind: a.Kind, Caller: x.Caller, Scope: tribune.Scope{Class: private.Inputs.Class, Attrs: private.Inputs.Attrs}, At: at}, private.Inputs, nil
}
