package way

import (
	"context"
	"fmt"

	"tribune"
)

// commit puts a prepared act of a kind that opens nothing on record under its actor's signature, and waits until it is published. put appends its
// leaf, and does what the kind needs before and after; may looks at the sheet first, nil = it is as it should be. Where publication takes
// longer the receipt is nil with an error, and the act is on record at index all the same.
func (w *Way) commit(ctx context.Context, caller tribune.Caller, actID string, signature []byte, kind tribune.ActKind, may func(*sheet) error, put func(ctx context.Context, s *sheet, leaf []byte) (uint64, error)) (index uint64, receipt tribune.Receipt, err error) {
	leave, err := w.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	s, err := w.signed(actID, signature, &caller, kind)
	if err != nil {
		return 0, nil, err
	}
	defer s.wipe()
	if may != nil {
		if err := may(s); err != nil {
			return 0, nil, err
		}
	}
	leaf, err := s.leaf(signature)
	if err != nil {
		return 0, nil, err
	}
	// The caller may hang up: what is on record must still be settled, so the act has its own time-out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	if index, err = put(ctx, s, leaf); err != nil {
		return 0, nil, err
	}
	if receipt, err = w.cfg.Record.Await(ctx, index); err != nil {
		return index, nil, fmt.Errorf("the act is on record as entry %d and waits for publication: %w", index, err)
	}
	return index, receipt, nil
}
