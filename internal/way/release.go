package way

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// release asks t guardians, combines their shares and keeps their public statements. A guardian whose share cannot be
// opened, or does not fit the transcript, is named, asked last from then on, and others are asked in its place.
func (w *Way) release(ctx context.Context, index uint64, s *sheet, leaf []byte, receipt tribune.Receipt) (map[tribune.Identity][]byte, error) {
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "the record's own receipt", Err: err}
	}
	proof.Extra = leaf
	req := protocol.Request{Receipt: proof.Marshal(), Private: s.private, Salt: s.salt, Evidence: s.evidence, Traces: s.traces, Hidden: s.hidden}
	c := &combination{way: w, sheet: s, leaf: protocol.LeafHash(leaf), parts: map[int]ibe.Partial{}, liars: map[int]bool{}}
	defer c.wipe()
	for {
		answers, err := w.cfg.Guardians.Release(ctx, req, w.cfg.Group.T)
		if err != nil {
			return nil, fmt.Errorf("asking guardians to release: %w", err)
		}
		known := len(c.liars)
		c.take(answers)
		if err := w.keepStatements(ctx, index, c.statements); err != nil {
			return nil, err
		}
		keys, err := c.combine()
		if err == nil {
			return keys, nil
		}
		if len(c.liars) == known { // asking again would bring the same
			return nil, fmt.Errorf("combining shares: %w", err)
		}
	}
}

// combination gathers one act's shares over as many rounds as it takes. Each round names another guardian or is the last.
type combination struct {
	way        *Way
	sheet      *sheet
	leaf       tribune.Hash
	parts      map[int]ibe.Partial // by guardian, not refuted so far
	liars      map[int]bool
	statements []protocol.Statement // of everyone who released, liars too: they said so in public
}

// take opens the answers' boxes.
func (c *combination) take(answers []protocol.Answer) {
	for _, a := range answers {
		if a.Statement == nil {
			continue
		}
		member := slices.IndexFunc(c.way.cfg.Group.Guardians, func(m protocol.Member) bool { return m.Name == a.Statement.Guardian })
		if member < 0 {
			c.way.cfg.Log.Error("a release by somebody who is no guardian")
			continue
		}
		if !slices.ContainsFunc(c.statements, func(s protocol.Statement) bool { return s.Guardian == a.Statement.Guardian }) {
			c.statements = append(c.statements, *a.Statement)
		}
		i := c.way.cfg.Group.Guardians[member].Index
		if c.liars[i] {
			continue
		}
		part, err := c.openBox(i, a)
		if err != nil {
			c.refute(i, err)
			continue
		}
		c.parts[i] = part
	}
}

// openBox decrypts one guardian's shares.
func (c *combination) openBox(index int, a protocol.Answer) (ibe.Partial, error) {
	part := ibe.Partial{Index: index}
	if a.Statement.Leaf != c.leaf || a.Statement.IDs != protocol.HashIDs(c.way.cfg.Group.City, c.sheet.subjects) {
		return part, fmt.Errorf("%w: a statement for another act", tribune.ErrInvalid)
	}
	if a.Statement.Epoch != c.way.cfg.Group.Epoch {
		return part, fmt.Errorf("%w: share epoch %d, the roster says %d", tribune.ErrInvalid, a.Statement.Epoch, c.way.cfg.Group.Epoch)
	}
	shares, err := c.sheet.recipient.OpenShares(a.Box, c.leaf, a.Statement.Epoch)
	if err != nil {
		return part, err
	}
	n := c.sheet.identities()
	if len(shares) != n*ibe.G1Size {
		return part, fmt.Errorf("%w: %d bytes of shares, want %d", tribune.ErrInvalid, len(shares), n*ibe.G1Size)
	}
	for i := range n {
		part.Points = append(part.Points, shares[i*ibe.G1Size:(i+1)*ibe.G1Size])
	}
	return part, nil
}

// combine computes the keys of the act's identities.
func (c *combination) combine() (map[tribune.Identity][]byte, error) {
	var ids []tribune.Identity
	var raw [][]byte
	for _, sub := range c.sheet.subjects {
		for _, id := range sub.IDs {
			ids, raw = append(ids, id), append(raw, id.Bytes(c.way.cfg.Group.City))
		}
	}
	var parts []ibe.Partial
	for _, i := range slices.Sorted(maps.Keys(c.parts)) {
		parts = append(parts, c.parts[i])
	}
	group := c.way.cfg.Group
	if len(parts) < group.T {
		return nil, fmt.Errorf("%w: %d sound shares, want %d", tribune.ErrNoQuorum, len(parts), group.T)
	}
	points, culprits, err := c.way.master.Combine(group.Seal.Shares, group.T, raw, parts)
	for _, i := range culprits {
		c.refute(i, errors.New("the share does not fit the ceremony's transcript"))
	}
	if err != nil {
		return nil, err
	}
	keys := make(map[tribune.Identity][]byte, len(ids))
	for i, id := range ids {
		keys[id] = points[i]
	}
	return keys, nil
}

// refute names a guardian whose release is not what it says.
func (c *combination) refute(index int, why error) {
	c.liars[index] = true
	delete(c.parts, index)
	c.way.cfg.Guardians.Suspect(index)
	c.way.cfg.Log.Error("a guardian released what cannot be used", "guardian", c.way.cfg.Group.Guardians[index-1].Name, "err", why)
}

// wipe overwrites the shares: t of them are the keys.
func (c *combination) wipe() {
	for _, part := range c.parts {
		for _, p := range part.Points {
			clear(p)
		}
	}
}
