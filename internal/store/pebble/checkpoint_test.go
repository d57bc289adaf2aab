package pebble

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/store"
)

// A copy is taken while others write: it opens, it holds every write acknowledged before, and of each writer's numbers no gap.
func TestCheckpointUnderLoadHoldsWhatWasAcknowledged(t *testing.T) {
	ctx, base := t.Context(), t.TempDir()
	s, err := Open(Config{Dir: filepath.Join(base, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := func(w, n int) []byte {
		return store.Uint(store.Key("test", tribune.Place{}, fmt.Sprint(w)), uint64(n))
	}
	const writers = 4
	var mu sync.Mutex
	var acked [writers]int
	stop, done := context.WithCancel(ctx)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := 0; stop.Err() == nil; n++ {
				var b store.Batch
				b.Put(key(w, n), []byte("value"))
				if err := s.Commit(ctx, &b); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[w] = n + 1
				mu.Unlock()
			}
		})
	}
	for i := range 3 {
		mu.Lock()
		before := acked
		mu.Unlock()
		dir := filepath.Join(base, fmt.Sprint("copy", i))
		if err := s.Checkpoint(ctx, dir); err != nil {
			t.Fatal(err)
		}
		c, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for w := range writers {
			n := 0
			for pair, err := range c.Scan(ctx, store.Prefix(store.Key("test", tribune.Place{}, fmt.Sprint(w)))) {
				if err != nil || string(pair.Key) != string(key(w, n)) {
					t.Fatalf("copy %d, writer %d: a gap at %d (%v)", i, w, n, err)
				}
				n++
			}
			if n < before[w] {
				t.Errorf("copy %d, writer %d: it holds %d writes, %d were acknowledged before", i, w, n, before[w])
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Checkpoint(ctx, dir); err == nil {
			t.Error("a copy was written over another")
		}
	}
	done()
	all.Wait()
	if s.Stats().Bytes == 0 {
		t.Error("the store says that it has no bytes")
	}
	s.Close()
	if err := s.Checkpoint(ctx, filepath.Join(base, "late")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a copy of a closed store: %v", err)
	}
}
