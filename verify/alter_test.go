package verify

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"tribune"
)

// TestEveryByteAlteredFails alters every byte of a receipt (three ways) and of every file of the log that it rests on, in
// turn. Nothing may pass, and the error must name what does not fit.
func TestEveryByteAlteredFails(t *testing.T) {
	// A full tile and bundle, a full parent entry, partial tiles at the edge, and a receipt older than the directory.
	l := logWithAct(t, 3, 300)
	receipt := l.receipt(t, 3, 290, 4, true)
	dir := l.dir(t, 300, 4)
	v, err := l.trust.Receipt(receipt)
	if err != nil {
		t.Fatalf("control: %v", err)
	}
	if err := l.trust.Log(v, dir); err != nil {
		t.Fatalf("control: %v", err)
	}

	step := 1
	if testing.Short() {
		step = 11 // a sample
	}
	t.Run("receipt", func(t *testing.T) {
		for i := 0; i < len(receipt); i += step {
			for _, x := range []byte{0x01, 0x20, 0x80} {
				altered := bytes.Clone(receipt)
				altered[i] ^= x
				_, err := l.trust.Receipt(altered)
				if err == nil {
					t.Fatalf("byte %d (%q) altered to %q passes", i, receipt[i], altered[i])
				}
				if !namesPart(receipt, i, err) {
					t.Errorf("byte %d (%q to %q) of line %q: the error does not name what does not fit: %v", i, receipt[i], altered[i], lineOf(receipt, i), err)
				}
			}
		}
	})
	t.Run("receipt cut short", func(t *testing.T) {
		// With a co-signature to spare, the receipt without its last line is another good receipt; so here with none.
		exact := l.receipt(t, 3, 290, 3, true)
		if _, err := l.trust.Receipt(exact); err != nil {
			t.Fatalf("control: %v", err)
		}
		for i := range exact {
			if _, err := l.trust.Receipt(exact[:i]); err == nil {
				t.Fatalf("the first %d of %d bytes pass", i, len(exact))
			}
		}
	})
	used := 0
	for _, path := range restsOn(t, l, v, dir) {
		t.Run(path, func(t *testing.T) {
			used++
			good := dir[path].Data
			for i := 0; i < len(good); i += step {
				altered := bytes.Clone(good)
				altered[i] ^= byte(1 + i%255)
				changed := maps.Clone(dir)
				changed[path] = &fstest.MapFile{Data: altered}
				err := l.trust.Log(v, changed)
				if err == nil {
					t.Fatalf("byte %d of %s altered passes", i, path)
				}
				if !strings.Contains(err.Error(), path) {
					t.Errorf("byte %d: the error does not name %s: %v", i, path, err)
				}
			}
			for _, data := range [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0), nil} {
				changed := maps.Clone(dir)
				changed[path] = &fstest.MapFile{Data: data}
				if err := l.trust.Log(v, changed); err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%d instead of %d bytes: got %v, want an error that names %s", len(data), len(good), err, path)
				}
			}
			changed := maps.Clone(dir)
			delete(changed, path)
			if err := l.trust.Log(v, changed); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("without %s: got %v", path, err)
			}
		})
	}
	if used < 5 {
		t.Errorf("the receipt rests on %d files; want checkpoint, bundle, its tile, the edge and the top", used)
	}
}

// restsOn are the files whose absence is noticed.
func restsOn(t *testing.T, l *testLog, v *Verified, dir fstest.MapFS) []string {
	t.Helper()
	var out []string
	for path := range dir {
		changed := maps.Clone(dir)
		delete(changed, path)
		if l.trust.Log(v, changed) != nil {
			out = append(out, path)
		}
	}
	return out
}

func lineOf(b []byte, i int) string {
	start := bytes.LastIndexByte(b[:i], '\n') + 1
	end := bytes.IndexByte(b[i:], '\n')
	return string(b[start : i+end])
}

// namesPart checks that an error about an altered byte names the part it belongs to, or the frame where the byte held
// parts together.
func namesPart(receipt []byte, i int, err error) bool {
	line := lineOf(receipt, i)
	var want []string
	switch {
	case strings.HasPrefix(line, "c2sp.org"):
		want = []string{"header", "extra"}
	case strings.HasPrefix(line, "extra "):
		want = []string{"extra", "leaf", "index line"}
	case strings.HasPrefix(line, "index "):
		want = []string{"index"}
	case strings.HasPrefix(line, "\u2014 "):
		want = []string{"signature"}
	case line == "":
		want = []string{"empty line", "hash", "signatures", "origin"}
	case line == testOrigin:
		want = []string{"origin", "three lines", "empty line"}
	default:
		want = []string{"size", "root", "hash", "proof", "signature", "three lines", "index"}
	}
	for _, w := range want {
		if strings.Contains(err.Error(), w) {
			return errors.Is(err, tribune.ErrInvalid)
		}
	}
	return false
}
