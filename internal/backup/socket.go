package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"filippo.io/age"

	"tribune"
)

const (
	socketPath   = "/backup"
	maxRequest   = 64 << 10
	maxComplaint = 4 << 10
)

// request asks for an archive.
type request struct {
	Recipients []string `json:"recipients"` // of the keys; none = an archive without keys
}

// Handler serves POST /backup on a hub's administrative socket: the answer is the archive. One at a time. An archive that fails on the
// way is cut off, and so has no manifest.
func Handler(source func() Source, log *slog.Logger) http.Handler {
	one := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+socketPath, func(w http.ResponseWriter, r *http.Request) {
		var req request
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&req); err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
			return
		}
		recipients, err := Recipients(req.Recipients)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case one <- struct{}{}:
			defer func() { <-one }()
		default:
			http.Error(w, "another backup is being made", http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/x-tar")
		m, err := Write(r.Context(), w, source(), recipients)
		if err != nil {
			log.Error("a backup was not made", "err", err)
			panic(http.ErrAbortHandler)
		}
		log.Info("a backup was made", "files", len(m.Files), "leaves", m.Leaves, "keys", len(m.Keys))
	})
	return mux
}

// Recipients parses age recipients.
func Recipients(texts []string) (all []age.Recipient, err error) {
	for _, text := range texts {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, tribune.Hint(fmt.Errorf("%w: not an age recipient", tribune.ErrInvalid), "age-keygen prints one: age1...")
		}
		all = append(all, r)
	}
	return all, nil
}

// Ask asks the hub behind a socket for an archive. The reader ends with an error where the hub could not write it to its end.
func Ask(ctx context.Context, socket string, recipients []string) (io.ReadCloser, error) {
	body, err := json.Marshal(request{Recipients: recipients})
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hub"+socketPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, tribune.Hint(fmt.Errorf("%w: no hub answers at %s", tribune.ErrNotFound, socket), "A backup is made of a running hub. Start it; or, while it is stopped, copy its directory without hub/keys/epoch.key.")
	case errors.Is(err, fs.ErrPermission):
		return nil, tribune.Hint(fmt.Errorf("asking the hub for a backup: %w", err), "Run this as the user that the hub runs as.")
	case err != nil:
		return nil, fmt.Errorf("asking the hub for a backup: %w", err)
	case res.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxComplaint))
		res.Body.Close()
		return nil, fmt.Errorf("%w: the hub makes no backup: %s", tribune.ErrConflict, bytes.TrimSpace(text))
	}
	return res.Body, nil
}
