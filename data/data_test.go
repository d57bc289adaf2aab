package data_test

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"tribune/data"
)

// The README promises these counts to a reader who never opens the files.
func TestShippedFilesHoldTheRowsTheReadmePromises(t *testing.T) {
	for _, c := range []struct {
		name string
		open func() (io.ReadCloser, error)
		rows int
	}{{"parking", data.Parking, 35_717}, {"air", data.Air, 8_928}} {
		r, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		rows := -1 // the header
		for s := bufio.NewScanner(r); s.Scan(); {
			rows++
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if rows != c.rows {
			t.Errorf("%s: got %d rows, want %d", c.name, rows, c.rows)
		}
	}
}

// An air-gapped hub resolves every context an example entity names, or it is named here as a known gap.
func TestEveryContextAnExampleNamesIsShipped(t *testing.T) {
	contexts, err := data.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	for url, body := range contexts {
		if !json.Valid(body) {
			t.Errorf("context %s is not JSON", url)
		}
	}
	entities, err := data.Entities()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(entities, "*.jsonld")
	if err != nil || len(names) != 51 {
		t.Fatalf("got %d entities (%v), want 51", len(names), err)
	}
	const core, gap = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context", "https://fiware.github.io/data-models/context.jsonld"
	url := regexp.MustCompile(`"(https?://[^"]*context[^"]*)"`)
	for _, name := range names {
		body, err := fs.ReadFile(entities, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range url.FindAllSubmatch(body, -1) {
			u := string(m[1])
			if contexts[u] == nil && u != gap && !strings.HasPrefix(u, core) {
				t.Errorf("%s names %s, which is not shipped", name, u)
			}
		}
	}
}
