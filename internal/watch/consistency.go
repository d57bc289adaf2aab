package watch

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tribune"
	"tribune/internal/mirror"
	"tribune/verify"
)

// consistency is proof of what the first From leaves of a larger tree hash to. Where that is not what another checkpoint of From
// leaves says, the log has signed two histories: no more than the two checkpoints and this is needed to show it to anybody.
type consistency struct {
	From  uint64         `json:"from"`
	Root  tribune.Hash   `json:"root"` // of the first From leaves of the larger tree
	Proof []tribune.Hash `json:"proof"`
}

// check holds the proof against the larger tree.
func (p consistency) check(large *verify.Checkpoint) error {
	raw := make([][]byte, len(p.Proof))
	for i := range p.Proof {
		raw[i] = p.Proof[i][:]
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, p.From, large.Size, raw, p.Root[:], large.Root[:]); err != nil {
		return fmt.Errorf("%w: the consistency proof does not fit the larger checkpoint: %w", tribune.ErrInvalid, err)
	}
	return nil
}

// prefix proves what a tree's first size leaves hash to.
func prefix(tree *verify.Tree, size uint64) (consistency, error) {
	root, err := tree.RootAt(size)
	if err != nil {
		return consistency{}, err
	}
	path, err := tree.Consistency(size)
	if err != nil {
		return consistency{}, err
	}
	return consistency{From: size, Root: root, Proof: path}, nil
}

// extends checks that the proven tree of next begins with the tree held. Where it does not, *rewritten says so and proves it.
func extends(tree *verify.Tree, next *verify.Checkpoint, held mirror.Head) error {
	if held.Size == 0 {
		return nil
	}
	root, err := tree.RootAt(held.Size)
	if err != nil {
		return err
	}
	if root == held.Root {
		return nil
	}
	p, err := prefix(tree, held.Size)
	if err != nil {
		return err
	}
	return &rewritten{shown: next, held: &verify.Checkpoint{Size: held.Size, Root: held.Root, Note: held.Note}, proof: p}
}

// compare holds a checkpoint that somebody has shown against the copy. nil: the smaller of the two is a prefix of the larger.
// *rewritten: it is not, with proof. Any other error: nobody can tell, since the shown tree is larger and its tiles are not to be had.
func (c *Copy) compare(cp *verify.Checkpoint, fetch verify.Fetch) error {
	head := c.mirror.Head()
	if cp.Size <= head.Size {
		root, err := c.mirror.RootAt(cp.Size)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		if root == cp.Root {
			return nil
		}
		r := &rewritten{held: cp, shown: &verify.Checkpoint{Size: head.Size, Root: head.Root, Note: head.Note}}
		if cp.Size == head.Size {
			return r // two roots of one size need no proof
		}
		tree, err := c.tree()
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		if r.proof, err = prefix(tree, cp.Size); err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		return r
	}
	if fetch == nil {
		return errUnproven
	}
	tree, err := verify.OpenTree(cp.Size, cp.Root, fetch)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnproven, err)
	}
	return extends(tree, cp, head)
}

// errUnproven: the tiles of a larger tree are not to be had, so nobody can tell whether it continues what is held.
var errUnproven = errors.New("no proof that it continues the record held")
