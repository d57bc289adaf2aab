package verify

import (
	"fmt"
	"sync"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	maxTiles   = 256 // full tiles kept in memory, 16 KiB each
)

type tileID struct {
	level, index uint64
}

// tile holds the hashes of a tile and all perfect subtrees above them: rows[k][i] covers 2^k of its hashes.
type tile struct {
	rows [tileHeight + 1][]tribune.Hash
}

// Tree is a Merkle tree of known size and root, read from tiles. Every hash and entry it returns is proven to be in that
// tree, and whole tiles are: a changed byte anywhere in a tile that is used is an error which names the tile. It is safe
// for concurrent use.
type Tree struct {
	size  uint64
	root  tribune.Hash
	fetch Fetch

	mu   sync.Mutex
	edge map[tileID]*tile // the partial tiles of the right edge: together they hash to the root
	full map[tileID]*tile // proven against their parents; bounded by maxTiles
}

// OpenTree reads the right edge of a tree and proves it against root.
func OpenTree(size uint64, root tribune.Hash, fetch Fetch) (*Tree, error) {
	t := &Tree{size: size, root: root, fetch: fetch, edge: map[tileID]*tile{}, full: map[tileID]*tile{}}
	var paths []string
	for level := uint64(0); size>>(tileHeight*level) > 0; level++ {
		n := size >> (tileHeight * level)
		if w := n % tileWidth; w != 0 {
			id := tileID{level, n / tileWidth}
			tl, err := t.read(id, int(w))
			if err != nil {
				return nil, err
			}
			t.edge[id] = tl
			paths = append(paths, layout.TilePath(id.level, id.index, uint8(w)))
		}
	}
	got, err := t.rootAt(size)
	if err != nil {
		return nil, err
	}
	if got != root {
		return nil, fmt.Errorf("%w: %s: do not hash to the root of the log at size %d", tribune.ErrInvalid, orNone(paths), size)
	}
	return t, nil
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// RootAt is the root the tree had at an earlier size.
func (t *Tree) RootAt(size uint64) (tribune.Hash, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rootAt(size)
}

// Extends checks that the tree contains the earlier tree of the given size and root, unaltered.
func (t *Tree) Extends(size uint64, root tribune.Hash) error {
	got, err := t.RootAt(size)
	if err != nil {
		return err
	}
	if got != root {
		return fmt.Errorf("%w: the log at size %d is not a continuation of the log at size %d: history was rewritten", tribune.ErrInvalid, t.size, size)
	}
	return nil
}

// LeafHash is the hash of one leaf.
func (t *Tree) LeafHash(index uint64) (tribune.Hash, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if index >= t.size {
		return tribune.Hash{}, fmt.Errorf("leaf %d of %d: %w", index, t.size, tribune.ErrNotFound)
	}
	return t.node(compact.NodeID{Index: index})
}

// Inclusion is the proof that a leaf is in the tree.
func (t *Tree) Inclusion(index uint64) ([]tribune.Hash, error) {
	if index >= t.size {
		return nil, fmt.Errorf("leaf %d of %d: %w", index, t.size, tribune.ErrNotFound)
	}
	nodes, err := proof.Inclusion(index, t.size)
	if err != nil {
		return nil, fmt.Errorf("inclusion proof of leaf %d: %w", index, err)
	}
	return t.prove(nodes)
}

// Consistency is the proof that the tree of the earlier size is a prefix of this one.
func (t *Tree) Consistency(size uint64) ([]tribune.Hash, error) {
	nodes, err := proof.Consistency(size, t.size)
	if err != nil {
		return nil, fmt.Errorf("%w: consistency proof: %w", tribune.ErrInvalid, err)
	}
	return t.prove(nodes)
}

func (t *Tree) prove(nodes proof.Nodes) ([]tribune.Hash, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	raw := make([][]byte, 0, len(nodes.IDs))
	for _, id := range nodes.IDs {
		h, err := t.node(id)
		if err != nil {
			return nil, err
		}
		raw = append(raw, h[:])
	}
	raw, err := nodes.Rehash(raw, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, fmt.Errorf("building proof: %w", err)
	}
	path := make([]tribune.Hash, len(raw))
	for i, h := range raw {
		path[i] = tribune.Hash(h)
	}
	return path, nil
}

// rootAt folds the perfect subtrees of the first size leaves from right to left.
func (t *Tree) rootAt(size uint64) (tribune.Hash, error) {
	if size > t.size {
		return tribune.Hash{}, fmt.Errorf("%w: size %d is beyond the tree's %d", tribune.ErrInvalid, size, t.size)
	}
	if size == 0 {
		return emptyRoot(), nil
	}
	ids := compact.RangeNodes(0, size, nil)
	var root []byte
	for i := len(ids) - 1; i >= 0; i-- {
		h, err := t.node(ids[i])
		if err != nil {
			return tribune.Hash{}, err
		}
		if root == nil {
			root = h[:]
		} else {
			root = rfc6962.DefaultHasher.HashChildren(h[:], root)
		}
	}
	return tribune.Hash(root), nil
}

func (t *Tree) node(id compact.NodeID) (tribune.Hash, error) {
	level, row := uint64(id.Level)/tileHeight, id.Level%tileHeight
	index := id.Index >> (tileHeight - row)
	tl, err := t.tile(tileID{level, index})
	if err != nil {
		return tribune.Hash{}, err
	}
	at := id.Index - index<<(tileHeight-row)
	if at >= uint64(len(tl.rows[row])) {
		return tribune.Hash{}, fmt.Errorf("%w: node %d/%d is not in the log at size %d", tribune.ErrInvalid, id.Level, id.Index, t.size)
	}
	return tl.rows[row][at], nil
}

// tile returns a proven tile: of the edge, or a full one whose hash its parent holds.
func (t *Tree) tile(id tileID) (*tile, error) {
	if tl := t.edge[id]; tl != nil {
		return tl, nil
	}
	if tl := t.full[id]; tl != nil {
		return tl, nil
	}
	if id.index >= t.size>>(tileHeight*(id.level+1)) { // not full at this size, and not of the edge
		return nil, fmt.Errorf("%w: %s is not in the log at size %d", tribune.ErrInvalid, layout.TilePath(id.level, id.index, 0), t.size)
	}
	want, err := t.node(compact.NodeID{Level: uint(tileHeight * (id.level + 1)), Index: id.index})
	if err != nil {
		return nil, err
	}
	tl, err := t.read(id, tileWidth)
	if err != nil {
		return nil, err
	}
	if tl.rows[tileHeight][0] != want {
		return nil, fmt.Errorf("%w: %s: does not hash to what the tile above it says", tribune.ErrInvalid, layout.TilePath(id.level, id.index, 0))
	}
	if len(t.full) >= maxTiles {
		clear(t.full)
	}
	t.full[id] = tl
	return tl, nil
}

// read fetches a tile and computes its rows; nothing is proven yet.
func (t *Tree) read(id tileID, width int) (*tile, error) {
	path := layout.TilePath(id.level, id.index, uint8(width%tileWidth))
	raw, err := t.fetch(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	size := len(tribune.Hash{})
	if len(raw) != width*size {
		return nil, fmt.Errorf("%w: %s: %d bytes, want %d", tribune.ErrInvalid, path, len(raw), width*size)
	}
	tl := &tile{}
	tl.rows[0] = make([]tribune.Hash, width)
	for i := range tl.rows[0] {
		copy(tl.rows[0][i][:], raw[i*size:])
	}
	for k := 1; k <= tileHeight; k++ {
		below := tl.rows[k-1]
		tl.rows[k] = make([]tribune.Hash, len(below)/2)
		for i := range tl.rows[k] {
			tl.rows[k][i] = tribune.Hash(rfc6962.DefaultHasher.HashChildren(below[2*i][:], below[2*i+1][:]))
		}
	}
	return tl, nil
}
