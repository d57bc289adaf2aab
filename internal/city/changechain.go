package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify"
)

// The chain of groups: the receipts of the closings, from the founding's on, for guardians that come later and for citizens
// with an old trust file.

// showChain serves how each group followed the one before it.
func (h *Hub) showChain(w http.ResponseWriter, r *http.Request) {
	chain, err := h.readChain()
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	writeJSON(w, chain)
}

func (h *Hub) readChain() (wire.Chain, error) {
	chain := wire.Chain{Links: []wire.Link{}}
	data, err := os.ReadFile(h.cfg.Dir.Chain())
	if errors.Is(err, fs.ErrNotExist) {
		return chain, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &chain)
	}
	if err != nil {
		return chain, fmt.Errorf("reading the chain of groups: %w", err)
	}
	return chain, nil
}

// link keeps the receipt of a closing, once: a hub that was stopped right after it comes here again.
func (h *Hub) link(receipt []byte) error {
	h.changes.chain.Lock()
	defer h.changes.chain.Unlock()
	chain, err := h.readChain()
	if err != nil {
		return err
	}
	fresh, err := verify.ParseProof(receipt)
	if err != nil {
		return err
	}
	for _, l := range chain.Links {
		if known, err := verify.ParseProof(l.Receipt); err == nil && known.Index == fresh.Index {
			return nil
		}
	}
	chain.Links = append(chain.Links, wire.Link{Receipt: receipt})
	data, err := json.Marshal(chain)
	if err != nil {
		return err
	}
	return writeFile(h.cfg.Dir.Chain(), data, 0o644)
}

// published waits for the closing's publication under the guardians who co-sign now, and keeps its receipt.
func (h *Hub) published(ctx context.Context, index uint64) error {
	if _, err := h.record.Await(ctx, index); err != nil {
		return fmt.Errorf("publishing the new group: %w", err)
	}
	receipt, err := h.record.Receipt(ctx, index, true)
	if err == nil {
		err = h.link(receipt)
	}
	if err != nil {
		return fmt.Errorf("keeping the new group's receipt: %w", err)
	}
	return nil
}

// beginChain keeps the receipt of the founding's closing, from which the chain of groups goes on.
func (h *Hub) beginChain(ctx context.Context) error {
	chain, err := h.readChain()
	if err != nil || len(chain.Links) > 0 || h.group.Load().Epoch != 1 {
		return err
	}
	want, err := protocol.GroupDigest(*h.group.Load())
	if err != nil {
		return err
	}
	closing, index, err := h.findClosing(ctx, func(c protocol.Closing) bool {
		got, err := protocol.GroupDigest(c.Group)
		return err == nil && got == want && c.Check() == nil
	})
	if err != nil || closing == nil {
		return err
	}
	return h.published(ctx, index)
}

// closingOnRecord finds the closing that followed a group: a hub may have been stopped right after.
func (h *Hub) closingOnRecord(ctx context.Context, old protocol.Group) (*protocol.Closing, uint64, error) {
	return h.findClosing(ctx, func(c protocol.Closing) bool {
		_, err := c.Follows(old, h.cfg.Trust.Council)
		return err == nil
	})
}

// findClosing is the first closing on record that fits; nil = none.
func (h *Hub) findClosing(ctx context.Context, fits func(protocol.Closing) bool) (*protocol.Closing, uint64, error) {
	for entry, err := range h.record.Range(ctx, 0) {
		if err != nil {
			return nil, 0, fmt.Errorf("looking for the group on record: %w", err)
		}
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil || leaf.Act.Kind != tribune.ActCeremony {
			continue
		}
		var closing protocol.Closing
		if protocol.DecodeJCS(leaf.Public, &closing) == nil && fits(closing) {
			return &closing, entry.Index, nil
		}
	}
	return nil, 0, nil
}
