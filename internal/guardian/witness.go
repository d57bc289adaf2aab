package guardian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/mirror"
)

const (
	// maxCheckpointBody bounds an add-checkpoint request: 63 proof lines and a note.
	maxCheckpointBody = 64 << 10
	maxProof          = 63 // as tlog-witness says
	// catchUp bounds one mirroring: it goes on when the hub has hung up, so that a guardian that was away for long
	// still arrives, and the next request finds the head further on.
	catchUp = 10 * time.Minute
	// maxCosigning bounds requests at a time: a checkpoint is public, so anyone may bring it, and each may wait for long.
	maxCosigning = 16
	// callTimeout bounds one call of ours to hub or peers.
	callTimeout = 10 * time.Second
)

// cosignRequest is the body of add-checkpoint (C2SP tlog-witness).
type cosignRequest struct {
	old        uint64
	proof      [][]byte
	checkpoint []byte // the signed note
}

func parseCosignRequest(body []byte) (cosignRequest, error) {
	var r cosignRequest
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return r, fmt.Errorf("%w: no empty line before the checkpoint", tribune.ErrInvalid)
	}
	lines := strings.Split(string(head), "\n")
	size, ok := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseUint(size, 10, 63)
	if !ok || err != nil || strconv.FormatUint(old, 10) != size {
		return r, fmt.Errorf("%w: the first line is not \"old N\"", tribune.ErrInvalid)
	}
	if len(lines)-1 > maxProof {
		return r, fmt.Errorf("%w: %d proof lines, at most %d", tribune.ErrTooLarge, len(lines)-1, maxProof)
	}
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(h) != len(tribune.Hash{}) {
			return r, fmt.Errorf("%w: a proof line is not 32 bytes in base64", tribune.ErrInvalid)
		}
		r.proof = append(r.proof, h)
	}
	r.old, r.checkpoint = old, checkpoint
	return r, nil
}

// addCheckpoint is C2SP tlog-witness, and more: the checkpoint is co-signed only once all its leaves are held here.
func (g *Guardian) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	g.membership.asked.Store(time.Now().UnixMilli())
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCheckpointBody))
	if err != nil {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	req, err := parseCosignRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case g.cosigning <- struct{}{}:
		defer func() { <-g.cosigning }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "this guardian is busy with other checkpoints", http.StatusServiceUnavailable)
		return
	}
	line, err := g.cosign(r.Context(), req)
	var no *witnessError
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(line)
	case errors.As(err, &no) && no.size != nil:
		w.Header()["Content-Type"] = []string{"text/x.tlog.size"}
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", *no.size)
	case errors.As(err, &no):
		http.Error(w, no.reason, no.status)
	default:
		// Without the error: anyone may ask, and it says what we reach and how.
		http.Error(w, "the log cannot be mirrored now", http.StatusServiceUnavailable)
	}
}

// witnessError is an answer that tlog-witness names.
type witnessError struct {
	status int
	reason string
	size   *uint64 // of the head, for a conflict of sizes
}

func (e *witnessError) Error() string { return e.reason }

func refuseCheckpoint(status int, format string, args ...any) error {
	return &witnessError{status: status, reason: fmt.Sprintf(format, args...)}
}

func conflict(size uint64) error {
	return &witnessError{status: http.StatusConflict, reason: "the old size is not the head's", size: &size}
}

