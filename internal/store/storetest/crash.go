package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Machine is a computer with one disk and a store on it, which may lose power.
type Machine interface {
	// Boot opens the store on what the disk holds.
	Boot() (store.Store, error)

	// PowerOff cuts the power at this moment, while the store is in use, and returns the machine with what its disk
	// has kept. Calls under way may fail afterwards, or go on as ghosts whose writes nobody will ever read.
	PowerOff(rng *rand.Rand) (Machine, error)
}

// ackTimeout is how long writers may take to get something acknowledged before Crash calls the store stuck.
const ackTimeout = 30 * time.Second

// Crash cuts the power under concurrent writers, reboots, and compares what is there with what was acknowledged, again and
// again. It returns what was lost or half applied, nil if nothing. A store that does not sync must make it fail.
func Crash(m Machine, crashes int, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, seed))
	l := &ledger{heads: make([]uint64, crashWriters)}
	for n := range crashes {
		s, err := m.Boot()
		if err != nil {
			return fmt.Errorf("boot %d: %w", n, err)
		}
		known, next, err := crashOnce(m, s, l, rng)
		if err != nil {
			return fmt.Errorf("crash %d: %w", n, err)
		}
		m = next
		if s, err = m.Boot(); err != nil {
			return fmt.Errorf("boot after crash %d: %w", n, err)
		}
		if l, err = verify(s, known); err != nil {
			return fmt.Errorf("after crash %d: %w", n, errors.Join(err, s.Close()))
		}
		if err := s.Close(); err != nil {
			return fmt.Errorf("closing after crash %d: %w", n, err)
		}
	}
	return nil
}

const (
	crashWriters = 8
	keep         = 8        // log entries a writer leaves behind its head
	longestEntry = 12 << 10 // bytes, so that logs rotate and memtables are flushed often
)

// ledger is what the store has acknowledged: by a commit, or by an answer that rests on another's commit.
type ledger struct {
	mu      sync.Mutex
	heads   []uint64 // per writer
	counter uint64   // shared
	acks    int
}

func (l *ledger) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.acks++
}

func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{heads: slices.Clone(l.heads), counter: l.counter, acks: l.acks}
}

// crashOnce runs the writers until a random number of acknowledgements, cuts the power and returns what was acknowledged
// before the cut.
func crashOnce(m Machine, s store.Store, l *ledger, rng *rand.Rand) (*ledger, Machine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	start := l.copy()
	var wg sync.WaitGroup
	errs := make(chan error, crashWriters)
	off := make(chan struct{})
	for w := range crashWriters {
		r := rand.New(rand.NewPCG(rng.Uint64(), uint64(w)))
		wg.Go(func() { errs <- (&writer{id: w, s: s, l: l, rng: r, n: start.heads[w]}).run(ctx, off) })
	}
	for target := 1 + rng.IntN(400); ; {
		known := l.copy()
		if known.acks < target && ctx.Err() == nil && len(errs) == 0 {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		next, err := m.PowerOff(rng)
		close(off)
		wg.Wait()
		_ = s.Close() // a ghost
		if err != nil {
			return nil, nil, fmt.Errorf("cutting the power: %w", err)
		}
		close(errs)
		if known.acks >= target {
			return known, next, nil // what writers saw of the cut does not matter
		}
		for e := range errs {
			err = errors.Join(err, e)
		}
		return nil, nil, fmt.Errorf("writers stopped before the cut: %w", errors.Join(ctx.Err(), err))
	}
}

// writer appends entries to a log of its own. Its head, the new entry and the removal of an old one are one batch.
type writer struct {
	id  int
	s   store.Store
	l   *ledger
	rng *rand.Rand
	n   uint64
}

func (w *writer) run(ctx context.Context, off <-chan struct{}) error {
	for {
		select {
		case <-off:
			return nil
		default:
		}
		err := w.append(ctx)
		if err == nil && w.rng.IntN(4) == 0 {
			err = w.count(ctx)
		}
		if err == nil && w.rng.IntN(4) == 0 {
			err = w.witness(ctx)
		}
		if err != nil {
			return fmt.Errorf("writer %d: %w", w.id, err)
		}
	}
}

func (w *writer) place() uint16 { return uint16(w.id) % w.s.Partitions() }

func headKey(place uint16, id int) []byte { return key(place, "head", strconv.Itoa(id)) }

func entryKey(place uint16, id int, n uint64) []byte {
	return store.Uint(key(place, "entry", strconv.Itoa(id)), n)
}

// entry is recognisable and of a size that its number determines.
func entry(id int, n uint64) []byte {
	rng := rand.New(rand.NewPCG(uint64(id), n))
	e := make([]byte, 8+rng.IntN(longestEntry))
	binary.BigEndian.PutUint64(e, n)
	for i := 8; i < len(e); i++ {
		e[i] = byte(rng.Uint32())
	}
	return e
}

func (w *writer) append(ctx context.Context) error {
	head, n := headKey(w.place(), w.id), w.n+1
	var b store.Batch
	if w.n == 0 {
		b.ExpectAbsent(head)
	} else {
		b.ExpectPrefix(head, number(w.n))
	}
	b.Put(head, number(n))
	b.Put(entryKey(w.place(), w.id, n), entry(w.id, n))
	if n > keep {
		b.Delete(entryKey(w.place(), w.id, n-keep))
	}
	if err := w.s.Commit(ctx, &b); err != nil {
		return fmt.Errorf("appending entry %d: %w", n, err)
	}
	w.n = n
	w.l.note(func() { w.l.heads[w.id] = n })
	return nil
}

// count adds one to the shared counter. A conflict is an answer too: it says that the counter was already higher, and
// what the store says must not be unsaid by a crash.
func (w *writer) count(ctx context.Context) error {
	counter := key(0, "counter")
	v, err := w.s.Get(ctx, counter)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return err
	}
	var b store.Batch
	var n uint64
	if err == nil {
		n = binary.BigEndian.Uint64(v)
		b.ExpectPrefix(counter, v)
	} else {
		b.ExpectAbsent(counter)
	}
	b.Put(counter, number(n+1))
	b.Put(store.Uint(key(0, "claim"), n+1), []byte{byte(w.id)})
	if err := w.s.Commit(ctx, &b); err != nil && !errors.Is(err, tribune.ErrConflict) {
		return fmt.Errorf("counting to %d: %w", n+1, err)
	}
	w.l.note(func() { w.l.counter = max(w.l.counter, n+1) })
	return nil
}

