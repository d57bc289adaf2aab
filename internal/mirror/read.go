package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// LeafHash is the RFC 6962 hash of a leaf below the head.
func (m *Mirror) LeafHash(index uint64) (tribune.Hash, error) {
	m.mu.RLock()
	head, edge := m.head, m.tree.edge
	m.mu.RUnlock()
	if index >= head.Size {
		return tribune.Hash{}, fmt.Errorf("leaf %d of %d: %w", index, head.Size, tribune.ErrNotFound)
	}
	tile, at := index/layout.TileWidth, int(index%layout.TileWidth)*hashSize
	if len(edge) > 0 && tile == edge[0].index {
		return tribune.Hash(edge[0].hashes[at : at+hashSize]), nil
	}
	raw, err := m.files.readTile(0, tile)
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("reading leaf hash %d: %w", index, err)
	}
	return tribune.Hash(raw[at : at+hashSize]), nil
}

// Leaf is a leaf below the head.
func (m *Mirror) Leaf(index uint64) ([]byte, error) {
	entries, err := m.bundle(index / layout.EntryBundleWidth)
	if err != nil {
		return nil, fmt.Errorf("reading leaf %d: %w", index, err)
	}
	if at := int(index % layout.EntryBundleWidth); at < len(entries) {
		return entries[at], nil
	}
	return nil, fmt.Errorf("leaf %d: %w", index, tribune.ErrNotFound)
}

// bundle reads the held entries of a bundle.
func (m *Mirror) bundle(index uint64) ([][]byte, error) {
	for {
		size := m.Head().Size
		if index*layout.EntryBundleWidth >= size {
			return nil, fmt.Errorf("entry bundle %d: %w", index, tribune.ErrNotFound)
		}
		entries, err := m.files.readEntries(index, size)
		if errors.Is(err, fs.ErrNotExist) && m.Head().Size != size {
			continue // the head moved and this partial bundle was replaced meanwhile
		}
		return entries, err
	}
}

// RootAt is the root of the tree of the first size leaves held.
func (m *Mirror) RootAt(size uint64) (tribune.Hash, error) {
	head := m.Head()
	switch {
	case size == head.Size:
		return head.Root, nil
	case size > head.Size:
		return tribune.Hash{}, fmt.Errorf("root of %d leaves, %d are held: %w", size, head.Size, tribune.ErrNotFound)
	}
	// The perfect subtrees that make up the smaller tree, largest first, are nodes of the larger one.
	var hashes [][]byte
	for level, begin := bits.Len64(size), uint64(0); level >= 0; level-- {
		if size&(1<<level) == 0 {
			continue
		}
		h, err := m.node(uint(level), begin>>level)
		if err != nil {
			return tribune.Hash{}, fmt.Errorf("root of %d leaves: %w", size, err)
		}
		hashes = append(hashes, h)
		begin += 1 << level
	}
	return tree{size: size, hashes: hashes}.root(), nil
}

// node is the root of a perfect subtree.
func (m *Mirror) node(level uint, index uint64) ([]byte, error) {
	below := level % layout.TileHeight
	first := index << below
	m.mu.RLock()
	edge := m.tree.edge
	m.mu.RUnlock()
	at, tile := level/layout.TileHeight, first/layout.TileWidth
	raw := edge[at].hashes
	if tile < edge[at].index {
		var err error
		if raw, err = m.files.readTile(uint64(at), tile); err != nil {
			return nil, err
		}
	}
	return perfect(raw[first%layout.TileWidth*hashSize:][:(1<<below)*hashSize]), nil
}

// perfect is the root over 2^k hashes.
func perfect(hashes []byte) []byte {
	if len(hashes) == hashSize {
		return hashes
	}
	half := len(hashes) / 2
	return rfc6962.DefaultHasher.HashChildren(perfect(hashes[:half]), perfect(hashes[half:]))
}
