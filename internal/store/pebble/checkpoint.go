package pebble

import (
	"context"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"tribune/internal/store"
)

// Checkpoint makes dir, which must not exist, a copy of the store as of one moment: everything that was acknowledged before the
// call is in it. Where dir is on the same disk, tables are hard links, so that it takes little time and space; the copy holds on to
// them until it is deleted. It can be opened as a store of its own.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.users.enter() {
		return store.ErrClosed
	}
	defer s.users.leave()
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("closing the store's copy to other users: %w", err)
	}
	return nil
}
