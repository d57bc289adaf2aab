package verify

import (
	"bytes"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tribune"
	"tribune/protocol"
)

// Verified is a leaf proven to be on record.
type Verified struct {
	Index      uint64
	LeafBytes  []byte
	LeafHash   tribune.Hash
	Leaf       protocol.Leaf
	Checkpoint *Checkpoint // with its co-signatures
}

// Receipt verifies a receipt that carries its leaf (the form kept as a file).
func (t *Trust) Receipt(receipt []byte) (*Verified, error) {
	p, err := ParseProof(receipt)
	if err != nil {
		return nil, err
	}
	if p.Extra == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: receipt: no extra line, so it does not say which leaf it is for", tribune.ErrInvalid),
			"take the receipt from the link in the answer, or verify it together with the leaf")
	}
	return t.verifyProof(p, p.Extra)
}

// ReceiptOf verifies a receipt for a leaf that is at hand. Where the receipt carries a leaf too, it must be the same.
func (t *Trust) ReceiptOf(receipt, leaf []byte) (*Verified, error) {
	p, err := ParseProof(receipt)
	if err != nil {
		return nil, err
	}
	if p.Extra != nil && !bytes.Equal(p.Extra, leaf) {
		return nil, fmt.Errorf("%w: receipt: its leaf is another than the one at hand", tribune.ErrInvalid)
	}
	return t.verifyProof(p, leaf)
}

func (t *Trust) verifyProof(p Proof, leaf []byte) (*Verified, error) {
	// Signatures first: until they fit, size and root are anybody's words.
	c, err := t.Checkpoint(p.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	v := &Verified{Index: p.Index, LeafBytes: bytes.Clone(leaf), LeafHash: protocol.LeafHash(leaf), Checkpoint: c}
	if err := checkInclusion(p.Index, c.Size, v.LeafHash, p.Hashes, c.Root); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	if v.Leaf, err = protocol.DecodeLeaf(leaf); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return v, nil
}

// checkInclusion holds leaf, index and proof against a root.
func checkInclusion(index, size uint64, leaf tribune.Hash, path []tribune.Hash, root tribune.Hash) error {
	if index >= size {
		return fmt.Errorf("%w: index %d is beyond the checkpoint, which covers %d leaves", tribune.ErrInvalid, index, size)
	}
	raw := make([][]byte, len(path))
	for i := range path {
		raw[i] = path[i][:]
	}
	got, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, index, size, leaf[:], raw)
	if err != nil {
		return fmt.Errorf("%w: inclusion proof: %w", tribune.ErrInvalid, err)
	}
	if !bytes.Equal(got, root[:]) {
		return fmt.Errorf("%w: leaf, index and inclusion proof do not lead to the checkpoint's root", tribune.ErrInvalid)
	}
	return nil
}
