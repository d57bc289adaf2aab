package city

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
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

	"github.com/transparency-dev/formats/log"

	"tribune"
	"tribune/internal/backup"
	"tribune/internal/guardian/wire"
	"tribune/internal/record"
	"tribune/protocol"
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
// guardian must be heard first, except those that the operator has named, and never fewer than n-w+t: t of these have co-signed
// whatever was published, and of t one does not lie.
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

// mirrors asks the guardians for what they have mirrored until all that must be heard have answered. Those named in without are not
// asked: one that lies must not keep the hub from starting either.
func (h *Hub) mirrors(ctx context.Context, without []string) ([]record.Copy, error) {
	roster, t, w := h.roster() // of the backup; those who came since hold no less
	most := len(roster)
	must := slices.DeleteFunc(slices.Clone(roster), func(g Guardian) bool { return slices.Contains(without, g.Name) })
	for _, name := range without {
		if !slices.ContainsFunc(roster, func(g Guardian) bool { return g.Name == name }) {
			return nil, fmt.Errorf("%w: no guardian is named %q", tribune.ErrInvalid, name)
		}
	}
	if least := most - w + t; len(must) < least {
		return nil, fmt.Errorf("%w: at least %d of %d guardians must be heard before a restored record goes on", tribune.ErrNoQuorum, least, most)
	}
	client := &http.Client{Transport: h.toGuardians(), Timeout: recoverCall, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	limit := time.NewTimer(recoverFor)
	defer limit.Stop()
	for said := false; ; said = true {
		var copies []record.Copy
		var missing []string
		for _, g := range must {
			c, err := mirrorOf(ctx, client, g)
			if err != nil {
				missing = append(missing, fmt.Sprintf("%s (%v)", g.Name, err))
				continue
			}
			copies = append(copies, c)
		}
		if len(missing) == 0 {
			return copies, nil
		}
		if !said {
			h.log.Warn("this hub comes from a backup and waits for guardians", "missing", strings.Join(missing, ", "))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, tribune.Hint(fmt.Errorf("%w: this hub comes from a backup, and did not hear how long the record is from %s", tribune.ErrNoQuorum, strings.Join(missing, ", ")),
				"Start again when they can be reached: a record that goes on without what they have co-signed would be a second history. A guardian that is lost for good is named with --without when the backup is restored once more: move this hub away first.")
		case <-time.After(recoverRetry):
		}
	}
}

// mirrorOf is a guardian's mirror. The guardian signs how much it holds over a nonce of ours: an old checkpoint that somebody plays
// again, or the 404 of whatever stands at that address now, would pass for a guardian that has seen less.
func mirrorOf(ctx context.Context, client *http.Client, g Guardian) (record.Copy, error) {
	c := record.Copy{Name: g.Name, Fetch: func(path string) ([]byte, error) { return fetch(ctx, client, g.URL, path) }}
	_, key, err := protocol.PublicOf(g.Key)
	if err != nil {
		return c, err
	}
	nonce := rand.Text()
	answer, err := c.Fetch("status?nonce=" + nonce)
	if err != nil {
		return c, err
	}
	var holds wire.Status
	if err := json.Unmarshal(answer, &holds); err != nil || !ed25519.Verify(key, wire.HeldMessage(g.Name, holds.Size, holds.Root, nonce), holds.Held) {
		return c, fmt.Errorf("%w: it has not signed how much it holds", tribune.ErrInvalid)
	}
	if holds.Size == 0 {
		return c, nil
	}
	if c.Checkpoint, err = c.Fetch("checkpoint"); err != nil {
		return c, err
	}
	var head log.Checkpoint // whose signature the record verifies
	if _, err := head.Unmarshal(c.Checkpoint); err != nil || head.Size < holds.Size {
		return c, fmt.Errorf("%w: it holds %d leaves and shows an older checkpoint", tribune.ErrConflict, holds.Size)
	}
	return c, nil
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