// cosign returns our signature line. The order of the checks is that of tlog-witness.
func (g *Guardian) cosign(ctx context.Context, req cosignRequest) ([]byte, error) {
	next, text, err := g.openCheckpoint(req.checkpoint)
	if err != nil {
		return nil, err
	}
	if req.old > next.Size {
		return nil, refuseCheckpoint(http.StatusBadRequest, "old size %d is larger than the checkpoint's %d", req.old, next.Size)
	}
	head := g.mirror.Head()
	if req.old != head.Size {
		return nil, conflict(head.Size)
	}
	if next.Size == head.Size && next.Root != head.Root { // at size 0 the head is the empty tree
		return nil, refuseCheckpoint(http.StatusUnprocessableEntity, "another tree of %d leaves was co-signed before", head.Size)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, head.Size, next.Size, req.proof, head.Root[:], next.Root[:]); err != nil {
		return nil, refuseCheckpoint(http.StatusUnprocessableEntity, "the consistency proof does not fit: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), catchUp)
	defer cancel()
	switch err := g.mirror.Extend(ctx, head.Size, next); {
	case errors.Is(err, tribune.ErrConflict):
		return nil, conflict(g.mirror.Head().Size) // another request came first
	case errors.Is(err, tribune.ErrInvalid), errors.Is(err, tribune.ErrTooLarge):
		return nil, refuseCheckpoint(http.StatusUnprocessableEntity, "%v", err)
	case err != nil:
		return nil, err
	}
	g.index.advance(next.Size, g.cfg.Now())
	return g.sign(next, text)
}

// sign says that this guardian holds a head, which must be on disk: only then may the signature exist.
func (g *Guardian) sign(head mirror.Head, text string) (line []byte, err error) {
	signed, err := note.Sign(&note.Note{Text: text}, g.self.cosigner)
	if err != nil {
		return nil, fmt.Errorf("co-signing: %w", err)
	}
	line = signed[len(text)+1:]
	g.cosignedAt.Store(g.cfg.Now().Unix())
	g.keepCosigned(head.Size, append(bytes.Clone(head.Note), line...)) // not what else came with a request: anyone may send that
	return line, nil
}

// signHeld says again, after a start, that the stored head is held: a mirror's checkpoint carries the mirror's own co-signature
// at all times (C2SP tlog-mirror).
func (g *Guardian) signHeld() error {
	stored := g.mirror.Head()
	if stored.Note == nil {
		return nil
	}
	head, text, err := g.openCheckpoint(stored.Note)
	if err == nil {
		_, err = g.sign(head, text)
	}
	if err != nil {
		return fmt.Errorf("co-signing the head that is held: %w", err)
	}
	return nil
}

// openCheckpoint checks origin and the log's signature, and drops whatever other lines came with it.
func (g *Guardian) openCheckpoint(raw []byte) (mirror.Head, string, error) {
	var claimed log.Checkpoint
	if _, err := claimed.Unmarshal(raw); err != nil {
		return mirror.Head{}, "", refuseCheckpoint(http.StatusBadRequest, "%v", err)
	}
	if claimed.Origin != g.log.Name() {
		return mirror.Head{}, "", refuseCheckpoint(http.StatusNotFound, "this guardian watches %s only", g.log.Name())
	}
	n, err := note.Open(raw, note.VerifierList(g.log))
	if err != nil {
		return mirror.Head{}, "", refuseCheckpoint(http.StatusForbidden, "the log's key has not signed this checkpoint")
	}
	var cp log.Checkpoint
	rest, err := cp.Unmarshal([]byte(n.Text))
	if err != nil || len(cp.Hash) != len(tribune.Hash{}) || len(rest) != 0 || string(cp.Marshal()) != n.Text {
		return mirror.Head{}, "", refuseCheckpoint(http.StatusBadRequest, "the checkpoint is not origin, size and root in their one spelling")
	}
	only := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		only = append(only, "\u2014 "+s.Name+" "+s.Base64+"\n"...)
	}
	return mirror.Head{Size: cp.Size, Root: tribune.Hash(cp.Hash), Note: only}, n.Text, nil
}

func (g *Guardian) keepCosigned(size uint64, signed []byte) {
	g.cosignedMu.Lock()
	defer g.cosignedMu.Unlock()
	if g.mirror.Head().Size == size {
		g.cosigned = signed
	}
}

// mirrorRoutes serves the mirror as C2SP tlog-tiles, at the root and under the hash of the log's origin, where tlog-witness and
// tlog-mirror have it.
func (g *Guardian) mirrorRoutes(mux *http.ServeMux) {
	under := "/" + hex.EncodeToString(hashOf(g.log.Name()))
	for _, prefix := range []string{"", under} {
		mux.HandleFunc("GET "+prefix+"/checkpoint", g.checkpoint)
		mux.Handle("GET "+prefix+"/tile/", http.StripPrefix(prefix, g.mirror))
	}
}

func hashOf(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// checkpoint serves the head with our co-signature: what a static mirror of this log would serve.
func (g *Guardian) checkpoint(w http.ResponseWriter, r *http.Request) {
	g.cosignedMu.RLock()
	signed := g.cosigned
	g.cosignedMu.RUnlock()
	if signed == nil {
		http.Error(w, "nothing has been mirrored yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(signed)
}
