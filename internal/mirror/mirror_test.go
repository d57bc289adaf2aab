package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian/logtest"
	"tribune/protocol"
)

// copyOf is a mirror of l in dir, and the leaves it was told.
type copyOf struct {
	*Mirror
	told [][]byte
	live int
}

func open(t *testing.T, l *logtest.Log, dir string) *copyOf {
	t.Helper()
	c, err := tryOpen(t, l, dir)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return c
}

func tryOpen(t *testing.T, l *logtest.Log, dir string) (*copyOf, error) {
	t.Helper()
	v, err := note.NewVerifier(l.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := &copyOf{}
	c.Mirror, err = Open(Config{Dir: dir, Log: v, Fetch: fetchFrom(l), Leaf: func(i uint64, leaf []byte, live bool) {
		if i != uint64(len(c.told)) {
			t.Errorf("told leaf %d, want %d", i, len(c.told))
		}
		c.told = append(c.told, bytes.Clone(leaf))
		if live {
			c.live++
		}
	}})
	return c, err
}

func fetchFrom(l *logtest.Log) Fetcher {
	return func(ctx context.Context, path string) ([]byte, error) {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, httptest.NewRequest("GET", "/log/"+path, nil))
		if w.Code != 200 {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return w.Body.Bytes(), nil
	}
}

func headOf(t *testing.T, l *logtest.Log, size uint64) Head {
	t.Helper()
	v, _ := note.NewVerifier(l.Key)
	raw := l.Checkpoint(size)
	cp, _, _, err := log.ParseCheckpoint(raw, l.Origin, v)
	if err != nil {
		t.Fatal(err)
	}
	return Head{Size: cp.Size, Root: tribune.Hash(cp.Hash), Note: raw}
}

func fill(l *logtest.Log, n int, word string) {
	for range n {
		l.Append([]byte(fmt.Sprintf("%s %d", word, l.Size())))
	}
}

func TestEveryLeafIsHeldAndToldOnceAcrossRestarts(t *testing.T) {
	l, dir := logtest.New(t, "city.example/record"), t.TempDir()
	sizes := []int{1, 1, 253, 1, 1, 255, 1, 700, 0, 47} // to 256 exactly, across it, several bundles at once
	for _, n := range sizes {
		m := open(t, l, dir) // each step in a mirror that has just restarted
		old := m.Head().Size
		if len(m.told) != int(old) || m.live != 0 {
			t.Fatalf("restart at %d: told %d leaves, %d of them live", old, len(m.told), m.live)
		}
		fill(l, n, "leaf")
		if err := m.Extend(context.Background(), old, headOf(t, l, l.Size())); err != nil {
			t.Fatalf("Extend to %d: %v", l.Size(), err)
		}
		if m.live != n || len(m.told) != int(l.Size()) {
			t.Fatalf("at %d: told %d, live %d, want %d", l.Size(), len(m.told), m.live, n)
		}
		for i := uint64(0); i < l.Size(); i++ {
			leaf, err := m.Leaf(i)
			want := fmt.Sprintf("leaf %d", i)
			if err != nil || string(leaf) != want {
				t.Fatalf("Leaf(%d) of %d: got %q, %v, want %q", i, l.Size(), leaf, err, want)
			}
			if h, err := m.LeafHash(i); err != nil || h != protocol.LeafHash([]byte(want)) {
				t.Fatalf("LeafHash(%d) of %d: got %s, %v", i, l.Size(), h, err)
			}
		}
		if _, err := m.Leaf(l.Size()); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("Leaf beyond the head: got %v, want ErrNotFound", err)
		}
		if _, err := m.LeafHash(l.Size()); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("LeafHash beyond the head: got %v, want ErrNotFound", err)
		}
	}
	partials, _ := filepath.Glob(filepath.Join(dir, "tile/*/*.p/*"))
	if len(partials) != 3 { // entries, level 0, level 1
		t.Errorf("partial files left: %v, want one for entries and one for each of two levels", partials)
	}
}

