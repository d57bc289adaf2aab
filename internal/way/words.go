package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/store"
)

// keepWords keeps what guardians have said, signed and in public, of a leaf.
func keepWords[T any](ctx context.Context, to store.Store, key []byte, words []T) error {
	data, err := json.Marshal(words)
	if err != nil {
		return err
	}
	var b store.Batch
	b.Put(key, data)
	if err := to.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping what guardians have said: %w", err)
	}
	return nil
}

// keptWords are those that were kept; none where nobody has said anything.
func keptWords[T any](ctx context.Context, from store.Store, key []byte) (words []T, err error) {
	data, err := from.Get(ctx, key)
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &words)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what guardians have said: %w", err)
	}
	return words, nil
}
