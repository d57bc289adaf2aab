package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
)

// Policy sets: from the hub, by hash, and from then on from our own folder.

// get loads a set from our folder or from the hub; nil, nil where it does not verify, policy.ErrUnshown where the hub answers, but
// not with this set.
func (l *lawBook) get(ctx context.Context, hash tribune.Hash) (*policy.Set, error) {
	l.fetching.Lock()
	defer l.fetching.Unlock()
	l.mu.Lock()
	set, void := l.sets[hash], l.void[hash]
	l.mu.Unlock()
	if set != nil || void != nil {
		return set, nil
	}
	path := filepath.Join(l.cfg.Dir, lawDir, hash.String()+".json")
	raw, err := os.ReadFile(path)
	kept := err == nil
	if !kept {
		if raw, err = l.fetch(ctx, hash); err != nil {
			return nil, err
		}
	}
	files, ok := filesOf(raw, hash)
	if !ok {
		if kept {
			return nil, &tribune.IntegrityError{What: "the stored policy set " + path, Err: tribune.ErrInvalid}
		}
		return nil, fmt.Errorf("policy set %s: %w, but another", hash, policy.ErrUnshown)
	}
	if !kept {
		if err := l.keep(path, raw); err != nil {
			return nil, err
		}
	}
	set, err = loadFiles(files, l.cfg)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.void[hash] = err
		return nil, nil
	}
	if len(l.sets) >= maxSets {
		clear(l.sets) // they are on disk
	}
	l.sets[hash] = set
	return set, nil
}

// filesOf are the files of a set as the hub serves it, where they have that hash.
func filesOf(raw []byte, hash tribune.Hash) (map[string][]byte, bool) {
	var body struct {
		Files map[string][]byte `json:"files"`
	}
	err := json.Unmarshal(raw, &body)
	return body.Files, err == nil && policy.HashFiles(body.Files) == hash
}

// loadFiles checks a set against the pins.
func loadFiles(files map[string][]byte, cfg Config) (*policy.Set, error) {
	set, err := policy.Load(files, cfg.Law)
	if err == nil && set.City() != cfg.City {
		err = fmt.Errorf("%w: it is the law of %s", tribune.ErrInvalid, set.City())
	}
	return set, err
}

// loadSet is both.
func loadSet(raw []byte, hash tribune.Hash, cfg Config) (*policy.Set, error) {
	files, ok := filesOf(raw, hash)
	if !ok {
		return nil, fmt.Errorf("%w: what is shown has another hash", tribune.ErrInvalid)
	}
	return loadFiles(files, cfg)
}

func (l *lawBook) keep(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping a policy set: %w", err)
	}
	if err := durable.Write(path, raw); err != nil {
		return fmt.Errorf("keeping a policy set: %w", err)
	}
	return nil
}

func (l *lawBook) fetch(ctx context.Context, hash tribune.Hash) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(l.cfg.Hub, "/")+"/law/"+hash.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking the hub for policy set %s: %w", hash, err)
	}
	resp, err := l.cfg.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the hub for policy set %s: %w", hash, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return nil, fmt.Errorf("policy set %s: %w", hash, policy.ErrUnshown)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the hub for policy set %s: %s", hash, resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxLawBody+1))
	if err == nil && len(raw) > maxLawBody {
		return nil, fmt.Errorf("policy set %s: %w in %d bytes", hash, policy.ErrUnshown, maxLawBody)
	}
	if err != nil {
		return nil, fmt.Errorf("reading policy set %s from the hub: %w", hash, err)
	}
	return raw, nil
}
