package mirror

import (
	"context"
	"fmt"
	"slices"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// Renew keeps another note of the head's own tree, with fresher co-signatures; the caller has verified it. For a tree that
// is not the head's it fails with tribune.ErrConflict.
func (m *Mirror) Renew(ctx context.Context, same Head) error {
	select {
	case m.extends <- struct{}{}:
		defer func() { <-m.extends }()
	case <-ctx.Done():
		return ctx.Err()
	}
	head := m.Head()
	switch {
	case m.broken != nil:
		return fmt.Errorf("the mirror stopped, start it anew once its disk is sound: %w", m.broken)
	case same.Size != head.Size || same.Root != head.Root:
		return fmt.Errorf("%w: the note is of another tree than the head", tribune.ErrConflict)
	}
	note := slices.Clone(same.Note)
	if m.broken = m.files.writeHead(note); m.broken != nil {
		return fmt.Errorf("storing the head: %w", m.broken)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head.Note = note
	return nil
}

// Entries are the leaves of the n-th bundle below the head: 256 of them, fewer at the right edge.
func (m *Mirror) Entries(n uint64) ([][]byte, error) {
	if n > MaxSize/layout.EntryBundleWidth {
		return nil, fmt.Errorf("entry bundle %d: %w", n, tribune.ErrNotFound)
	}
	entries, err := m.bundle(n)
	if err != nil {
		return nil, fmt.Errorf("reading entry bundle %d: %w", n, err)
	}
	return entries, nil
}
