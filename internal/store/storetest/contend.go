package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tribune"
	"tribune/internal/store"
)

// Contend runs the concurrent part of the contract on several stores of one database at once: several hubs.
func Contend(t *testing.T, hubs ...store.Store) {
	for name, test := range map[string]func(*testing.T, []store.Store){
		"OneOfManyCreatorsWins":            oneCreatorOf,
		"NoIncrementIsLost":                incrementsOf,
		"UnconditionalPutIsNotOverlooked":  unconditionalOf,
		"CrossedExpectationsDoNotBothHold": crossedOf,
		"ReaderNeverGoesBackInTime":        monotonicOf,
	} {
		t.Run(name, func(t *testing.T) { test(t, hubs) })
	}
}

func oneCreator(t *testing.T, h *harness)    { oneCreatorOf(t, []store.Store{h.store}) }
func increments(t *testing.T, h *harness)    { incrementsOf(t, []store.Store{h.store}) }
func unconditional(t *testing.T, h *harness) { unconditionalOf(t, []store.Store{h.store}) }
func crossed(t *testing.T, h *harness)       { crossedOf(t, []store.Store{h.store}) }
func monotonic(t *testing.T, h *harness)     { monotonicOf(t, []store.Store{h.store}) }

// writers is how many goroutines write at once in these tests.
const writers = 12

