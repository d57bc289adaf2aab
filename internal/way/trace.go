package way

import (
	"context"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Trace is a person's trace key k (protocol 15) and their uses on record, oldest first: what a person is shown about
// themselves, and what they check it with. It is given to nobody else. ErrNotFound: nobody of that pseudonym was ever
// enrolled.
func (w *Way) Trace(ctx context.Context, p tribune.Pseudonym) (k []byte, uses []Use, err error) {
	d, err := w.cfg.Vault.TraceKey(ctx, p)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing a person's uses: %w", err)
	}
	defer clear(d)
	if k, err = protocol.TraceKey(d); err != nil {
		return nil, nil, fmt.Errorf("tracing a person's uses: %w", err)
	}
	return k, w.uses.of(k), nil
}
