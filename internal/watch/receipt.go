package watch

import (
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tribune/protocol"
	"tribune/verify"
)

// receipt proves a leaf of the copy under its head.
func (c *Copy) receipt(index uint64) (string, error) {
	tree, err := c.tree()
	if err != nil {
		return "", fmt.Errorf("proving leaf %d: %w", index, err)
	}
	leaf, err := tree.Leaf(index)
	if err != nil {
		return "", fmt.Errorf("proving leaf %d: %w", index, err)
	}
	path, err := tree.Inclusion(index)
	if err != nil {
		return "", fmt.Errorf("proving leaf %d: %w", index, err)
	}
	return string(verify.Proof{Index: index, Hashes: path, Checkpoint: c.mirror.Head().Note, Extra: leaf}.Marshal()), nil
}

// inclusionFails holds leaf, index and path of a proof against its checkpoint, whatever the leaf says.
func inclusionFails(p verify.Proof, trust *verify.Trust) bool {
	cp, err := trust.Checkpoint(p.Checkpoint)
	if err != nil {
		return true
	}
	path := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		path[i] = p.Hashes[i][:]
	}
	hash := protocol.LeafHash(p.Extra)
	return proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, hash[:], path, cp.Root[:]) != nil
}