// together runs f in n goroutines, spread over the hubs, and fails with the first error.
func together(t *testing.T, hubs []store.Store, n int, f func(w int, s store.Store) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for w := range n {
		wg.Go(func() { errs[w] = f(w, hubs[w%len(hubs)]) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func oneCreatorOf(t *testing.T, hubs []store.Store) {
	for round := range 25 {
		k := key(0, "creator", fmt.Sprint(round))
		var winners atomic.Int64
		var winner atomic.Int64
		together(t, hubs, writers, func(w int, s store.Store) error {
			var b store.Batch
			b.ExpectAbsent(k)
			b.Put(k, number(uint64(w)))
			b.Put(key(0, "creator", fmt.Sprint(round), fmt.Sprint(w)), nil)
			err := s.Commit(t.Context(), &b)
			if err == nil {
				winners.Add(1)
				winner.Store(int64(w))
				return nil
			}
			if !errors.Is(err, tribune.ErrConflict) {
				return err
			}
			return nil
		})
		got, err := collect(t.Context(), hubs[0], store.Prefix(key(0, "creator", fmt.Sprint(round))))
		if err != nil {
			t.Fatal(err)
		}
		if winners.Load() != 1 || len(got) != 2 || binary.BigEndian.Uint64(got[0].Value) != uint64(winner.Load()) {
			t.Fatalf("round %d: %d creators were told they won, %d keys were written, want 1 and 2", round, winners.Load(), len(got))
		}
	}
}

func incrementsOf(t *testing.T, hubs []store.Store) {
	const each = 20
	k := key(0, "counter")
	together(t, hubs, writers, func(w int, s store.Store) error {
		for range each {
			if _, err := increment(t, s, k); err != nil {
				return err
			}
		}
		return nil
	})
	v, err := hubs[0].Get(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got := binary.BigEndian.Uint64(v); got != writers*each {
		t.Fatalf("counter is %d after %d acknowledged increments", got, writers*each)
	}
}

// increment adds one to the counter at k by compare-and-set and returns its new value.
func increment(t *testing.T, s store.Store, k []byte) (uint64, error) {
	for {
		v, err := s.Get(t.Context(), k)
		if err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return 0, err
		}
		var b store.Batch
		n := uint64(1)
		if err == nil {
			n = binary.BigEndian.Uint64(v) + 1
			b.ExpectPrefix(k, v)
		} else {
			b.ExpectAbsent(k)
		}
		b.Put(k, number(n))
		err = s.Commit(t.Context(), &b)
		if err == nil || !errors.Is(err, tribune.ErrConflict) {
			return n, err
		}
	}
}

// unconditionalOf has writers that put without asking, and others that copy under an expectation: a copy must never be
// older than a put that was acknowledged before the copy began.
func unconditionalOf(t *testing.T, hubs []store.Store) {
	k, copied := key(0, "put"), key(0, "copy")
	var floor, copies atomic.Uint64
	var stop atomic.Bool
	together(t, hubs, 4, func(w int, s store.Store) error {
		if w == 0 {
			defer stop.Store(true)
			for i := uint64(1); i <= 150 || (copies.Load() == 0 && i < 3_000); i++ {
				var b store.Batch
				b.Put(k, number(i))
				if err := s.Commit(t.Context(), &b); err != nil {
					return err
				}
				floor.Store(i)
			}
			return nil
		}
		for !stop.Load() {
			v, err := s.Get(t.Context(), k)
			if errors.Is(err, tribune.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			atLeast := floor.Load()
			var b store.Batch
			b.ExpectPrefix(k, v)
			b.Put(copied, v)
			err = s.Commit(t.Context(), &b)
			if err == nil {
				copies.Add(1)
				if n := binary.BigEndian.Uint64(v); n < atLeast {
					return fmt.Errorf("an expectation held for value %d after %d was acknowledged", n, atLeast)
				}
			} else if !errors.Is(err, tribune.ErrConflict) {
				return err
			}
		}
		return nil
	})
	if copies.Load() == 0 {
		t.Fatal("no copy succeeded: the test has shown nothing")
	}
}

// crossedOf writes b if a is absent, and a if b is absent: together they must not both succeed, nor wait for ever.
func crossedOf(t *testing.T, hubs []store.Store) {
	for _, present := range []bool{false, true} {
		for round := range 25 {
			pair := [2][]byte{key(0, "crossed", fmt.Sprint(present, round), "a"), key(0, "crossed", fmt.Sprint(present, round), "b")}
			if present {
				var b store.Batch
				b.Put(pair[0], []byte("old"))
				b.Put(pair[1], []byte("old"))
				if err := hubs[0].Commit(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
			}
			var held atomic.Int64
			together(t, hubs, 2, func(w int, s store.Store) error {
				var b store.Batch
				if present {
					b.ExpectPrefix(pair[w], []byte("old"))
				} else {
					b.ExpectAbsent(pair[w])
				}
				b.Put(pair[1-w], []byte("new"))
				err := s.Commit(t.Context(), &b)
				if err == nil {
					held.Add(1)
				} else if !errors.Is(err, tribune.ErrConflict) {
					return err
				}
				return nil
			})
			if held.Load() != 1 {
				t.Fatalf("round %d, keys present %v: %d of two crossed batches succeeded, want 1", round, present, held.Load())
			}
		}
	}
}

// monotonicOf checks a register that only grows: whoever begins to read after an acknowledgement sees at least that.
func monotonicOf(t *testing.T, hubs []store.Store) {
	k := key(0, "register")
	var floor, reads atomic.Uint64
	var stop atomic.Bool
	together(t, hubs, 2+3*len(hubs), func(w int, s store.Store) error {
		if w < 2 {
			defer stop.Store(true)
			for range 150 {
				n, err := increment(t, s, k)
				if err != nil {
					return err
				}
				for old := floor.Load(); n > old && !floor.CompareAndSwap(old, n); old = floor.Load() {
				}
			}
			return nil
		}
		var last uint64
		for !stop.Load() {
			atLeast := max(floor.Load(), last)
			v, err := s.Get(t.Context(), k)
			if errors.Is(err, tribune.ErrNotFound) && atLeast == 0 {
				continue
			}
			if err != nil {
				return err
			}
			last = binary.BigEndian.Uint64(v)
			if last < atLeast {
				return fmt.Errorf("read %d after %d was acknowledged or read", last, atLeast)
			}
			reads.Add(1)
		}
		return nil
	})
	if reads.Load() == 0 {
		t.Fatal("no reader has read: the test has shown nothing")
	}
}
