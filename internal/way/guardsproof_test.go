package way

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// proofs is what guardians do with erasures they are shown: those in deny obey none. A guardian that really computes is in internal/guardian; here it
// is held against what it needs.
type proofs struct {
	deny  map[int]bool
	shown int
}

func (g *guards) Erased(_ context.Context, req protocol.Request) (stated []protocol.ErasureStatement, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proofs.shown++
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil {
		return nil, err
	}
	leaf, err := protocol.DecodeLeaf(proof.Extra)
	if err != nil {
		return nil, err
	}
	private, err := protocol.DecodePrivate(req.Private)
	if err != nil {
		return nil, err
	}
	com, err := protocol.Commitment(req.Salt, req.Private)
	if err != nil {
		return nil, err
	}
	input, err := protocol.InputHash(req.Salt, req.Evidence)
	if err != nil || com != leaf.Act.Com || input != leaf.Input || len(req.Traces) != len(private.Subjects) || !g.log.published(proof.Extra) {
		return nil, fmt.Errorf("%w: what is shown is not what the leaf commits to, or is shown too early", tribune.ErrRefused)
	}
	var failures []error
	for i := range g.group.N {
		if g.proofs.deny[i+1] {
			failures = append(failures, tribune.ErrRefused)
			continue
		}
		stated = append(stated, protocol.ErasureStatement{Guardian: g.group.Guardians[i].Name, Leaf: protocol.LeafHash(proof.Extra)})
	}
	return stated, errors.Join(failures...)
}
