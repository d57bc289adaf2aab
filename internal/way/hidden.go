package way

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Disclosed is a hidden chain of a person whose quarter is over: its key, and the uses in it, oldest first.
type Disclosed struct {
	Quarter uint32
	Key     []byte // k, as of a trace (protocol 15)
	Uses    []Use
}

// Disclosed lists a person's hidden chains that are to be disclosed by now, oldest first: what a warrant kept from them. Guardians give
// the person the same keys without the hub.
func (w *Way) Disclosed(ctx context.Context, p tribune.Pseudonym) ([]Disclosed, error) {
	quarters, err := w.cfg.Vault.HiddenQuarters(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []Disclosed
	for _, q := range quarters {
		id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q}
		if w.cfg.Now().Before(w.hidden.Until(w.cfg.Group.City, id)) {
			continue
		}
		d, err := w.cfg.Vault.HiddenKey(ctx, p, q)
		if errors.Is(err, tribune.ErrNotFound) { // erased meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		k, err := protocol.TraceKey(d)
		clear(d)
		if err != nil {
			return nil, fmt.Errorf("disclosing a hidden chain: %w", err)
		}
		all = append(all, Disclosed{Quarter: q, Key: k, Uses: w.uses.of(k)})
	}
	return all, nil
}