// witness reads another writer's head and passes it on after an empty commit, as the contract demands.
func (w *writer) witness(ctx context.Context) error {
	other := w.rng.IntN(crashWriters)
	v, err := w.s.Get(ctx, headKey(uint16(other)%w.s.Partitions(), other))
	if errors.Is(err, tribune.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.s.Commit(ctx, &store.Batch{}); err != nil {
		return fmt.Errorf("empty commit: %w", err)
	}
	w.l.note(func() { w.l.heads[other] = max(w.l.heads[other], binary.BigEndian.Uint64(v)) })
	return nil
}

// verify compares what is there with what must be there, and returns what is there.
func verify(s store.Store, known *ledger) (*ledger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	found := &ledger{heads: make([]uint64, len(known.heads))}
	for id, atLeast := range known.heads {
		place := uint16(id) % s.Partitions()
		head, err := numberAt(ctx, s, headKey(place, id))
		if err != nil {
			return nil, err
		}
		if head < atLeast {
			return nil, fmt.Errorf("writer %d: entry %d was acknowledged, the last one there is %d", id, atLeast, head)
		}
		found.heads[id] = head
		want := uint64(1)
		if head > keep {
			want = head - keep + 1
		}
		for p, err := range s.Scan(ctx, store.Prefix(key(place, "entry", strconv.Itoa(id)))) {
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(p.Key, entryKey(place, id, want)) || !bytes.Equal(p.Value, entry(id, want)) {
				return nil, fmt.Errorf("writer %d: entry %d is missing or altered though the head is %d: half a batch", id, want, head)
			}
			want++
		}
		if want != head+1 {
			return nil, fmt.Errorf("writer %d: entries end at %d, the head is %d: half a batch", id, want-1, head)
		}
	}
	counter, err := numberAt(ctx, s, key(0, "counter"))
	if err != nil {
		return nil, err
	}
	if counter < known.counter {
		return nil, fmt.Errorf("the counter was known to be %d, it is %d", known.counter, counter)
	}
	found.counter = counter
	claims, err := collect(ctx, s, store.Prefix(key(0, "claim")))
	if err != nil {
		return nil, err
	}
	if uint64(len(claims)) != counter {
		return nil, fmt.Errorf("the counter is %d with %d claims: half a batch", counter, len(claims))
	}
	return found, nil
}

// numberAt is the number at k, 0 where k is absent.
func numberAt(ctx context.Context, r store.Reader, k []byte) (uint64, error) {
	v, err := r.Get(ctx, k)
	if errors.Is(err, tribune.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}