func TestEveryEarlierRootIsKnown(t *testing.T) {
	l := logtest.New(t, "city.example/record")
	m := open(t, l, t.TempDir())
	fill(l, 777, "leaf")
	if err := m.Extend(context.Background(), 0, headOf(t, l, 777)); err != nil {
		t.Fatal(err)
	}
	for size := uint64(1); size <= 777; size += 1 + size%7 {
		if got, err := m.RootAt(size); err != nil || got != headOf(t, l, size).Root {
			t.Fatalf("RootAt(%d): got %s, %v", size, got, err)
		}
	}
	if _, err := m.RootAt(778); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("RootAt beyond the head: got %v, want ErrNotFound", err)
	}
}

func TestServedTilesAreTheLogs(t *testing.T) {
	l := logtest.New(t, "city.example/record")
	m := open(t, l, t.TempDir())
	fill(l, 600, "leaf")
	if err := m.Extend(context.Background(), 0, headOf(t, l, 600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/tile/0/000": 256 * 32, "/tile/0/001": 256 * 32, "/tile/0/002.p/88": 88 * 32, "/tile/0/002.p/5": 5 * 32,
		"/tile/1/000.p/2": 64, "/tile/1/000.p/1": 32, "/tile/0/000.p/7": 7 * 32,
		"/tile/0/002": -1, "/tile/0/002.p/89": -1, "/tile/1/000.p/3": -1, "/tile/2/000.p/1": -1, "/tile/0/003.p/1": -1,
		"/tile/entries/003.p/1": -1, "/tile/entries/002.p/89": -1, "/tile/entries/x999/x999/x999/x999/x999/x999/999": -1,
		"/tile/63/000": -1, "/tile/0/../checkpoint": -1, "/tile/entries/": -1, "/tile/": -1, "/tile/0/000.tmp": -1,
	} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Body.Len(); want >= 0 && (w.Code != 200 || got != want) {
			t.Errorf("%s: got %d with %d bytes, want %d bytes", path, w.Code, got, want)
		} else if want < 0 && w.Code != 404 {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
	for _, path := range []string{"tile/entries/000", "tile/entries/002.p/88", "tile/entries/001.p/17"} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", "/"+path, nil))
		want, err := fetchFrom(l)(context.Background(), path)
		if err != nil || !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("%s differs from the log's", path)
		}
	}
	// What rests on disk is a complete static log too: an independent mirror can be made from the folder alone.
	for _, p := range []string{"checkpoint", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/002.p/88"} {
		if _, err := os.Stat(filepath.Join(m.cfg.Dir, p)); err != nil {
			t.Errorf("at rest: %v", err)
		}
	}
}

func TestForgedLeavesChangeNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		at   uint64
	}{{"a leaf held already", 270}, {"a new leaf", 350}, {"a leaf of a full new bundle", 511}, {"the last leaf", 599}} {
		t.Run(test.name, func(t *testing.T) {
			l, dir := logtest.New(t, "city.example/record"), t.TempDir()
			m := open(t, l, dir)
			fill(l, 300, "leaf")
			if err := m.Extend(context.Background(), 0, headOf(t, l, 300)); err != nil {
				t.Fatal(err)
			}
			fill(l, 300, "leaf")
			l.Lie(test.at, []byte("forged"))
			for range 2 {
				if err := m.Extend(context.Background(), 300, headOf(t, l, 600)); !errors.Is(err, tribune.ErrInvalid) {
					t.Fatalf("Extend over forged leaves: got %v, want ErrInvalid", err)
				}
			}
			if got := m.Head().Size; got != 300 || len(m.told) != 300 {
				t.Fatalf("after forged leaves: head %d, told %d, want 300", got, len(m.told))
			}
			if got := grep(t, dir, "forged"); got != "" {
				t.Errorf("forged bytes stay in %s", got)
			}
			if leaf, err := m.Leaf(270); err != nil || string(leaf) != "leaf 270" {
				t.Errorf("Leaf(270) after forged leaves: got %q, %v", leaf, err)
			}
			m = open(t, l, dir) // a crash right after must not bring the forgery back
			l.Lie(test.at, nil)
			if err := m.Extend(context.Background(), 300, headOf(t, l, 600)); err != nil {
				t.Fatalf("Extend with the true leaves: %v", err)
			}
			if leaf, err := m.Leaf(test.at); err != nil || string(leaf) != fmt.Sprintf("leaf %d", test.at) {
				t.Errorf("Leaf(%d): got %q, %v", test.at, leaf, err)
			}
		})
	}
}

