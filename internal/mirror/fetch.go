package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// fetchTimeout bounds one tile: the hub is near, and a checkpoint that is not co-signed within a second or two is
// overtaken by the next.
const fetchTimeout = 5 * time.Second

// maxBundle is the largest entry bundle: 256 entries of 64 KiB with their lengths.
const maxBundle = layout.EntryBundleWidth * (2 + 1<<16)

// HTTP fetches tiles from the log at base ("https://hub.example/log").
func HTTP(base string, client *http.Client) Fetcher {
	base = strings.TrimSuffix(base, "/")
	return func(ctx context.Context, path string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/"+path, nil)
		if err != nil {
			return nil, fmt.Errorf("asking the hub for %s: %w", path, err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("asking the hub for %s: %w", path, err)
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
		case http.StatusNotFound, http.StatusGone:
			return nil, fmt.Errorf("the hub has no %s: %w", path, fs.ErrNotExist)
		default:
			return nil, fmt.Errorf("asking the hub for %s: %s", path, resp.Status)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBundle+1))
		if err != nil {
			return nil, fmt.Errorf("reading %s from the hub: %w", path, err)
		}
		if len(body) > maxBundle {
			return nil, fmt.Errorf("%s from the hub is larger than any bundle: %w", path, tribune.ErrTooLarge)
		}
		return body, nil
	}
}

// fetchEntries gets the first r.First+r.N entries of bundle r.Index.
func (m *Mirror) fetchEntries(ctx context.Context, r layout.RangeInfo) ([][]byte, error) {
	raw, err := m.cfg.Fetch(ctx, layout.EntriesPath(r.Index, r.Partial))
	if errors.Is(err, fs.ErrNotExist) && r.Partial != 0 {
		// A log may delete a partial bundle once the full one exists; the full one begins with it.
		raw, err = m.cfg.Fetch(ctx, layout.EntriesPath(r.Index, 0))
	}
	if err != nil {
		return nil, fmt.Errorf("fetching entry bundle %d: %w", r.Index, err)
	}
	entries, err := parseBundle(raw, int(r.First+r.N))
	if err != nil {
		return nil, fmt.Errorf("entry bundle %d: %w", r.Index, err)
	}
	return entries, nil
}

// parseBundle returns the first n entries of an entry bundle.
func parseBundle(raw []byte, n int) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if len(b.Entries) < n || len(b.Entries) > layout.EntryBundleWidth {
		return nil, fmt.Errorf("%w: %d entries, want %d to %d", tribune.ErrInvalid, len(b.Entries), n, layout.EntryBundleWidth)
	}
	return b.Entries[:n], nil
}
