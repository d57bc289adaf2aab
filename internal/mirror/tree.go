package mirror

import (
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// hashSize is the size of a node of the tree (RFC 6962, SHA-256).
const hashSize = 32

// tree is the Merkle tree's growing edge: the roots of its perfect subtrees, and the unfinished hash tile of each level.
// A tree is a value: extend leaves its receiver as it was, so that a tree that turns out wrong is just dropped.
type tree struct {
	factory *compact.RangeFactory
	size    uint64
	hashes  [][]byte // of the compact range [0, size)
	edge    []edgeTile
}

// edgeTile is the tile of a level that still grows.
type edgeTile struct {
	index  uint64
	hashes []byte // shorter than a full tile
}

// fullTile is a tile that has just been completed.
type fullTile struct {
	level, index uint64
	hashes       []byte
}

// build is a tree after some leaves, with the tiles they completed.
type build struct {
	tree tree
	full []fullTile
}

func newTree() tree { return tree{factory: factory()} }

// extend appends leaves.
func (t tree) extend(leaves [][]byte) build {
	next := tree{factory: t.factory, edge: make([]edgeTile, len(t.edge))}
	for i, e := range t.edge {
		next.edge[i] = edgeTile{e.index, slices.Clip(e.hashes)} // appending copies: the receiver stays
	}
	r, err := t.factory.NewRange(0, t.size, slices.Clone(t.hashes))
	if err != nil {
		panic("mirror: tree is not its own compact range: " + err.Error()) // only this file builds trees
	}
	b := build{}
	visit := func(id compact.NodeID, hash []byte) {
		if id.Level%layout.TileHeight != 0 {
			return
		}
		level := int(id.Level / layout.TileHeight)
		if level == len(next.edge) {
			next.edge = append(next.edge, edgeTile{})
		}
		e := &next.edge[level]
		e.hashes = append(e.hashes, hash...)
		if len(e.hashes) == layout.TileWidth*hashSize {
			b.full = append(b.full, fullTile{uint64(level), e.index, e.hashes})
			*e = edgeTile{index: e.index + 1}
		}
	}
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), visit); err != nil {
			panic("mirror: tree is not its own compact range: " + err.Error())
		}
	}
	next.size, next.hashes = r.End(), r.Hashes()
	b.tree = next
	return b
}

// root is the tree's root hash.
func (t tree) root() tribune.Hash {
	if t.size == 0 {
		return tribune.Hash(rfc6962.DefaultHasher.EmptyRoot())
	}
	root := t.hashes[len(t.hashes)-1]
	for i := len(t.hashes) - 2; i >= 0; i-- {
		root = rfc6962.DefaultHasher.HashChildren(t.hashes[i], root)
	}
	return tribune.Hash(root)
}
