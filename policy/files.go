package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"tribune"
	"tribune/protocol"
)

// Names of the files of a set.
const (
	FileCity     = "city.toml"
	FileClasses  = "classes.toml"
	FilePurposes = "purposes.toml"
	FileOffices  = "offices.toml"
	FileFloors   = "floors.cedar"
	DirPolicies  = "policies"
)

// Bounds of a set: read in whole by every guardian.
const (
	MaxFiles = 256
	MaxBytes = 8 << 20
)

var fixedFiles = []string{FileCity, FileClasses, FilePurposes, FileOffices, FileFloors}

// policyFile also keeps odd spellings out of the hash: one set has one map.
var policyFile = regexp.MustCompile(`^` + DirPolicies + `/[a-z0-9][a-z0-9_-]{0,63}\.cedar$`)

// HashFiles is the hash of a policy set: SHA-256(L(law) || JCS(path -> lower-hex SHA-256 of the file's bytes)).
func HashFiles(files map[string][]byte) tribune.Hash {
	sums := make(map[string]string, len(files))
	for name, data := range files {
		sums[name] = tribune.Hash(sha256.Sum256(data)).String()
	}
	list, err := protocol.JCS(sums)
	if err != nil {
		panic("policy: a map of strings has no canonical JSON: " + err.Error()) // cannot happen
	}
	return sha256.Sum256(append(protocol.Label("law"), list...))
}

// FloorsHash is what a guardian pins: SHA-256 of the text of floors.cedar, whoever signed it.
func FloorsHash(files map[string][]byte) tribune.Hash {
	text, _ := protocol.SplitDocument(files[FileFloors])
	return sha256.Sum256([]byte(text))
}

// ReadFiles reads the files of the set under dir. What else lies there (mandates, appointments, tokens) is left alone.
func ReadFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	total := 0
	read := func(name string) error {
		data, err := readBounded(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Load says which file is missing and what to do
		}
		if err != nil {
			return fmt.Errorf("reading the law: %w", err)
		}
		files[name] = data
		if total += len(data); total > MaxBytes || len(files) > MaxFiles {
			return fmt.Errorf("reading the law: more than %d bytes or %d files: %w", MaxBytes, MaxFiles, tribune.ErrTooLarge)
		}
		return nil
	}
	for _, name := range append(fixedFiles[:len(fixedFiles):len(fixedFiles)], FileModels) {
		if err := read(name); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, DirPolicies))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the law: %w", err)
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ".cedar" {
			if err := read(path.Join(DirPolicies, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// readBounded reads a file of at most protocol.MaxDocument bytes.
func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > protocol.MaxDocument {
		return nil, fmt.Errorf("%s has %d bytes, at most %d: %w", filepath.Base(name), info.Size(), protocol.MaxDocument, tribune.ErrTooLarge)
	}
	return os.ReadFile(name)
}

// cloneFiles copies the map; the bytes themselves are never written to.
func cloneFiles(files map[string][]byte) map[string][]byte { return maps.Clone(files) }

// ReadUnverified reads a set without looking at who signed it, for those who compare texts and decide nothing.
func ReadUnverified(files map[string][]byte) (*Set, error) {
	texts, bad := map[string]string{}, checkNames(files)
	for name, data := range files {
		texts[name], _ = protocol.SplitDocument(data)
	}
	set, more := build(files, texts)
	if err := append(bad, more...).err(); err != nil {
		return nil, fmt.Errorf("reading a policy set: %w", err)
	}
	return set, nil
}
