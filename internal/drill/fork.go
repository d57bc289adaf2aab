package drill

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
)

// twin is the same stolen hub with a tree of its own that begins with the first keep leaves: what a second face of the log grows from.
func (h *stolenHub) twin(keep int) *stolenHub {
	t := &stolenHub{play: h.play, signer: h.signer, seed: h.seed, group: h.group, http: h.http, tags: map[tribune.Tag]bool{}, sizes: maps.Clone(h.sizes), laws: map[string][]byte{}}
	for _, leaf := range slices.Clone(h.leaves[:keep]) {
		t.append(leaf) // cannot fail: the same leaves were appended before
	}
	return t
}

func (h *stolenHub) root() (tribune.Hash, error) {
	root, err := tlog.TreeHash(int64(len(h.leaves)), h.reader())
	return tribune.Hash(root), err
}

// face makes a tree the one that the hub's address serves from now on.
func (h *stolenHub) face(tree *stolenHub) { h.shown.Store(tree) }

func writePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// listen serves on a port of the drill's own until end is called.
func (p *play) listen(ctx context.Context, handler http.Handler) (url string, end func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: callFor}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}

// cosigner is a guardian's key in other hands: it signs any checkpoint.
func (c *city) cosigner(i int) (*fnote.Signer, error) {
	skey, err := os.ReadFile(c.path("guardians", strconv.Itoa(i), "guardian.key"))
	if err != nil {
		return nil, fmt.Errorf("taking guardian %d's key: %w", i, err)
	}
	s, err := fnote.NewSignerForCosignatureV1(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("taking guardian %d's key: %w", i, err)
	}
	return s, nil
}

// lineOf signs a checkpoint's text and returns the signature line alone.
func lineOf(checkpoint []byte, by note.Signer) ([]byte, error) {
	text, _, _ := strings.Cut(string(checkpoint), "\n\n")
	text += "\n"
	signed, err := note.Sign(&note.Note{Text: text}, by)
	if err != nil {
		return nil, err
	}
	return signed[len(text)+1:], nil
}

// ask has a guardian co-sign this tree as it is, and returns the line, or nil.
func (h *stolenHub) ask(ctx context.Context, m protocol.Member, checkpoint []byte) ([]byte, error) {
	status, line, err := h.cosign(ctx, m, checkpoint)
	if err != nil || status != http.StatusOK {
		return nil, err
	}
	h.sizes[m.Name] = uint64(len(h.leaves))
	return line, nil
}
