package record

import (
	"context"
	"fmt"

	"tribune"
	"tribune/verify"
)

// Receipt is the receipt of any published leaf, against the current checkpoint. With the leaf in its extra line it can
// be verified by itself. A leaf that is not published yet is not found.
func (r *Record) Receipt(ctx context.Context, index uint64, withLeaf bool) (tribune.Receipt, error) {
	h := r.published()
	if h == nil || index >= h.Size {
		return nil, tribune.Hint(fmt.Errorf("receipt of leaf %d: %w", index, tribune.ErrNotFound), "a leaf has a receipt once guardians have co-signed it; try later")
	}
	var leaf []byte
	if withLeaf {
		var err error
		if leaf, err = h.tree.Leaf(index); err != nil {
			return nil, corrupt(fmt.Sprintf("leaf %d", index), err)
		}
	}
	return h.receipt(index, leaf)
}

// receipt builds the receipt of one leaf from proven tiles.
func (h *head) receipt(index uint64, leaf []byte) (tribune.Receipt, error) {
	path, err := h.tree.Inclusion(index)
	if err != nil {
		return nil, corrupt(fmt.Sprintf("proof of leaf %d", index), err)
	}
	return verify.Proof{Index: index, Hashes: path, Checkpoint: h.Note, Extra: leaf}.Marshal(), nil
}

// corrupt marks what can only come from a damaged directory: the tree was proven before.
func corrupt(what string, err error) error {
	return tribune.Hint(&tribune.IntegrityError{What: what, Err: err}, "the log's directory is damaged; compare it with a guardian's mirror")
}
