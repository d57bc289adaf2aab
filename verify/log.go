package verify

import (
	"errors"
	"fmt"
	"io/fs"

	"tribune"
)

// Log verifies the log that a receipt rests on, from a directory in tlog-tiles layout (`checkpoint`, `tile/...`): the
// directory's own checkpoint, the entry bundle with the leaf, and every hash tile from the leaf and the right edge to the
// root, each whole. Directory and receipt may be of different sizes; the smaller must be a prefix of the larger.
func (t *Trust) Log(v *Verified, dir fs.FS) error {
	have, err := t.dirCheckpoint(dir)
	if err != nil {
		return err
	}
	large, small := have, v.Checkpoint
	if small.Size > large.Size {
		large, small = small, large
	}
	tree, err := OpenTree(large.Size, large.Root, Dir(dir))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && have == small {
			return tribune.Hint(fmt.Errorf("log directory is older (size %d) than the receipt (size %d): %w", have.Size, large.Size, err),
				"take a newer copy of the log, or a receipt from before it")
		}
		return fmt.Errorf("log directory: %w", err)
	}
	if err := tree.Extends(small.Size, small.Root); err != nil {
		return fmt.Errorf("log directory and receipt: %w", err)
	}
	leaf, err := tree.Leaf(v.Index)
	if err != nil {
		return fmt.Errorf("log directory: %w", err)
	}
	if string(leaf) != string(v.LeafBytes) {
		return fmt.Errorf("%w: log directory: leaf %d is another than the receipt's", tribune.ErrInvalid, v.Index)
	}
	return nil
}

// Leaves verifies a whole log directory and gives every leaf from index on to visit, in order: what a monitor does to
// see for itself that nothing is missing. It stops at the first error, its own or visit's.
func (t *Trust) Leaves(dir fs.FS, from uint64, visit func(index uint64, leaf []byte) error) (*Checkpoint, error) {
	c, err := t.dirCheckpoint(dir)
	if err != nil {
		return nil, err
	}
	tree, err := OpenTree(c.Size, c.Root, Dir(dir))
	if err != nil {
		return nil, fmt.Errorf("log directory: %w", err)
	}
	for i := from; i < c.Size; {
		leaves, err := tree.Bundle(i / tileWidth)
		if err != nil {
			return nil, fmt.Errorf("log directory: %w", err)
		}
		for _, leaf := range leaves[i%tileWidth:] {
			if err := visit(i, leaf); err != nil {
				return nil, err
			}
			i++
		}
	}
	return c, nil
}

func (t *Trust) dirCheckpoint(dir fs.FS) (*Checkpoint, error) {
	msg, err := Dir(dir)("checkpoint")
	if err != nil {
		return nil, fmt.Errorf("log directory: reading checkpoint: %w", err)
	}
	c, err := t.Checkpoint(msg)
	if err != nil {
		return nil, fmt.Errorf("log directory: %w", err)
	}
	return c, nil
}
