package city

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/vault"
	"tribune/protocol"
)

// What stands in for the vault and the one way until the guardians' keys exist.

// sealing is the vault once the guardians' keys exist. Until then nothing can be named or sealed, and what would have to
// be is refused: fail closed.
type sealing struct {
	vault  atomic.Pointer[vault.Vault]
	opened chan struct{} // closed once vault is there
}

var errNoKeys = tribune.Hint(fmt.Errorf("%w: the guardians' keys do not exist yet", tribune.ErrNoQuorum), "Personal data can be stored once the guardians have finished their ceremony.")

func (s *sealing) Pseudonyms(ctx context.Context, idtype string, names []string) ([]tribune.Pseudonym, error) {
	if v := s.vault.Load(); v != nil {
		return v.Pseudonyms(ctx, idtype, names)
	}
	return nil, errNoKeys
}

func (s *sealing) Seal(ctx context.Context, at tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) ([]tribune.Sealed, []tribune.Write, func(), error) {
	if v := s.vault.Load(); v != nil {
		return v.Seal(ctx, at, class, p, items)
	}
	return nil, nil, nil, errNoKeys
}

var _ tribune.Sealer = (*sealing)(nil)

// gated is the one way as the API sees it: closed until the guardians' keys exist.
type gated struct{ hub *Hub }

func (g gated) May(ctx context.Context, r tribune.Reading) (string, error) {
	if w := g.hub.way.Load(); w != nil {
		return w.May(ctx, r)
	}
	return "", errNoKeys
}

// Until is the end of a caller's mandate; zero while the way is closed.
func (g gated) Until(c tribune.Caller) time.Time {
	if w := g.hub.way.Load(); w != nil {
		return w.Until(c)
	}
	return time.Time{}
}

// Stands and Deliver are for notifications. While the way is closed personal data wait.
func (g gated) Stands(ctx context.Context, s tribune.Standing) error {
	if w := g.hub.way.Load(); w != nil {
		return w.Stands(ctx, s)
	}
	return errNoKeys
}

func (g gated) Deliver(ctx context.Context, s tribune.Standing, subjects []tribune.Pseudonym) ([]tribune.Pseudonym, error) {
	if w := g.hub.way.Load(); w != nil {
		return w.Deliver(ctx, s, subjects)
	}
	return nil, errNoKeys
}

func (g gated) Prepare(ctx context.Context, r tribune.Reading) (protocol.Act, error) {
	if w := g.hub.way.Load(); w != nil {
		return w.Prepare(ctx, r)
	}
	return protocol.Act{}, errNoKeys
}

func (g gated) Open(ctx context.Context, actID string, signature []byte) ([][]byte, tribune.Receipt, error) {
	if w := g.hub.way.Load(); w != nil {
		return w.Open(ctx, actID, signature)
	}
	return nil, nil, errNoKeys
}
