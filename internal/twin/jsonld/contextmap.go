package jsonld

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tribune"
)

// readMap reads the context map and every file that it names.
func readMap(path string) (map[string][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names map[string]string
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: %w", tribune.ErrInvalid, err), `Write {"URL": "FILE", ...}.`)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	out := make(map[string][]byte, len(names))
	for url, name := range names {
		if !isURL(url) {
			return nil, fmt.Errorf("%w: %q is not an http or https URL", tribune.ErrInvalid, url)
		}
		if out[url], err = readFile(dir, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readFile(dir *os.Root, name string) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: %w: at most %d bytes", name, tribune.ErrTooLarge, maxFile)
	}
	return data, nil
}
