package vault

import (
	"context"
	"encoding/binary"
	"fmt"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
)

// Keys of hidden chains (protocol 15) rest beside the trace keys, as t | pseudonym | quarter u32.

// PutHidden keeps a subject's D(hidden ID) of a quarter, wrapped. The caller has verified it.
func (v *Vault) PutHidden(ctx context.Context, p tribune.Pseudonym, quarter uint32, d []byte) error {
	if len(d) != ibe.G1Size {
		return fmt.Errorf("%w: key of a hidden chain of %d bytes, want %d", tribune.ErrInvalid, len(d), ibe.G1Size)
	}
	if err := v.Keep(ctx, v.hiddenKey(p, quarter), d); err != nil {
		return fmt.Errorf("keeping the key of a hidden chain: %w", err)
	}
	return nil
}

// HiddenKey is a subject's D(hidden ID) of a quarter, or ErrNotFound where no warrant has needed it.
func (v *Vault) HiddenKey(ctx context.Context, p tribune.Pseudonym, quarter uint32) ([]byte, error) {
	key := v.hiddenKey(p, quarter)
	wrapped, err := v.store.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading the key of a hidden chain: %w", err)
	}
	return v.ring.Load().unwrap(string(key), wrapped)
}

// HiddenQuarters are the quarters of which a subject has a hidden chain, ascending.
func (v *Vault) HiddenQuarters(ctx context.Context, p tribune.Pseudonym) (all []uint32, err error) {
	prefix := v.traceKey(p)
	for row, err := range v.store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return nil, fmt.Errorf("listing hidden chains: %w", err)
		}
		if rest := row.Key[len(prefix):]; len(rest) == 8 { // the trace key's own row has none
			all = append(all, uint32(binary.BigEndian.Uint64(rest)))
		}
	}
	return all, nil
}

func (v *Vault) hiddenKey(p tribune.Pseudonym, quarter uint32) []byte {
	return store.Uint(v.traceKey(p), uint64(quarter))
}
