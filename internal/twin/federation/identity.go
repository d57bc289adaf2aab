package federation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"tribune"
	"tribune/internal/store"
)

// Identity is the name by which this broker knows itself in the Via headers of others (clauses 5.2.40 and 6.3.18). It is made
// once for a store and kept there, under i|self: hubs that share a store are one broker, and a restart changes nothing.
func Identity(ctx context.Context, s store.Store) (string, error) {
	key := store.Key(room, tribune.Place{}, "i", "self")
	known, err := s.Get(ctx, key)
	if err == nil {
		return string(known), nil
	}
	if !errors.Is(err, tribune.ErrNotFound) {
		return "", fmt.Errorf("reading this broker's identity: %w", err)
	}
	random := make([]byte, 8)
	rand.Read(random)
	self := "tribune-" + hex.EncodeToString(random)
	var b store.Batch
	b.ExpectAbsent(key)
	b.Put(key, []byte(self))
	switch err := s.Commit(ctx, &b); {
	case errors.Is(err, tribune.ErrConflict): // another hub was faster
		return Identity(ctx, s)
	case err != nil:
		return "", fmt.Errorf("keeping this broker's identity: %w", err)
	}
	return self, nil
}

// Alias is what a tenant of the broker is called in Via: each counts as a source of its own (clause 4.3.6.4). A name there is a token
// (RFC 9110): a colon would begin a port.
func Alias(self string, tenant tribune.Tenant) string {
	if tenant == "" {
		return self
	}
	return self + "." + strings.ReplaceAll(string(tenant), ":", "%3A")
}

// Alias is what a tenant of this broker is called in Via.
func (s *Sources) Alias(tenant tribune.Tenant) string { return Alias(s.cfg.Self, tenant) }
