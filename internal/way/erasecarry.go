package way

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// carryOut deletes what a plan says, once its act is published.
func (e *erasing) carryOut(ctx context.Context, plan *erasurePlan) error {
	w := e.way
	if _, err := w.cfg.Record.Await(ctx, plan.index); err != nil {
		return fmt.Errorf("waiting for publication: %w", err)
	}
	state := Erasure{Act: plan.Act, Index: plan.index}
	var err error
	if state.Asked, err = protocol.ParseTime(plan.Asked); err != nil {
		return err
	}
	for _, p := range plan.Subjects {
		if err := w.cfg.Vault.Bar(ctx, p, plan.Until); err != nil {
			return err
		}
	}
	if err := e.prove(ctx, plan, state.Asked); err != nil {
		return err
	}
	for i, p := range plan.Subjects {
		if err := e.tellRecipients(ctx, plan, i, state.Asked); err != nil {
			return err
		}
		if err := e.delete(ctx, p, &state); err != nil {
			return err
		}
		if err := e.tellRecipients(ctx, plan, i, state.Asked); err != nil { // what was told while it was barred
			return err
		}
		w.uses.forget(p)
	}
	n, err := e.openings(ctx, plan)
	state.Rows += n
	if err != nil {
		return fmt.Errorf("deleting openings: %w", err)
	}
	return e.end(ctx, plan, state)
}

// delete takes a subject's values and headers away until nothing is found any more.
func (e *erasing) delete(ctx context.Context, p tribune.Pseudonym, state *Erasure) error {
	for range erasureRounds {
		values, err := e.way.cfg.Holdings.Erase(ctx, p)
		state.Values += values
		if err != nil {
			return err
		}
		rows, err := e.way.cfg.Vault.Erase(ctx, p)
		state.Rows += rows
		if err != nil {
			return err
		}
		if values == 0 && rows == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: something of an erased subject keeps arriving", tribune.ErrBusy)
}

// end writes the state in the place of the plan.
func (e *erasing) end(ctx context.Context, plan *erasurePlan, state Erasure) (err error) {
	if state.Epoch, err = e.way.cfg.Vault.NoteErasure(ctx); err != nil {
		return err
	}
	state.Deleted = e.way.cfg.Now().UTC().Truncate(time.Second)
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	var b store.Batch
	b.Put(erasedKey(plan.index), data)
	b.Delete(planKey(plan.leaf))
	if err := e.way.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("ending an erasure: %w", err)
	}
	e.mu.Lock()
	delete(e.plans, plan.index)
	e.mu.Unlock()
	e.way.cfg.Log.Info("an erasure on record is done", "index", plan.index, "values", state.Values, "rows", state.Rows)
	return nil
}
