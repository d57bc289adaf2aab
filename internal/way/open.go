package way

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// Open puts a prepared act on record under its actor's signature, has the guardians release its keys and opens its
// values, in the order of the reading. The receipt is valid even where opening then fails.
func (w *Way) Open(ctx context.Context, actID string, signature []byte) ([][]byte, tribune.Receipt, error) {
	s, err := w.prepared.take(actID)
	if err != nil {
		return nil, nil, err
	}
	key, err := w.cfg.Gate.ActorKey(s.caller.Actor)
	if err != nil {
		return nil, nil, fmt.Errorf("finding the actor's key: %w", err)
	}
	if err := s.act.Verify(key, signature); err != nil {
		return nil, nil, tribune.Hint(err, "Sign SHA-256(\"tribune/v1/act\" 0x00 || the act's canonical JSON) with the key that your appointment registered.")
	}
	// The caller may hang up: what is on record must still be settled, so the act has its own time-out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openFor)
	defer cancel()
	keys, receipt, err := w.walk(ctx, s, signature)
	if err != nil {
		return nil, receipt, err
	}
	defer wipe(keys)
	values, err := w.cfg.Vault.Open(ctx, keys, s.sealed)
	if err != nil {
		return nil, receipt, fmt.Errorf("opening sealed values: %w", err)
	}
	return values, receipt, nil
}

// walk is the middle of the one way: leaf, publication, release. It returns the keys of the act's identities.
func (w *Way) walk(ctx context.Context, s *sheet, signature []byte) (map[tribune.Identity][]byte, tribune.Receipt, error) {
	leaf, err := s.leaf(signature)
	if err != nil {
		return nil, nil, err
	}
	index, err := w.append(ctx, s, leaf)
	if err != nil {
		return nil, nil, err
	}
	if err := w.keepOpening(ctx, index, s); err != nil {
		return nil, nil, err
	}
	receipt, err := w.cfg.Record.Await(ctx, index)
	if err != nil {
		return nil, nil, fmt.Errorf("waiting for publication: %w", err)
	}
	if s.identities() == 0 {
		return nil, receipt, nil // a "no" is on record; there is nothing to open
	}
	keys, err := w.release(ctx, index, s, leaf, receipt)
	return keys, receipt, err
}

// release asks t guardians, combines their shares and keeps their public statements. Where a guardian's shares do not
// fit the transcript, it is named and all are asked.
func (w *Way) release(ctx context.Context, index uint64, s *sheet, leaf []byte, receipt tribune.Receipt) (map[tribune.Identity][]byte, error) {
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "the record's own receipt", Err: err}
	}
	proof.Extra = leaf
	req := protocol.Request{Receipt: proof.Marshal(), Private: s.private, Salt: s.salt, Evidence: s.evidence, Traces: s.traces}
	need := w.cfg.Group.T
	for {
		answers, err := w.cfg.Guardians.Release(ctx, req, need)
		if err != nil {
			return nil, fmt.Errorf("asking guardians to release: %w", err)
		}
		if err := w.keepStatements(ctx, index, answers); err != nil {
			return nil, err
		}
		keys, culprits, err := w.combine(s, protocol.LeafHash(leaf), answers)
		for _, i := range culprits {
			w.cfg.Log.Error("a guardian released shares that do not fit the ceremony's transcript", "guardian", w.cfg.Group.Guardians[i-1].Name)
		}
		if err == nil {
			return keys, nil
		}
		if need == w.cfg.Group.N || len(culprits) == 0 {
			return nil, fmt.Errorf("combining shares: %w", err)
		}
		need = min(need+len(culprits), w.cfg.Group.N)
	}
}

func (w *Way) combine(s *sheet, leaf tribune.Hash, answers []protocol.Answer) (map[tribune.Identity][]byte, []int, error) {
	var ids []tribune.Identity
	var raw [][]byte
	for _, sub := range s.subjects {
		for _, id := range sub.IDs {
			ids, raw = append(ids, id), append(raw, id.Bytes(w.cfg.Group.City))
		}
	}
	var parts []ibe.Partial
	var broken []error
	for _, a := range answers {
		part, err := w.openBox(s, leaf, a, len(ids))
		if err != nil {
			broken = append(broken, err)
			continue
		}
		parts = append(parts, part)
	}
	if len(parts) < w.cfg.Group.T {
		return nil, nil, fmt.Errorf("%w: %w", tribune.ErrNoQuorum, errors.Join(broken...))
	}
	points, culprits, err := w.master.Combine(w.cfg.Group.Seal.Shares, w.cfg.Group.T, raw, parts)
	if err != nil {
		return nil, culprits, err
	}
	keys := make(map[tribune.Identity][]byte, len(ids))
	for i, id := range ids {
		keys[id] = points[i]
	}
	return keys, culprits, nil
}

func (w *Way) openBox(s *sheet, leaf tribune.Hash, a protocol.Answer, n int) (ibe.Partial, error) {
	if a.Statement == nil || a.Statement.Leaf != leaf || a.Statement.IDs != protocol.HashIDs(w.cfg.Group.City, s.subjects) {
		return ibe.Partial{}, fmt.Errorf("%w: a release without a statement for this act", tribune.ErrInvalid)
	}
	if a.Statement.Epoch != w.cfg.Group.Epoch {
		return ibe.Partial{}, fmt.Errorf("%w: %s releases under share epoch %d, the roster says %d", tribune.ErrInvalid, a.Statement.Guardian, a.Statement.Epoch, w.cfg.Group.Epoch)
	}
	shares, err := s.recipient.OpenShares(a.Box, leaf, a.Statement.Epoch)
	if err != nil {
		return ibe.Partial{}, err
	}
	if len(shares) != n*ibe.G1Size {
		return ibe.Partial{}, fmt.Errorf("%w: %s released %d bytes, want %d", tribune.ErrInvalid, a.Statement.Guardian, len(shares), n*ibe.G1Size)
	}
	for _, m := range w.cfg.Group.Guardians {
		if m.Name != a.Statement.Guardian {
			continue
		}
		part := ibe.Partial{Index: m.Index}
		for i := range n {
			part.Points = append(part.Points, shares[i*ibe.G1Size:(i+1)*ibe.G1Size])
		}
		return part, nil
	}
	return ibe.Partial{}, fmt.Errorf("%w: release by %q, who is not a guardian", tribune.ErrInvalid, a.Statement.Guardian)
}

func wipe(keys map[tribune.Identity][]byte) {
	for _, k := range keys {
		clear(k)
	}
}
