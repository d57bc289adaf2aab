package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
)

const stateFile = "state.json"

// state is what a watcher must remember besides incidents and copy: everything else is read from the copy at each start.
type state struct {
	HubBest uint64               `json:"hubBest"` // the most leaves that the hub itself has shown
	Pins    policy.Trust         `json:"pins"`    // whose law counts, trusted on first use
	Laws    map[uint64]time.Time `json:"laws"`    // law leaves that came while we watched: no older than this

	Unshown map[tribune.Hash]time.Time `json:"unshown,omitempty"` // laws on record that nobody shows, since when
	Passed  map[uint64]bool            `json:"passed,omitempty"`  // law leaves that were passed over, for good

	saved []byte
}

func (s *state) load(dir string) error {
	s.Laws, s.Unshown, s.Passed = map[uint64]time.Time{}, map[tribune.Hash]time.Time{}, map[uint64]bool{}
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, s)
	}
	if err != nil {
		return tribune.Hint(fmt.Errorf("reading the watcher's state: %w", err), "Move %s away to begin anew; incidents and copy stay.", filepath.Join(dir, stateFile))
	}
	if s.Laws == nil {
		s.Laws = map[uint64]time.Time{}
	}
	if s.Unshown == nil {
		s.Unshown = map[tribune.Hash]time.Time{}
	}
	if s.Passed == nil {
		s.Passed = map[uint64]bool{}
	}
	s.saved = raw
	return nil
}

func (s *state) save(dir string) error {
	raw, err := json.Marshal(s)
	if err != nil || string(raw) == string(s.saved) {
		return err
	}
	if err := durable.WritePublic(filepath.Join(dir, stateFile), raw); err != nil {
		return fmt.Errorf("keeping the watcher's state: %w", err)
	}
	s.saved = raw
	return nil
}