func grep(t *testing.T, dir, word string) (found string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(raw, []byte(word)) {
			found = path
		}
		return nil
	})
	return found
}

func TestSplitViewAndRollbackNeverBecomeTheHead(t *testing.T) {
	l, dir := logtest.New(t, "city.example/record"), t.TempDir()
	m := open(t, l, dir)
	fill(l, 290, "leaf")
	fork := l.Fork(280)
	fill(fork, 50, "other")
	if err := m.Extend(context.Background(), 0, headOf(t, l, 290)); err != nil {
		t.Fatal(err)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			m = open(t, l, dir)
		}
		m.cfg.Fetch = fetchFrom(fork)
		for _, test := range []struct {
			name string
			old  uint64
			next Head
			want error
		}{
			{"another branch, larger", 290, headOf(t, fork, 330), tribune.ErrInvalid},
			{"another branch, same size", 290, headOf(t, fork, 290), tribune.ErrInvalid},
			{"rollback", 290, headOf(t, l, 200), tribune.ErrInvalid},
			{"rollback named as new", 0, headOf(t, fork, 330), tribune.ErrConflict},
			{"a size no log has", 290, Head{Size: MaxSize + 1}, tribune.ErrTooLarge},
		} {
			if err := m.Extend(context.Background(), test.old, test.next); !errors.Is(err, test.want) {
				t.Errorf("%s (restarted: %v): got %v, want %v", test.name, restart, err, test.want)
			}
		}
		m.cfg.Fetch = fetchFrom(l)
		if err := m.Extend(context.Background(), 290, headOf(t, l, 290)); err != nil {
			t.Errorf("the head again: %v", err)
		}
	}
	fill(l, 40, "leaf")
	if err := m.Extend(context.Background(), 290, headOf(t, l, 330)); err != nil {
		t.Errorf("the true branch after all that: %v", err)
	}
}

// What a crash after storing bundles and before moving the head leaves behind must not count, whatever comes next.
func TestLeftoversOfACrashDoNotCount(t *testing.T) {
	l, dir := logtest.New(t, "city.example/record"), t.TempDir()
	m := open(t, l, dir)
	fill(l, 100, "leaf")
	if err := m.Extend(context.Background(), 0, headOf(t, l, 100)); err != nil {
		t.Fatal(err)
	}
	fork := l.Fork(100)
	fill(fork, 50, "abandoned")
	m.cfg.Fetch = fetchFrom(fork)
	if _, err := m.take(context.Background(), m.tree, headOf(t, fork, 150)); err != nil {
		t.Fatal(err) // stored, and then the power fails
	}
	if grep(t, dir, "abandoned") == "" {
		t.Fatal("nothing was left behind: this test shows nothing")
	}
	fill(l, 100, "leaf")
	m = open(t, l, dir)
	if got := m.Head().Size; got != 100 {
		t.Fatalf("head after the crash: got %d, want 100", got)
	}
	if err := m.Extend(context.Background(), 100, headOf(t, l, 200)); err != nil {
		t.Fatal(err)
	}
	for i := uint64(0); i < 200; i++ {
		if leaf, err := m.Leaf(i); err != nil || !strings.HasPrefix(string(leaf), "leaf") {
			t.Fatalf("Leaf(%d): got %q, %v", i, leaf, err)
		}
	}
}

func TestDamagedCopyStopsTheGuardian(t *testing.T) {
	l, dir := logtest.New(t, "city.example/record"), t.TempDir()
	m := open(t, l, dir)
	fill(l, 300, "leaf")
	if err := m.Extend(context.Background(), 0, headOf(t, l, 300)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "checkpoint"} {
		path := filepath.Join(dir, file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var broken *tribune.IntegrityError
		if _, err := tryOpen(t, l, dir); !errors.As(err, &broken) {
			t.Errorf("%s altered: got %v, want an IntegrityError", file, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, l, dir)
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0}, 2)
	f.Add([]byte{0, 5, 'a'}, 1)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		if n < 0 || n > 256 {
			return
		}
		entries, err := parseBundle(raw, n)
		if err != nil {
			return
		}
		if len(entries) != n || !bytes.HasPrefix(raw, appendEntries(nil, entries)) {
			t.Errorf("parseBundle(%x, %d) = %x", raw, n, entries)
		}
	})
}
