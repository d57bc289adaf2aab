package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tribune"
)

// endings are those of models' files.
var endings = [...]string{".onnx", ".json", ".model"}

// Find gives the files of the references in dir, in their order, if dir is an export of c and has one model for each half and no other.
func Find(dir string, c Contents) ([]string, error) {
	m, err := read(filepath.Join(dir, ManifestFile))
	if err != nil {
		return nil, err
	}
	const how = "tribune explain export with the audit's own --train, --test, --schema, --scale and --plan; then train the references again"
	switch own := c.Manifest(); {
	case m.Records != own.Records:
		return nil, tribune.Hint(fmt.Errorf("%w: %s was exported of other records, or of records encoded another way (%d and %d, scale %s; here %d and %d, scale %s)",
			tribune.ErrInvalid, dir, m.Train, m.Test, m.Scale, own.Train, own.Test, own.Scale), how)
	case m.Seed != own.Seed || m.References != own.References || m.Halves != own.Halves:
		return nil, tribune.Hint(fmt.Errorf("%w: %s was exported for %d references by the seed %d, and the plan wants %d by %d", tribune.ErrInvalid, dir, m.References, m.Seed, own.References, own.Seed), how)
	}
	return files(dir, m.References)
}

func read(path string) (Manifest, error) {
	var m Manifest
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, tribune.Hint(fmt.Errorf("%w: no %s: nothing says which records the references were trained on", tribune.ErrInvalid, path), "tribune explain export writes it, with the halves to train on")
	}
	if err != nil {
		return m, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return m, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(raw) > maxManifest {
		return m, fmt.Errorf("reading %s: over %d bytes: %w", path, maxManifest, tribune.ErrTooLarge)
	}
	if m, err = decode(raw); err != nil {
		return m, fmt.Errorf("reading %s: %w", path, err)
	}
	return m, nil
}

// decode reads a manifest, strictly.
func decode(raw []byte) (Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if _, err := d.Token(); err != io.EOF || m.Version != 1 || m.References < 1 {
		return m, fmt.Errorf("%w: version %d, %d references, or something follows", tribune.ErrInvalid, m.Version, m.References)
	}
	return m, nil
}

// references are the models' files in dir, by their names without endings; none in two forms.
func references(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for references: %w", err)
	}
	found := map[string]string{} // reference-N -> file
	for _, e := range entries {
		for _, end := range endings {
			name, is := strings.CutSuffix(e.Name(), end)
			if !is || !strings.HasPrefix(name, "reference-") {
				continue
			}
			if other, twice := found[name]; twice {
				return nil, fmt.Errorf("%w: %s holds %s and %s: which is meant?", tribune.ErrInvalid, dir, other, e.Name())
			}
			found[name] = e.Name()
		}
	}
	return found, nil
}

// files are reference-1 to reference-n, and no more of them.
func files(dir string, n int) ([]string, error) {
	found, err := references(dir)
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	for r := range out {
		name := fmt.Sprintf("reference-%d", r+1)
		file, is := found[name]
		if !is {
			return nil, tribune.Hint(fmt.Errorf("%w: %s has no %s; the plan wants %d references", tribune.ErrInvalid, dir, name, n), "%s.onnx, .json (XGBoost, LightGBM) or .model, trained on the records that have 1 under %s in %s", name, name, HalvesFile)
		}
		out[r] = filepath.Join(dir, file)
		delete(found, name)
	}
	if more := slices.Sorted(maps.Values(found)); len(more) > 0 {
		return nil, fmt.Errorf("%w: %s holds %s; the plan wants %d references, from reference-1 on", tribune.ErrInvalid, dir, more[0], n)
	}
	return out, nil
}
