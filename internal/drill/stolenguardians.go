package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"tribune/protocol"
)

// startGuardian starts a guardian over the folder that the city left, and waits for its address.
func (h *stolenHub) startGuardian(ctx context.Context, c *city, i int) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting a guardian: %w", err)
	}
	defer read.Close() // the child has its own
	h.pipes = append(h.pipes, write)
	h.starts++
	output := c.play.scratch(fmt.Sprintf("guardian-%d-%d.log", i+1, h.starts))
	proc, err := c.play.spawn(ctx, output, read, "guardian", "serve", "--config", c.path("guardians", strconv.Itoa(i+1), "guardian.toml"))
	if err != nil {
		return err
	}
	h.procs[i] = proc
	m := &h.group.Guardians[i]
	return proc.until(ctx, startFor, "guardian "+m.Name, func() (bool, error) {
		data, err := os.ReadFile(output + ".out")
		if err != nil {
			return false, err
		}
		var ready struct{ Address string }
		line, _, _ := bytes.Cut(data, []byte("\n"))
		if json.Unmarshal(line, &ready) != nil || ready.Address == "" {
			return false, nil
		}
		m.URL = ready.Address
		var status struct{ Size uint64 }
		if _, body, err := h.call(ctx, http.MethodGet, m.URL, "/status", nil, false); err != nil || json.Unmarshal(body, &status) != nil {
			return false, err
		}
		if status.Size > uint64(len(h.leaves)) {
			return false, fmt.Errorf("%w: %s holds %d leaves, the stolen log %d", errDrill, m.Name, status.Size, len(h.leaves))
		}
		h.sizes[m.Name] = status.Size
		return true, nil
	})
}

// call is one request to a guardian; signed says whether to authenticate as the hub.
func (h *stolenHub) call(ctx context.Context, method, base, path string, body []byte, signed bool) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if signed {
		h.sign(req, method, path, body, time.Now())
	}
	return h.answer(req)
}

// sign authenticates a request as the hub's.
func (h *stolenHub) sign(req *http.Request, method, path string, body []byte, at time.Time) {
	signature := ed25519.Sign(h.seed, protocol.HubMessage(method, path, at.Unix(), body))
	req.Header.Set(protocol.HubHeader, fmt.Sprintf("%d %s", at.Unix(), base64.StdEncoding.EncodeToString(signature)))
	req.Header.Set(protocol.DigestHeader, protocol.ContentDigest(body))
}

func (h *stolenHub) answer(req *http.Request) (int, []byte, error) {
	res, err := h.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("calling a guardian: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, answer, err
}
