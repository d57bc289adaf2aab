package city

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// addChange takes POST /group/change. Anybody may bring it: its authority is the council's signature. And since every signed change is
// public for good, one that is brought again does nothing: not a leaf, not a new beginning, and not the place of the one that replaced it.
func (h *Hub) addChange(w http.ResponseWriter, r *http.Request) {
	doc, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxChange))
	if err != nil {
		h.problems.Write(w, r, fmt.Errorf("a change: %w", tribune.ErrTooLarge))
		return
	}
	change, err := h.openChange(doc)
	if err == nil {
		err = h.takeChange(change, doc)
	}
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// takeChange makes a change the one under way. The one before it does not come back.
func (h *Hub) takeChange(change protocol.Change, doc []byte) error {
	h.changes.mu.Lock()
	defer h.changes.mu.Unlock()
	digest, err := change.Digest()
	if err != nil {
		return err
	}
	replaced, err := os.ReadFile(h.replaced())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading which changes were replaced: %w", err)
	}
	if strings.Contains(string(replaced), digest.String()+"\n") {
		return tribune.Hint(fmt.Errorf("%w: another change has taken the place of this one", tribune.ErrConflict), "If it is wanted after all, the council signs it in other words, with another w or address.")
	}
	before, err := os.ReadFile(h.cfg.Dir.Change())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the change under way: %w", err)
	}
	if earlier, err := h.openChange(before); err == nil {
		was, err := earlier.Digest()
		if err != nil {
			return err
		}
		if was == digest {
			return nil
		}
		if err := writeFile(h.replaced(), append(replaced, was.String()+"\n"...), 0o644); err != nil {
			return fmt.Errorf("noting which change is replaced: %w", err)
		}
	}
	if err := writeFile(h.cfg.Dir.Change(), doc, 0o644); err != nil {
		return err
	}
	select {
	case h.changes.wake <- struct{}{}:
	default:
	}
	return nil
}

// replaced is the file of digests, a line each. There are as many as the council has signed.
func (h *Hub) replaced() string { return h.cfg.Dir.Change() + ".replaced" }

// announceChange puts a change on record, once: it is tried again for as long as it takes.
func (h *Hub) announceChange(ctx context.Context, doc []byte, change protocol.Change) error {
	digest, err := change.Digest()
	if err != nil {
		return err
	}
	h.changes.mu.Lock()
	known := h.changes.onRecord[digest]
	h.changes.mu.Unlock()
	if known {
		return nil
	}
	if _, err := h.appendCeremony(ctx, wire.Proposal{Change: doc}); err != nil {
		return err
	}
	h.changes.mu.Lock()
	h.changes.onRecord[digest] = true
	h.changes.mu.Unlock()
	h.log.Info("a change of guardians is on record; their operators accept it or not", "epoch", change.Epoch, "guardians", len(change.Members))
	return nil
}

// showChange serves the change under way, for operators to read and accept.
func (h *Hub) showChange(w http.ResponseWriter, r *http.Request) {
	doc, err := os.ReadFile(h.cfg.Dir.Change())
	if err != nil {
		h.problems.Write(w, r, fmt.Errorf("%w: no change of guardians is under way", tribune.ErrNotFound))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(doc)
}
