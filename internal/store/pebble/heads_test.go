package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
)

// A commit that compares with what is remembered must decide as one that looks at the tables: after puts, deletes, failures, and for
// keys that share a slot.
func TestRememberedHeadsDecideAsTheTablesDo(t *testing.T) {
	s, err := Open(Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := colliding(s, 4)
	for i := range 4 {
		keys = append(keys, store.Key("heads", tribune.Place{}, fmt.Sprint(i)))
	}
	values := []string{"", "a", "ab", "0123456789abcdef", "0123456789abcdefg", "0123456789abcdefh", "0123456789abcdeX"}
	truth := make(map[string]string)
	rng := rand.New(rand.NewPCG(3, 4))
	for step := range 20_000 {
		var b store.Batch
		want := true
		for range 1 + rng.IntN(3) {
			k := keys[rng.IntN(len(keys))]
			v, found := truth[string(k)]
			switch rng.IntN(3) {
			case 0:
				b.ExpectAbsent(k)
				want = want && !found
			case 1:
				p := values[rng.IntN(len(values))]
				b.ExpectPrefix(k, []byte(p))
				want = want && found && len(v) >= len(p) && v[:len(p)] == p
			default: // what is there, or a part of it
				if found {
					b.ExpectPrefix(k, []byte(v[:rng.IntN(len(v)+1)]))
				}
			}
		}
		after := make(map[string]*string)
		for range rng.IntN(4) {
			k := keys[rng.IntN(len(keys))]
			if rng.IntN(3) == 0 {
				b.Delete(k)
				after[string(k)] = nil
			} else {
				v := values[rng.IntN(len(values))]
				b.Put(k, []byte(v))
				after[string(k)] = &v
			}
		}
		if rng.IntN(2) == 0 {
			k := keys[rng.IntN(len(keys))]
			v, found := truth[string(k)]
			if got, err := s.Get(t.Context(), k); found != (err == nil) || string(got) != v {
				t.Fatalf("step %d: read %q (%v), want %q, found %v", step, got, err, v, found)
			}
		}
		err := s.Commit(t.Context(), &b)
		if want != (err == nil) || err != nil && !errors.Is(err, tribune.ErrConflict) {
			t.Fatalf("step %d: got %v, want success %v", step, err, want)
		}
		if err != nil {
			continue
		}
		for k, v := range after {
			if v == nil {
				delete(truth, k)
			} else {
				truth[k] = *v
			}
		}
	}
}

// What a reader remembers must never be older than what a commit has written meanwhile, for keys that share a slot as well: each
// success of a compare-and-set counts once.
func TestWhatReadersRememberIsNeverOld(t *testing.T) {
	s, err := Open(Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := colliding(s, 2)
	var wins [2]atomic.Uint64
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					s.Get(t.Context(), keys[i%2])
				}
			}
		})
		writers.Go(func() {
			for i := range 2000 {
				var b store.Batch
				k := keys[i%2]
				was, err := s.Get(t.Context(), k)
				next := store.Uint(nil, 1)
				if err == nil {
					next = store.Uint(nil, binary.BigEndian.Uint64(was)+1)
					b.ExpectPrefix(k, was)
				} else {
					b.ExpectAbsent(k)
				}
				b.Put(k, next)
				if err := s.Commit(t.Context(), &b); err == nil {
					wins[i%2].Add(1)
				} else if !errors.Is(err, tribune.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for i, k := range keys {
		got, err := s.Get(t.Context(), k)
		if err != nil || binary.BigEndian.Uint64(got) != wins[i].Load() {
			t.Errorf("key %d counts %x (%v) after %d successes", i, got, err, wins[i].Load())
		}
	}
}

// colliding finds keys of one slot.
func colliding(s *Store, n int) (keys [][]byte) {
	first := uint64(0)
	for i := 0; len(keys) < n; i++ {
		k := store.Key("heads", tribune.Place{}, "c", fmt.Sprint(i))
		slot := maphash.Bytes(s.latches.seed, k) % headSlots
		if i == 0 {
			first = slot
		}
		if slot == first {
			keys = append(keys, k)
		}
	}
	return keys
}
