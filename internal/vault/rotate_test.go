package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

// otherRow is a row that another room keeps.
func otherRow(i int) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "opening"), uint64(i))
}

// wrappedRows are all rows that are wrapped, by key.
func (f *fixture) wrappedRows(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for pair, err := range f.store.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(pair.Value) > wrapHead && pair.Value[0] == wrapVersion && !bytes.HasPrefix(pair.Key, store.Part(nil, "test")) && !bytes.Equal(pair.Key, epochRow()) {
			out[string(pair.Key)] = append([]byte(nil), pair.Value...)
		}
	}
	return out
}

func (f *fixture) withOthers() Config {
	cfg := f.config()
	cfg.Rows = [][]byte{store.Key("way", tribune.Place{}, "opening")}
	return cfg
}

func (f *fixture) startWith(t testing.TB, cfg Config) {
	t.Helper()
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	f.Vault = v
}

func (f *fixture) trace(t testing.TB, p tribune.Pseudonym) {
	t.Helper()
	id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: p}
	if err := f.PutTrace(t.Context(), p, f.dealer.keys(t, id)[id]); err != nil {
		t.Fatal(err)
	}
}

func ringOf(t testing.TB, key []byte, id uint32) *ring {
	t.Helper()
	raw, err := hex.DecodeString(string(bytes.TrimSpace(key)))
	if err != nil {
		t.Fatal(err)
	}
	k, err := newEpochKey(id, raw)
	if err != nil {
		t.Fatal(err)
	}
	return &ring{now: k}
}

// A rotation leaves everything of the living readable, everything under a new key, and nothing of a copy from before to whoever
// has the present key: neither the erased nor the living.
func TestRotationDestroysTheOldKeyAndKeepsTheLiving(t *testing.T) {
	f := newFixture(t)
	f.startWith(t, f.withOthers())
	var sealed []tribune.Sealed
	for i := range 3 * rewrapBatch / 2 { // more than a batch
		p := subjectNo(i)
		sealed = append(sealed, f.put(t, tribune.Place{}, p, fmt.Sprint("value ", i)))
		if i%50 == 0 {
			f.trace(t, p)
		}
	}
	if err := f.Keep(t.Context(), otherRow(1), []byte("opening")); err != nil {
		t.Fatal(err)
	}
	before, oldKey := f.wrappedRows(t), readFile(t, f.key)
	if rows, err := f.Erase(t.Context(), subjectNo(0)); err != nil || rows != 2 {
		t.Fatalf("erasing: %d rows, %v, want a header row and a trace key", rows, err)
	}
	if epoch, err := f.NoteErasure(t.Context()); err != nil || epoch != 1 {
		t.Fatalf("noting: %d, %v", epoch, err)
	}
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	newKey := readFile(t, f.key)
	if bytes.Equal(newKey, oldKey) {
		t.Fatal("the key is the same")
	}
	if _, err := os.Stat(f.key + nextSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a second key file: %v", err)
	}
	after := f.wrappedRows(t)
	if len(after) != len(before)-2 {
		t.Errorf("%d wrapped rows, want %d", len(after), len(before)-2)
	}
	now, old := ringOf(t, newKey, 2), ringOf(t, oldKey, 1)
	for key, value := range after {
		if _, err := now.unwrap(key, value); err != nil {
			t.Fatalf("a row of now: %v", err)
		}
	}
	for key, value := range before {
		if _, err := old.unwrap(key, value); err != nil {
			t.Fatalf("control: a row of before under the key of before: %v", err)
		}
		value = bytes.Clone(value)
		value[4] = 2 // whatever epoch it says
		if _, err := now.unwrap(key, value); err == nil {
			t.Fatal("a row of before opens under the present key")
		}
	}
	f.start(t)
	for i, s := range sealed[1:] {
		if i%97 == 0 {
			f.mustOpen(t, []string{fmt.Sprint("value ", i+1)}, s)
		}
	}
	if _, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), sealed[0]), sealed[:1]); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("the erased one: %v, want nothing there", err)
	}
	if at, err := f.Destroyed(t.Context(), 1); err != nil || !at.Equal(f.clock.Now().Truncate(time.Second)) {
		t.Errorf("destroyed: %v, %v", at, err)
	}
	if r, err := f.Rotation(t.Context()); err != nil || r.UnderWay || !r.Due.IsZero() || r.Epoch != 2 {
		t.Errorf("after it: %+v, %v", r, err)
	}
}

// stopAfter is a store whose commits fail from the n-th on, as if the process had died there.
type stopAfter struct {
	store.Store
	left atomic.Int64
}

var errDead = errors.New("dead")

func (s *stopAfter) Commit(ctx context.Context, b *store.Batch) error {
	if s.left.Add(-1) < 0 {
		return errDead
	}
	return s.Store.Commit(ctx, b)
}

