// Package data is the real data the demo city, the tests and the benchmarks stand on, embedded so that a built binary
// needs no other file. README.md beside it names the source, licence and attribution of each folder.
//
// internal/sim replays Parking and Air; the NGSI-LD edge reads Contexts as its offline context map; Entities are examples
// to load. Everything is read-only.
package data

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
)

//go:embed README.md parking/*.csv.gz air/*.csv.gz entities/*.jsonld contexts/*.jsonld contexts/map.json
var files embed.FS

// Parking opens the occupancy of Birmingham's car parks, 2016, as CSV.
func Parking() (io.ReadCloser, error) { return unzip("parking/birmingham-2016.csv.gz") }

// Air opens the air quality of 12 stations, January 2017, as CSV.
func Air() (io.ReadCloser, error) { return unzip("air/beijing-2017-01.csv.gz") }

// Entities is the folder of NGSI-LD example entities, one per file.
func Entities() (fs.FS, error) { return fs.Sub(files, "entities") }

// Contexts returns the JSON-LD contexts by the URLs that name them; two URLs may name the same bytes.
func Contexts() (map[string][]byte, error) {
	raw, err := files.ReadFile("contexts/map.json")
	if err != nil {
		return nil, fmt.Errorf("reading context map: %w", err)
	}
	var paths map[string]string
	if err := json.Unmarshal(raw, &paths); err != nil {
		return nil, fmt.Errorf("reading context map: %w", err)
	}
	out := make(map[string][]byte, len(paths))
	for url, path := range paths {
		if out[url], err = files.ReadFile("contexts/" + path); err != nil {
			return nil, fmt.Errorf("reading context %s: %w", url, err)
		}
	}
	return out, nil
}

// unzipped closes the file under the decompressor too.
type unzipped struct {
	*gzip.Reader
	file fs.File
}

func (u unzipped) Close() error {
	if err := u.Reader.Close(); err != nil {
		return err
	}
	return u.file.Close()
}

func unzip(path string) (io.ReadCloser, error) {
	f, err := files.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening shipped data: %w", err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("opening shipped data %s: %w", path, err)
	}
	return unzipped{z, f}, nil
}
