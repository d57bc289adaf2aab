package way

import (
	"context"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// doubt keeps a plan whose leaf may still come to stand on record: the record could not tell in time.
func (e *erasing) doubt(plan *erasurePlan) {
	e.mu.Lock()
	e.doubted[plan.leaf], e.anew = plan, true
	e.mu.Unlock()
	e.wakeUp()
}

// late begins the erasures that have come to stand on record after all. It reads the record once, and from there on what is new.
func (e *erasing) late(ctx context.Context) error {
	e.mu.Lock()
	waiting := len(e.doubted)
	if e.anew {
		e.looked, e.anew = 0, false
	}
	e.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	for entry, err := range e.way.cfg.Record.Range(ctx, e.looked) {
		if err != nil {
			return fmt.Errorf("looking for erasures on record: %w", err)
		}
		e.looked = entry.Index + 1
		e.found(protocol.LeafHash(entry.Leaf), entry.Index, entry.Leaf)
	}
	return nil
}

func (e *erasing) found(hash tribune.Hash, index uint64, raw []byte) {
	e.mu.Lock()
	plan := e.doubted[hash]
	delete(e.doubted, hash)
	e.mu.Unlock()
	if plan == nil {
		return
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil {
		return // it is ours: it decodes
	}
	public, err := protocol.ErasureOf(leaf)
	if err != nil {
		return
	}
	e.way.uses.settle(leaf.Tags, index)
	e.begin(plan, index, public.Erased)
}
