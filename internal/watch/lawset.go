package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
)

// errVoid: the text is there and is no law of this city.
var errVoid = errors.New("the policy set does not verify")

// set loads a policy set from the copy, or from whoever shows it.
func (l *laws) set(ctx context.Context, hash tribune.Hash) (*policy.Set, error) {
	if s := l.sets[hash]; s != nil {
		return s, nil
	}
	files, err := l.copy.Law(ctx, hash)
	if err != nil {
		return nil, err
	}
	pins := l.pins
	if pins.Steward == "" {
		if pins, err = pinsOf(files); err != nil {
			return nil, fmt.Errorf("%w: %w", errVoid, err)
		}
	}
	s, err := policy.Load(files, pins)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVoid, err)
	}
	if l.pins.Steward == "" {
		l.pins = pins // trusted on first use; kept by the watcher
	}
	if len(l.sets) >= maxSets {
		clear(l.sets)
	}
	l.sets[hash] = s
	return s, nil
}

// pinsOf are the keys that a set names itself: the steward who has signed all of it, the council, its floors. They are trusted
// once, for the first law of a record that the operator has given no pins for.
func pinsOf(files map[string][]byte) (policy.Trust, error) {
	text, _ := protocol.SplitDocument(files[policy.FileCity])
	var last error = fmt.Errorf("%w: %s names no signer of registers", tribune.ErrInvalid, policy.FileCity)
	for _, key := range signerKeys(text) {
		pins := policy.Trust{Steward: key}
		s, err := policy.Load(files, pins)
		if err != nil {
			last = err
			continue
		}
		pins.Floors = policy.FloorsHash(files)
		for _, g := range s.Signers() {
			if with := (policy.Trust{Steward: pins.Steward, Council: g.Key, Floors: pins.Floors}); slices.Contains(g.Signs, "appointments") {
				if _, err := policy.Load(files, with); err == nil { // the only one who may
					return with, nil
				}
			}
		}
		return pins, nil
	}
	return policy.Trust{}, last
}

// signerKeys finds key = "..." or '...' lines: candidates, of which Load accepts only one that has signed every file.
func signerKeys(text string) (keys []string) {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.TrimSpace(name) != "key" || len(keys) >= 64 {
			continue
		}
		if value = strings.TrimSpace(value); len(value) >= 2 && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end > 0 {
				keys = append(keys, value[1:1+end])
			}
		}
	}
	return keys
}

// Law gives the files of a policy set by its hash, which they must have: from the copy's folder, else from hub and guardians.
func (c *Copy) Law(ctx context.Context, hash tribune.Hash) (map[string][]byte, error) {
	path := filepath.Join(c.cfg.Dir, lawDir, hash.String()+".json")
	if raw, err := os.ReadFile(path); err == nil {
		if files, err := parseLaw(raw, hash); err == nil {
			return files, nil
		}
	}
	raw, err := c.get(ctx, c.hub.hub+"/law/"+hash.String(), maxLawBody)
	if err != nil {
		return nil, fmt.Errorf("asking for policy set %s: %w", hash, err)
	}
	files, err := parseLaw(raw, hash)
	if err != nil {
		return nil, err
	}
	if err := durable.WritePublic(path, raw); err != nil {
		return nil, fmt.Errorf("keeping policy set %s: %w", hash, err)
	}
	return files, nil
}

func parseLaw(raw []byte, hash tribune.Hash) (map[string][]byte, error) {
	var body struct {
		Files map[string][]byte `json:"files"`
	}
	if len(raw) > maxLawBody {
		return nil, fmt.Errorf("policy set %s: %w", hash, tribune.ErrTooLarge)
	}
	if err := json.Unmarshal(raw, &body); err != nil || policy.HashFiles(body.Files) != hash {
		return nil, fmt.Errorf("%w: what is shown as policy set %s is another", tribune.ErrInvalid, hash)
	}
	return body.Files, nil
}
