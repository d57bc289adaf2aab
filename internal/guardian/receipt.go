package guardian

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// maxCheckpoints is some seconds of checkpoints at five a second; acts of one moment share one.
const maxCheckpoints = 32

// checkpointCache verifies receipts and remembers the checkpoints that verified: their signatures are most of a
// receipt's cost, and the receipts of busy seconds share them.
type checkpointCache struct {
	mu   sync.Mutex // guards all
	good map[tribune.Hash]*verify.Checkpoint
}

func newCheckpointCache() *checkpointCache {
	return &checkpointCache{good: map[tribune.Hash]*verify.Checkpoint{}}
}

// receipt is verify.Trust.Receipt, by the same steps.
func (c *checkpointCache) receipt(trust *verify.Trust, receipt []byte) (*verify.Verified, error) {
	p, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, err
	}
	key := tribune.Hash(sha256.Sum256(p.Checkpoint))
	c.mu.Lock()
	cp := c.good[key]
	c.mu.Unlock()
	if cp == nil || p.Extra == nil {
		v, err := trust.Receipt(receipt)
		if err == nil {
			c.keep(key, v.Checkpoint)
		}
		return v, err
	}
	v := &verify.Verified{Index: p.Index, LeafBytes: p.Extra, LeafHash: protocol.LeafHash(p.Extra), Checkpoint: cp}
	path := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		path[i] = p.Hashes[i][:]
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, v.LeafHash[:], path, cp.Root[:]); err != nil {
		return nil, fmt.Errorf("%w: inclusion proof: %w", tribune.ErrInvalid, err)
	}
	if v.Leaf, err = protocol.DecodeLeaf(p.Extra); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return v, nil
}

func (c *checkpointCache) keep(key tribune.Hash, cp *verify.Checkpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.good) >= maxCheckpoints {
		clear(c.good)
	}
	c.good[key] = cp
}