// Killed at any commit of a rotation, or between the steps with the key files, the next start reads everything and ends the rotation.
func TestRotationSurvivesDeathAtEveryStep(t *testing.T) {
	for step := range int64(8) {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			f := newFixture(t)
			s := f.put(t, tribune.Place{}, subjectNo(1), "x")
			f.trace(t, subjectNo(2))
			oldKey := readFile(t, f.key)
			dying := &stopAfter{Store: f.store}
			cfg := f.config()
			dying.left.Store(100)
			cfg.Store = dying
			f.startWith(t, cfg)
			dying.left.Store(step)
			err := f.Rotate(t.Context())
			f.crash(t)
			f.mustOpen(t, []string{"x"}, s)
			if err == nil { // it lived to the end
				if step < 4 {
					t.Errorf("a rotation took %d commits", step)
				}
			} else if !errors.Is(err, errDead) {
				t.Fatal(err)
			}
			if f.ring.Load().rotating() {
				if due, err := f.RotationDue(t.Context()); err != nil || !due {
					t.Errorf("nobody goes on with it: %v, %v", due, err)
				}
			}
			if err := f.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.start(t)
			f.mustOpen(t, []string{"x"}, s)
			for key, value := range f.wrappedRows(t) {
				if _, err := ringOf(t, oldKey, 1).unwrap(key, value); err == nil {
					t.Errorf("the row %q is under the first key", key)
				}
			}
		})
	}
}

// The two moments with the files alone: the next key made and not named, the old one overwritten and not replaced.
func TestRotationSurvivesDeathBetweenFiles(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	if _, err := f.files.nextKey(); err != nil {
		t.Fatal(err)
	}
	next := readFile(t, f.key+nextSuffix)
	f.start(t)
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(next, readFile(t, f.key)) {
		t.Error("the key that was made was not taken")
	}
	// As if it had died after overwriting.
	if err := errors.Join(os.Rename(f.key, f.key+nextSuffix), os.WriteFile(f.key, bytes.Repeat([]byte{0xa5}, 65), 0o600)); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Delete(destroyedRow(1))
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	f.start(t)
	f.mustOpen(t, []string{"x"}, s)
	if !bytes.Equal(next, readFile(t, f.key)) {
		t.Error("the key did not get its place back")
	}
	if _, err := f.Destroyed(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// A store from before a rotation does not start under the key from after it, and says why.
func TestStoreOfBeforeIsToldFromTheKeyOfAfter(t *testing.T) {
	f := newFixture(t)
	f.put(t, tribune.Place{}, subjectNo(1), "x")
	mark := f.Mark()
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(epochRow(), mark)
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	_, err := New(f.config())
	if err == nil || !strings.Contains(tribune.HintOf(err), "rotation destroyed") {
		t.Errorf("got %v, hint %q", err, tribune.HintOf(err))
	}
}

// While a rotation runs, values arrive and are read; none is lost, none is left under the old key.
func TestSealingGoesOnDuringRotations(t *testing.T) {
	f := newFixture(t)
	var mu sync.Mutex
	var all []tribune.Sealed
	var want []string
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for w := range 4 {
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("%d/%d", w, i)
				s := f.put(t, tribune.Place{}, subjectNo(w*10_000+i%50), text)
				mu.Lock()
				all, want = append(all, s), append(want, text)
				mu.Unlock()
				if i%10 == 0 {
					f.open.closeOf(s.Pseudonym)
				}
			}
		})
	}
	arrived := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(all)
	}
	rotations := uint32(0)
	for ; rotations < 4 || arrived() < 20 && t.Context().Err() == nil; rotations++ {
		if err := f.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	load.Wait()
	f.start(t)
	key := ringOf(t, readFile(t, f.key), 1+rotations)
	for row, value := range f.wrappedRows(t) {
		if _, err := key.unwrap(row, value); err != nil {
			t.Fatalf("a row that the last key does not open: %v", err)
		}
	}
	f.mustOpen(t, want, all...)
}

// A batch that left with an old header and lands late must not be lost when the old key goes.
func TestRotationWaitsForHeadersOnTheirWay(t *testing.T) {
	f := newFixture(t)
	seal := func() (tribune.Sealed, *store.Batch, func()) {
		sealed, writes, committed, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, subjectNo(1), []tribune.Item{item("urn:e:1", "attr", "late")})
		if err != nil || len(writes) != 1 {
			t.Fatalf("%d writes, %v", len(writes), err)
		}
		var b store.Batch
		b.Add(writes...)
		return sealed[0], &b, committed
	}
	_, first, done := seal()
	late, second, lateDone := seal()
	if err := f.store.Commit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	done()
	ended := make(chan error, 1)
	go func() { ended <- f.Rotate(context.Background()) }()
	select {
	case err := <-ended:
		t.Fatalf("ended before the second batch: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := f.store.Commit(t.Context(), second); err != nil { // an old row over the one wrapped anew
		t.Fatal(err)
	}
	lateDone()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	f.start(t)
	f.mustOpen(t, []string{"late"}, late)
}

