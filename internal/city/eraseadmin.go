package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"tribune"
	"tribune/internal/vault"
)

// What an operator asks of erasure on the hub's own socket: GET /epoch says where rotations stand, POST /epoch/rotate makes one now.
const (
	epochPath    = "/epoch"
	rotatePath   = "/epoch/rotate"
	maxComplaint = 4 << 10
)

// admin is everything the administrative socket answers.
func (h *Hub) admin(backups http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", backups)
	state := func(w http.ResponseWriter, r *http.Request) {
		now, err := h.rotation(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, now)
	}
	mux.HandleFunc("GET "+epochPath, state)
	mux.HandleFunc("POST "+rotatePath, func(w http.ResponseWriter, r *http.Request) {
		if err := h.rotate(r.Context()); err != nil {
			h.log.Error("the epoch key was not replaced", "err", err)
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		state(w, r)
	})
	return mux
}

// Rotate has the running hub of a directory replace its epoch key now. It returns once the old key is destroyed.
func Rotate(ctx context.Context, dir Dir) (vault.Rotation, error) {
	return askAdmin(ctx, dir, http.MethodPost, rotatePath)
}

// RotationOf asks the running hub of a directory where rotations stand.
func RotationOf(ctx context.Context, dir Dir) (vault.Rotation, error) {
	return askAdmin(ctx, dir, http.MethodGet, epochPath)
}

func askAdmin(ctx context.Context, dir Dir, method, path string) (out vault.Rotation, err error) {
	socket := dir.AdminSocket()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, method, "http://hub"+path, nil)
	if err != nil {
		return out, err
	}
	res, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return out, tribune.Hint(fmt.Errorf("%w: no hub answers at %s", tribune.ErrNotFound, socket), "The hub must run: it alone knows what is still on its way. Start it.")
	case errors.Is(err, fs.ErrPermission):
		return out, tribune.Hint(fmt.Errorf("asking the hub about its epoch key: %w", err), "Run this as the user that the hub runs as.")
	case err != nil:
		return out, fmt.Errorf("asking the hub about its epoch key: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxComplaint))
	if err != nil {
		return out, fmt.Errorf("asking the hub about its epoch key: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return out, fmt.Errorf("%w: the hub says: %s", tribune.ErrConflict, bytes.TrimSpace(body))
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("reading the hub's answer: %w", err)
	}
	return out, nil
}
