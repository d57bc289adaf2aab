package vault

import (
	"context"
	"fmt"

	"tribune"
)

// NameOutput is y of a name, 48 bytes, verified under the guardians' NAME key: who gets it checks the name's pseudonym by themselves
// (protocol 5). The guardians are asked anew; nothing is cached.
func (v *Vault) NameOutput(ctx context.Context, idtype, name string) ([]byte, error) {
	if idtype == "" || name == "" || len(idtype) > maxNameSize || len(name) > maxNameSize {
		return nil, fmt.Errorf("%w: an idtype of %d bytes and a name of %d, want 1 to %d", tribune.ErrInvalid, len(idtype), len(name), maxNameSize)
	}
	ys, err := v.evaluateChunk(ctx, []*naming{{key: nameKey{idtype, name}}})
	if err != nil {
		return nil, fmt.Errorf("asking for a name's output: %w", err)
	}
	return ys[0], nil
}
