package city

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/backup"
	"tribune/internal/record"
	"tribune/verify"
)

const (
	// recoverFor is how long a restored hub waits for its guardians before it says who is missing: they may be starting, too.
	recoverFor   = 2 * time.Minute
	recoverRetry = time.Second
	// recoverCall bounds one bundle from a guardian's mirror.
	recoverCall = 10 * time.Second
)

// recoverRecord rebuilds the record of a hub that comes from a backup; of any other it does nothing. Guardians may have co-signed
// leaves that the backup does not hold: a record that went on without them would fork, and they would refuse it for ever. So every
// guardian must be heard first, except those that the operator has named, and never fewer than n-w+1: among these is one that has
// seen whatever was published.
func (h *Hub) recoverRecord(ctx context.Context, cfg record.Config) error {
	hub := h.cfg.Dir.path("hub")
	marker, err := backup.Marked(hub)
	if err != nil || marker == nil {
		return err
	}
	h.wait("the record is rebuilt from a backup and the guardians' mirrors")
	copies, err := h.mirrors(ctx, marker.Without)
	if err != nil {
		return err
	}
	own := record.Copy{Name: "the backup", Size: marker.Leaves, Fetch: verify.Dir(os.DirFS(backup.Log(hub)))}
	if own.Checkpoint, err = own.Fetch("checkpoint"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the backup's checkpoint: %w", err)
	}
	size, err := record.Rebuild(ctx, cfg, backup.Scratch(hub), append([]record.Copy{own}, copies...))
	if err != nil {
		return err
	}
	if err := backup.Unmark(hub); err != nil {
		return fmt.Errorf("ending the restoration: %w", err)
	}
	h.log.Warn("the record is rebuilt", "leaves", size, "from the backup", marker.Leaves)
	return nil
}

// mirrors asks the guardians for what they have mirrored until all that must be heard have answered.
func (h *Hub) mirrors(ctx context.Context, without []string) ([]record.Copy, error) {
	most := len(h.cfg.Guardians)
	for _, name := range without {
		if !slices.ContainsFunc(h.cfg.Guardians, func(g Guardian) bool { return g.Name == name }) {
			return nil, fmt.Errorf("%w: no guardian is named %q", tribune.ErrInvalid, name)
		}
	}
	if least := most - h.cfg.W + 1; most-len(without) < least {
		return nil, fmt.Errorf("%w: at least %d of %d guardians must be heard before a restored record goes on", tribune.ErrNoQuorum, least, most)
	}
	client := &http.Client{Timeout: recoverCall, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	limit := time.NewTimer(recoverFor)
	defer limit.Stop()
	for {
		var copies []record.Copy
		var missing []string
		for _, g := range h.cfg.Guardians {
			c, err := mirrorOf(ctx, client, g)
			switch {
			case err == nil:
				copies = append(copies, c)
			case !slices.Contains(without, g.Name):
				missing = append(missing, g.Name)
			}
		}
		if len(missing) == 0 {
			return copies, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, tribune.Hint(fmt.Errorf("%w: this hub comes from a backup, and %s did not say how long the record is", tribune.ErrNoQuorum, strings.Join(missing, ", ")),
				"Start again when they can be reached: a record that goes on without what they have co-signed would be a second history. A guardian that is lost for good can be named with tribune restore --without.")
		case <-time.After(recoverRetry):
		}
	}
}

// mirrorOf is a guardian's mirror. One that has mirrored nothing yet has answered, too.
func mirrorOf(ctx context.Context, client *http.Client, g Guardian) (record.Copy, error) {
	c := record.Copy{Name: g.Name, Fetch: func(path string) ([]byte, error) { return fetch(ctx, client, g.URL, path) }}
	var err error
	c.Checkpoint, err = c.Fetch("checkpoint")
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return c, err
}

func fetch(ctx context.Context, client *http.Client, base, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: %s", filepath.Base(path), res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, verify.MaxResource+1))
	if err == nil && len(data) > verify.MaxResource {
		err = tribune.ErrTooLarge
	}
	return data, err
}