func TestRotationComesBeforeThirtyDaysAreOver(t *testing.T) {
	f := newFixture(t)
	due := func() bool {
		t.Helper()
		d, err := f.RotationDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	f.clock.add(400 * 24 * time.Hour)
	if due() {
		t.Error("due without an erasure")
	}
	if _, err := f.NoteErasure(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := f.clock.Now()
	f.clock.add(20 * 24 * time.Hour)
	if _, err := f.NoteErasure(t.Context()); err != nil || due() { // a later one does not put it off
		t.Errorf("due after twenty days: %v", err)
	}
	if r, _ := f.Rotation(t.Context()); !r.Due.Equal(first.Truncate(time.Second).Add(RotateWithin)) {
		t.Errorf("due %v, want thirty days after %v", r.Due, first)
	}
	f.clock.add(9 * 24 * time.Hour)
	if !due() {
		t.Error("not due a day before thirty are over")
	}
	f.start(t)
	if !due() {
		t.Error("a restart forgets it")
	}
}

// What rooms keep in files goes along; what no key opens stays and does not hold up the rest.
func TestRotationTakesFilesAlong(t *testing.T) {
	f := newFixture(t)
	held := map[string][]byte{}
	for _, name := range []string{"a", "b"} {
		w, err := f.Wrap(name, []byte("text "+name))
		if err != nil {
			t.Fatal(err)
		}
		held[name] = w
	}
	held["b"][20] ^= 1
	cfg := f.config()
	cfg.Elsewhere = func(_ context.Context, again func(string, []byte) ([]byte, error)) error {
		for name, w := range held {
			fresh, err := again(name, w)
			if err != nil {
				return err
			}
			if fresh != nil {
				held[name] = fresh
			}
		}
		return nil
	}
	f.startWith(t, cfg)
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Unwrap("a", held["a"]); err != nil || string(got) != "text a" {
		t.Errorf("got %q, %v", got, err)
	}
	if r, _ := f.Rotation(t.Context()); r.Damaged == 0 || r.UnderWay {
		t.Errorf("the damaged one: %+v", r)
	}
}

// Nothing of an erased subject is taken for the rest of the day; on the next it is, and a restart in between changes nothing.
func TestErasedSubjectIsNotTakenUntilMidnight(t *testing.T) {
	f := newFixture(t)
	p, other := subjectNo(1), subjectNo(2)
	f.put(t, tribune.Place{}, p, "x")
	f.put(t, tribune.Place{Partition: 0}, other, "y")
	if err := f.Bar(t.Context(), p, tribune.DayOf(f.clock.Now())); err != nil {
		t.Fatal(err)
	}
	seal := func(p tribune.Pseudonym) error {
		_, _, _, err := f.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, p, []tribune.Item{item("urn:e:1", "attr", "z")})
		return err
	}
	for range 2 {
		if err := seal(p); !errors.Is(err, tribune.ErrDenied) {
			t.Errorf("sealed for an erased subject: %v", err)
		}
		if err := seal(other); err != nil {
			t.Errorf("another: %v", err)
		}
		f.start(t)
	}
	f.clock.add(24 * time.Hour)
	if err := seal(p); err != nil {
		t.Errorf("on the next day: %v", err)
	}
	f.start(t)
	if _, err := f.store.Get(t.Context(), f.barRow(p)); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("the bar is still there: %v", err)
	}
}

// The key's file may be a link to a device that can be destroyed: the next key belongs there, too, and the link stays.
func TestRotationFollowsALinkToAnotherDevice(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	device := filepath.Join(t.TempDir(), "the.key")
	if err := errors.Join(os.Rename(f.key, device), os.Symlink(device, f.key)); err != nil {
		t.Fatal(err)
	}
	old := readFile(t, device)
	held, err := os.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	f.start(t)
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(f.key); err != nil || to != device {
		t.Errorf("the link: %q, %v", to, err)
	}
	if bytes.Equal(readFile(t, device), old) {
		t.Error("the device holds the old key")
	}
	blocks := make([]byte, len(old)) // of the file that has no name any more
	if _, err := held.ReadAt(blocks, 0); err != nil || bytes.Contains(blocks, old[:16]) {
		t.Errorf("the old key's blocks still hold it: %v", err)
	}
	f.start(t)
	f.mustOpen(t, []string{"x"}, s)
}
