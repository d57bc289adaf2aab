package way

import (
	"context"
	"fmt"

	"tribune"
)

// Open puts a prepared act on record under its actor's signature, has the guardians release its keys and opens its
// values, in the order of the reading. The receipt is valid even where opening then fails.
func (w *Way) Open(ctx context.Context, actID string, signature []byte) ([][]byte, tribune.Receipt, error) {
	leave, err := w.enter()
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	s, err := w.signed(actID, signature, nil, tribune.ActRead, tribune.ActStanding)
	if err != nil {
		return nil, nil, err
	}
	defer s.wipe()
	// The caller may hang up: what is on record must still be settled, so the act has its own time-out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	keys, receipt, err := w.walk(ctx, s, signature)
	if err != nil {
		return nil, receipt, err
	}
	defer wipe(keys)
	values, err := w.cfg.Vault.Open(ctx, keys, s.sealed)
	if err != nil {
		return nil, receipt, fmt.Errorf("opening sealed values: %w", err)
	}
	return values, receipt, nil
}

// walk is the middle of the one way: leaf, publication, release. It returns the keys of the act's identities.
func (w *Way) walk(ctx context.Context, s *sheet, signature []byte) (map[tribune.Identity][]byte, tribune.Receipt, error) {
	leaf, err := s.leaf(signature)
	if err != nil {
		return nil, nil, err
	}
	index, err := w.append(ctx, s, leaf)
	if err != nil {
		return nil, nil, err
	}
	receipt, err := w.cfg.Record.Await(ctx, index)
	if err != nil {
		return nil, nil, fmt.Errorf("waiting for publication: %w", err)
	}
	if s.identities() == 0 {
		return nil, receipt, nil // a "no" is on record; there is nothing to open
	}
	keys, err := w.release(ctx, index, s, leaf, receipt)
	return keys, receipt, err
}

func wipe(keys map[tribune.Identity][]byte) {
	for _, k := range keys {
		clear(k)
	}
}
