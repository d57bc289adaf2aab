package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
	"tribune/verify"
)

// Guardians take nobody's word for an erasure: they obey its leaf for a day, and from then on where they were shown by whose mandate and signature it
// stands there. So it is shown first, from opening and trace key, and only then are these deleted.

// proveFor is how long deletion waits for guardians, and for recipients to be queued: it ends before guardians' patience does, and a person's right does
// not wait longer for them. A hub that was dead meanwhile tries for tryFor first: nothing is lost by that, they can still be shown it.
const (
	proveFor = protocol.ErasureGrace - 4*time.Hour
	tryFor   = time.Hour
)

// waits reports whether a plan, which was asked for then, waits on where a step fails.
func (e *erasing) waits(plan *erasurePlan, asked time.Time) bool {
	now := e.way.cfg.Now()
	if plan.begun.IsZero() {
		plan.begun = now
	}
	return now.Sub(asked) < proveFor || now.Sub(plan.begun) < tryFor
}

// statedKey is where guardians' statements about an erasure rest, in the clear: they are public.
func statedKey(index uint64) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "erasestated"), index)
}

// prove shows guardians an erasure that is published, until enough of them have stated that they obey it.
func (e *erasing) prove(ctx context.Context, plan *erasurePlan, asked time.Time) error {
	w := e.way
	need := protocol.ErasureNeed(w.cfg.Group.N, w.cfg.Group.T)
	stated, err := w.erasureStated(ctx, plan.index)
	if err != nil || len(stated) >= need {
		return err
	}
	waits := e.waits(plan, asked)
	req, err := e.proof(ctx, plan)
	if err != nil && ctx.Err() == nil && !waits {
		w.cfg.Log.Error("an erasure cannot be shown to guardians; it is deleted here all the same", "index", plan.index, "err", err)
		return nil
	}
	if err != nil || req == nil {
		return err
	}
	fresh, refused := w.cfg.Guardians.Erased(ctx, *req)
	stated = together(stated, fresh)
	if err := w.keepStated(ctx, plan.index, stated); err != nil {
		return err
	}
	switch {
	case len(stated) >= need:
		return nil
	case !waits && ctx.Err() == nil:
		w.cfg.Log.Error("too few guardians have stated that they obey an erasure; it is deleted here all the same", "index", plan.index, "stated", len(stated), "need", need, "err", refused)
		return nil
	}
	return fmt.Errorf("%w: %d guardians have stated that they obey the erasure, %d must: %w", tribune.ErrNoQuorum, len(stated), need, refused)
}

// together are the statements of several rounds, the newest of each guardian's: who has stated it obeys it, whether it can be reached now or not.
func together(before, fresh []protocol.ErasureStatement) []protocol.ErasureStatement {
	all := slices.Clone(fresh)
	for _, s := range before {
		if !slices.ContainsFunc(fresh, func(f protocol.ErasureStatement) bool { return f.Guardian == s.Guardian }) {
			all = append(all, s)
		}
	}
	return all
}

// proof is what guardians are shown; nil where deletion has begun, or a backup is being erased again: then it was shown before.
func (e *erasing) proof(ctx context.Context, plan *erasurePlan) (*protocol.Request, error) {
	w := e.way
	wrapped, err := w.cfg.Store.Get(ctx, openingKey(plan.leaf))
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading an opening: %w", err)
	}
	data, err := w.cfg.Vault.Unwrap(string(openingKey(plan.leaf)), wrapped)
	if err != nil {
		return nil, fmt.Errorf("reading an opening: %w", err)
	}
	var o Opening
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, &tribune.IntegrityError{What: "an opening", Err: err}
	}
	if o.Redacted > 0 {
		return nil, nil
	}
	req := &protocol.Request{Private: o.Private, Salt: o.Salt, Evidence: o.Evidence}
	for _, p := range plan.Subjects {
		d, err := w.cfg.Vault.TraceKey(ctx, p)
		if errors.Is(err, tribune.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a trace key: %w", err)
		}
		req.Traces = append(req.Traces, d)
	}
	leaf, err := w.leafAt(ctx, plan.index)
	if err != nil {
		return nil, err
	}
	receipt, err := w.cfg.Record.Await(ctx, plan.index)
	if err != nil {
		return nil, fmt.Errorf("waiting for publication: %w", err)
	}
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "the record's own receipt", Err: err}
	}
	proof.Extra = leaf
	req.Receipt = proof.Marshal()
	return req, nil
}

func (w *Way) keepStated(ctx context.Context, index uint64, stated []protocol.ErasureStatement) error {
	if len(stated) == 0 {
		return nil
	}
	return keepWords(ctx, w.cfg.Store, statedKey(index), stated)
}

// erasureStated are the guardians' statements that they obey the erasure at index.
func (w *Way) erasureStated(ctx context.Context, index uint64) (stated []protocol.ErasureStatement, err error) {
	return keptWords[protocol.ErasureStatement](ctx, w.cfg.Store, statedKey(index))
}
