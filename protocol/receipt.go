package protocol

import (
	"fmt"

	"github.com/transparency-dev/formats/proof"

	"tribune"
)

// AttachLeaf returns the receipt with the leaf in its extra line: a file that verifies by itself.
func AttachLeaf(receipt tribune.Receipt, leaf []byte) (tribune.Receipt, error) {
	var p proof.TLogProof
	if err := p.Unmarshal(receipt); err != nil {
		return nil, fmt.Errorf("%w: receipt: %w", tribune.ErrInvalid, err)
	}
	p.ExtraData = leaf
	return p.Marshal(), nil
}
