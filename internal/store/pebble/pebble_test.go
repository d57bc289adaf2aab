package pebble_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/store/storetest"
)

func TestContract(t *testing.T) { storetest.Run(t, onDisk) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, onDisk) }

func onDisk(t testing.TB) storetest.Opener {
	dir := t.TempDir()
	return func() (store.Store, error) { return pebble.Open(pebble.Config{Dir: dir}) }
}

func TestDirectoryAlreadyOpenIsAConflictWithAHint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first, err := pebble.Open(pebble.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = pebble.Open(pebble.Config{Dir: dir})
	if !errors.Is(err, tribune.ErrConflict) || tribune.HintOf(err) == "" || !strings.Contains(err.Error(), dir) {
		t.Errorf("second open: got %v, hint %q, want ErrConflict naming the directory, with a hint", err, tribune.HintOf(err))
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := pebble.Open(pebble.Config{Dir: dir})
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryIsClosedToOtherUsers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := pebble.Open(pebble.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("directory has mode %v, want 0700", got)
	}
}

// A store whose tables or manifest were altered must stop with an IntegrityError, not open empty.
func TestAlteredManifestIsAnIntegrityErrorNotAnEmptyStore(t *testing.T) {
	dir := t.TempDir()
	s, err := pebble.Open(pebble.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no manifest in %s: %v", dir, err)
	}
	for _, name := range manifests {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/3] ^= 0x40
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = pebble.Open(pebble.Config{Dir: dir})
	var integrity *tribune.IntegrityError
	if !errors.As(err, &integrity) {
		t.Fatalf("got %v, want an IntegrityError", err)
	}
	if tribune.HintOf(err) == "" {
		t.Error("no hint what to do next")
	}
}

func TestLogHoldsNoKeyAndNoValue(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	dir := t.TempDir()
	for range 2 { // also what is said on recovery
		s, err := pebble.Open(pebble.Config{
			Dir: dir, MemtableBytes: 256 << 10,
			Log: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			var b store.Batch
			b.Put([]byte("plate-BX21KLM"), bytes.Repeat([]byte("driver-ward "), 4_000))
			if err := s.Commit(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if log.Len() == 0 {
		t.Fatal("nothing was logged at debug level: the test has shown nothing")
	}
	for _, secret := range []string{"BX21KLM", "driver-ward"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
