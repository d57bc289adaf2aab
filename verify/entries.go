package verify

import (
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/protocol"
)

// Bundle is the n-th entry bundle: leaves 256n to 256n+255, fewer at the right edge. Each is held against its hash.
func (t *Tree) Bundle(n uint64) ([][]byte, error) {
	first := n * tileWidth
	if n >= 1<<55 || first >= t.size {
		return nil, fmt.Errorf("entry bundle %d of a log of size %d: %w", n, t.size, tribune.ErrNotFound)
	}
	width := int(min(t.size-first, tileWidth))
	path := layout.EntriesPath(n, uint8(width%tileWidth))
	raw, err := t.fetch(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	leaves, err := ParseBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(leaves) != width {
		return nil, fmt.Errorf("%w: %s: %d entries, want %d", tribune.ErrInvalid, path, len(leaves), width)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, leaf := range leaves {
		want, err := t.node(compact.NodeID{Index: first + uint64(i)})
		if err != nil {
			return nil, err
		}
		if protocol.LeafHash(leaf) != want {
			return nil, fmt.Errorf("%w: %s: entry %d does not hash to what the log holds", tribune.ErrInvalid, path, first+uint64(i))
		}
	}
	return leaves, nil
}

// Leaf is one leaf, held against its hash.
func (t *Tree) Leaf(index uint64) ([]byte, error) {
	if index >= t.size {
		return nil, fmt.Errorf("leaf %d of %d: %w", index, t.size, tribune.ErrNotFound)
	}
	leaves, err := t.Bundle(index / tileWidth)
	if err != nil {
		return nil, err
	}
	return leaves[index%tileWidth], nil
}
