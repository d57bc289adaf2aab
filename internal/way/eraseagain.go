package way

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"tribune"
	"tribune/protocol"
)

// A hub that comes from a backup holds again what was erased since, and has no plan for it. The record says that somebody was erased, and
// the backup holds the trace keys of everybody who is in it: whose erased tag stands on record is erased again. Guardians open nothing of
// them meanwhile. Who is in no backup has nothing in it that could be found by a trace key.

// forgotten are the erasures on record of which this hub knows nothing.
func (e *erasing) forgotten(ctx context.Context, recorded map[tribune.Hash]erasureLeaf) (map[tribune.Tag]*erasurePlan, error) {
	plans := map[tribune.Tag]*erasurePlan{}
	for hash, r := range recorded {
		if e.plans[r.index] != nil {
			continue
		}
		_, err := e.way.cfg.Store.Get(ctx, erasedKey(r.index))
		if err == nil {
			continue
		}
		if !errors.Is(err, tribune.ErrNotFound) {
			return nil, err
		}
		plan := &erasurePlan{Act: r.act, Asked: r.asked, Until: r.day, leaf: hash, index: r.index}
		for _, tag := range r.erased {
			plans[tag] = plan
		}
	}
	return plans, nil
}

// again looks whose erasures were forgotten, and has them carried out. Those of which nobody is found here are done: else every later start
// would erase who has come back since.
func (e *erasing) again(ctx context.Context) error {
	if len(e.lost) == 0 {
		return nil
	}
	found, all := map[*erasurePlan]bool{}, true
	for trace, err := range e.way.cfg.Vault.Traces(ctx) {
		if err != nil {
			return fmt.Errorf("looking whom the record says to be erased: %w", err)
		}
		if trace.D == nil { // of whoever that is the next start may know more
			all = false
			continue
		}
		k, err := protocol.TraceKey(trace.D)
		if err != nil {
			return err
		}
		for m := uint64(1); ; m++ {
			tag := protocol.ErasedTag(k, m)
			if !e.onRecord(tag) {
				break
			}
			if plan := e.lost[tag]; plan != nil {
				plan.Subjects = append(plan.Subjects, trace.P)
				found[plan] = true
			}
		}
		clear(k)
		clear(trace.D)
	}
	for plan := range found {
		if err := e.keep(ctx, plan); err != nil { // first: the trace key, by which they were found, is about to go
			return err
		}
		e.way.cfg.Log.Warn("an erasure on record was undone by a backup, and is carried out again", "index", plan.index)
		e.begin(plan, plan.index, nil)
	}
	if err := e.nobody(ctx, found, all); err != nil {
		return err
	}
	e.lost = nil
	return nil
}

// nobody ends the forgotten erasures of which nobody was found, where every trace key could be tried.
func (e *erasing) nobody(ctx context.Context, found map[*erasurePlan]bool, all bool) error {
	if !all {
		return nil
	}
	ended := maps.Clone(found)
	for _, plan := range e.lost {
		if ended[plan] {
			continue
		}
		ended[plan] = true
		asked, err := protocol.ParseTime(plan.Asked)
		if err != nil {
			return err
		}
		if err := e.end(ctx, plan, Erasure{Act: plan.Act, Index: plan.index, Asked: asked}); err != nil {
			return err
		}
	}
	return nil
}
