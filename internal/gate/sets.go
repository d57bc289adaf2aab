package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tribune"
	"tribune/policy"
)

const (
	setsDir     = "sets"
	inForceFile = "in-force"
	maxSetFile  = 2 * policy.MaxBytes // base64 and JSON around the files
	maxPast     = 8                   // sets kept in memory besides the one in force
)

// setFile is a set as it is kept and served: GET /law/HASH.
type setFile struct {
	Files map[string][]byte `json:"files"`
}

// SetSet puts a set in force: call it once its leaf takes effect. It is durable when it returns.
func (g *Gate) SetSet(set *policy.Set) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	if err := g.keep(set); err != nil {
		return fmt.Errorf("putting a policy set in force: %w", err)
	}
	if err := writeFile(filepath.Join(g.cfg.Dir, inForceFile), []byte(set.Hash().String()+"\n")); err != nil {
		return fmt.Errorf("putting a policy set in force: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set = set
	return nil
}

// Keep makes a set one that GET /law/HASH serves for ever: call it before its hash goes on record, since whoever is not shown a set
// that the record names releases nothing.
func (g *Gate) Keep(set *policy.Set) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	if err := g.keep(set); err != nil {
		return fmt.Errorf("keeping a policy set: %w", err)
	}
	return nil
}

// keep stores a set by its hash, for as long as the record refers to it.
func (g *Gate) keep(set *policy.Set) error {
	if err := os.MkdirAll(filepath.Join(g.cfg.Dir, setsDir), 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(setFile{Files: set.Files()})
	if err != nil {
		return err
	}
	return writeFile(g.setPath(set.Hash()), data)
}

func (g *Gate) setPath(h tribune.Hash) string {
	return filepath.Join(g.cfg.Dir, setsDir, h.String()+".json")
}

// Law is the JSON that GET /law/HASH serves: the files of the set of that hash, in force, proposed or past. ErrNotFound
// where this hub never had it.
func (g *Gate) Law(hash tribune.Hash) ([]byte, error) {
	g.mu.RLock()
	known := []*policy.Set{g.set, g.pad.proposed}
	g.mu.RUnlock()
	for _, set := range known {
		if set != nil && set.Hash() == hash {
			return json.Marshal(setFile{Files: set.Files()})
		}
	}
	data, err := readFile(g.setPath(hash), maxSetFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a policy set: %w", tribune.ErrNotFound)
	}
	return data, err
}

// readInForce loads the set that SetSet last named; nil where it never did.
func (g *Gate) readInForce() (*policy.Set, error) {
	text, err := readFile(filepath.Join(g.cfg.Dir, inForceFile), 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var hash tribune.Hash
	if err := hash.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return nil, fmt.Errorf("%s: %w", inForceFile, err)
	}
	if p := g.pad.proposed; p != nil && p.Hash() == hash {
		return p, nil
	}
	set, err := g.load(hash)
	if err != nil {
		return nil, fmt.Errorf("the set in force: %w", err)
	}
	return set, nil
}

// Load is a set that was ever in force or announced, or ErrNotFound. Reading one and checking its signatures costs some 10 ms, and one page
// may need a set for each of a hundred uses: the last ones stay in memory, and one is read at a time.
func (g *Gate) Load(hash tribune.Hash) (*policy.Set, error) {
	if set := g.Set(); set != nil && set.Hash() == hash {
		return set, nil
	}
	g.loading.Lock()
	defer g.loading.Unlock()
	if set := g.past[hash]; set != nil {
		return set, nil
	}
	set, err := g.load(hash)
	if err != nil {
		return nil, err
	}
	if g.past == nil || len(g.past) >= maxPast {
		g.past = map[tribune.Hash]*policy.Set{}
	}
	g.past[hash] = set
	return set, nil
}

func (g *Gate) load(hash tribune.Hash) (*policy.Set, error) {
	data, err := readFile(g.setPath(hash), maxSetFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading policy set %s: %w", hash, tribune.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading policy set %s: %w", hash, err)
	}
	var f setFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: policy set %s: %w", tribune.ErrInvalid, hash, err)
	}
	set, err := policy.Load(f.Files, g.cfg.Trust)
	if err != nil {
		return nil, err
	}
	if set.Hash() != hash {
		return nil, &tribune.IntegrityError{What: "a kept policy set", Err: errors.New("its files have another hash")}
	}
	return set, nil
}

// Sets lists the sets that were ever in force or announced here, by hash. When each was, the record says.
func (g *Gate) Sets() []tribune.Hash {
	entries, err := os.ReadDir(filepath.Join(g.cfg.Dir, setsDir))
	if err != nil {
		return []tribune.Hash{g.Set().Hash()} // the one in force is known in any case
	}
	var list []tribune.Hash
	for _, e := range entries {
		var h tribune.Hash
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && h.UnmarshalText([]byte(name)) == nil {
			list = append(list, h)
		}
	}
	return list
}
