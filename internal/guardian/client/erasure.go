package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// Erased shows every guardian an erasure that is on record, and returns the statements of those who obey it. The receipt carries its leaf. Where some
// give none err says why.
func (c *Client) Erased(ctx context.Context, req protocol.Request) (stated []protocol.ErasureStatement, err error) {
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil || proof.Extra == nil {
		return nil, fmt.Errorf("showing an erasure: %w: the receipt does not carry its leaf", tribune.ErrInvalid)
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("showing an erasure: %w", err)
	}
	leaf := protocol.LeafHash(proof.Extra)
	var mu sync.Mutex
	var failures []error
	c.all(func(m *member) {
		s, err := c.erased(ctx, m, body, leaf)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m.Name, err))
			return
		}
		stated = append(stated, *s)
	})
	return stated, errors.Join(failures...)
}

func (c *Client) erased(ctx context.Context, m *member, body []byte, leaf tribune.Hash) (*protocol.ErasureStatement, error) {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	var a protocol.ErasureAnswer
	if err := c.call(ctx, m, http.MethodPost, "/erasure", body, maxAnswer, &a); err != nil {
		return nil, err
	}
	switch {
	case (a.Statement == nil) == (a.Refusal == nil):
		return nil, fmt.Errorf("%w: the answer is neither a statement nor a refusal", tribune.ErrInvalid)
	case a.Refusal != nil:
		if a.Refusal.Guardian != m.Name || a.Refusal.Leaf != leaf || a.Refusal.Verify(m.key) != nil {
			return nil, fmt.Errorf("%w: the refusal is of another guardian or about another leaf", tribune.ErrInvalid)
		}
		return nil, fmt.Errorf("%w: %s", tribune.ErrDenied, a.Refusal.Reason)
	case a.Statement.Guardian != m.Name || a.Statement.Leaf != leaf:
		return nil, fmt.Errorf("%w: the statement is of another guardian or about another leaf", tribune.ErrInvalid)
	}
	return a.Statement, a.Statement.Verify(m.key)
}
