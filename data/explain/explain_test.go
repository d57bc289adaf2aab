package explain_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"strings"
	"testing"

	"tribune/data/explain"
)

// The README promises these counts to a reader who never opens the files.
func TestShippedFilesHoldTheRowsTheReadmePromises(t *testing.T) {
	for name, want := range map[string]int{"adult.data.gz": 32_561, "adult.test.gz": 16_281, "dataset_diabetes.zip": 101_766} {
		raw, err := fs.ReadFile(explain.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for s := bufio.NewScanner(unpacked(t, name, raw)); s.Scan(); {
			if line := s.Text(); line != "" && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "encounter_id,") {
				rows++
			}
		}
		if rows != want {
			t.Errorf("%s: got %d rows, want %d", name, rows, want)
		}
	}
}

func unpacked(t *testing.T, name string, raw []byte) io.Reader {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("dataset_diabetes/diabetic_data.csv")
	if err != nil {
		t.Fatal(err)
	}
	return f
}
