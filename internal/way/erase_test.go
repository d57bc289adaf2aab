package way

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/law"
	"tribune/protocol"
)

// holdings are sealed values outside of the vault, as the twin keeps them.
type holdings struct {
	mu   sync.Mutex
	of   map[tribune.Pseudonym]int
	fail error
}

func (h *holdings) HeldOf(_ context.Context, p tribune.Pseudonym) ([]tribune.ClassID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of[p] == 0 {
		return nil, nil
	}
	return []tribune.ClassID{testClass}, nil
}

func (h *holdings) Erase(_ context.Context, p tribune.Pseudonym) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.of[p]
	delete(h.of, p)
	return n, h.fail
}

func (h *holdings) holds(p tribune.Pseudonym) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[p] > 0
}

func protection() tribune.Caller {
	return tribune.Caller{Actor: law.Protection, Office: "data-protection", Purpose: "erasure", Mandate: "erasure-2026"}
}

// erasable is a world with two people in it, of whom sessions were read, apart and together.
func erasable(t *testing.T) (*world, *holdings, tribune.Sealed, tribune.Sealed) {
	t.Helper()
	w := newWorld(t)
	h := &holdings{of: map[tribune.Pseudonym]int{subject(1): 3, subject(2): 3}}
	w.cfg.Holdings = h
	w.Way.Close()
	w.start(t)
	a, b := w.seal(t, subject(1), "one"), w.seal(t, subject(2), "two")
	w.read(t, w.reading(a), "one")
	w.read(t, w.reading(b), "two")
	w.read(t, w.reading(a, b), "one", "two")
	return w, h, a, b
}

// erase walks the whole way.
func (w *world) erase(t *testing.T, p tribune.Pseudonym) uint64 {
	t.Helper()
	act, err := w.PrepareErasure(t.Context(), protection(), p, "asked in writing")
	if err != nil {
		t.Fatalf("preparing an erasure: %v", err)
	}
	signature, err := act.Sign(w.keys[law.Protection])
	if err != nil {
		t.Fatal(err)
	}
	index, receipt, err := w.Erase(t.Context(), protection(), act.ID, signature)
	if err != nil || len(receipt) == 0 {
		t.Fatalf("erasing: %v, receipt of %d bytes", err, len(receipt))
	}
	return index
}

// until waits for an erasure to be done.
func (w *world) until(t *testing.T, index uint64) Erasure {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		e, err := w.ErasureAt(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Deleted.IsZero() {
			return e
		}
		if time.Now().After(deadline) {
			t.Fatalf("not done: %+v; log: %s", e, w.words)
		}
	}
}

// names counts the rows of the store that name a subject, those wrapped too.
func (w *world) names(t *testing.T, p tribune.Pseudonym) (n int) {
	t.Helper()
	for pair, err := range w.cfg.Store.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		clear, _ := w.vault.Unwrap(string(pair.Key), pair.Value)
		if bytes.Contains(pair.Key, p[:]) || bytes.Contains(clear, []byte(p.String())) {
			n++
		}
	}
	return n
}

// An erasure is on record before anything is deleted, with the tag of a use and the next erased tag; afterwards nothing of the
// subject is left but the bar of the day, what names others too is redacted, and others are opened as before.
func TestErasureIsOnRecordAndThenNothingIsLeft(t *testing.T) {
	w, h, a, b := erasable(t)
	k := w.traceKey(t, subject(1))
	before := w.names(t, subject(2))
	if n := w.names(t, subject(1)); n < 4 {
		t.Fatalf("control: %d rows name the subject", n)
	}
	w.log.hooks(nil, func(uint64) error {
		if !h.holds(subject(1)) {
			t.Error("deleted before publication")
		}
		return nil
	})
	index := w.erase(t, subject(1))
	w.log.hooks(nil, nil)
	e := w.until(t, index)
	if e.Values != 3 || e.Rows < 4 || e.State() != "deleted" || !e.Due.Equal(e.Deleted.Add(30*24*time.Hour)) || e.Epoch != 1 {
		t.Errorf("state: %+v", e)
	}
	leaf := w.log.of(t, tribune.ActErase)[0]
	if !protocol.ErasedNow(leaf, k, func(tribune.Tag) bool { return false }) || leaf.Tags[0] != protocol.UseTag(k, 3) {
		t.Errorf("on record: %s with tags %v", leaf.Public, leaf.Tags)
	}
	if n := w.names(t, subject(1)); n != 1 { // the bar
		t.Errorf("%d rows still name the subject", n)
	}
	if n := w.names(t, subject(2)); n != before {
		t.Errorf("%d rows name the other, before %d", n, before)
	}
	redacted := 0
	for hash, wrapped := range w.openings(t) {
		var o Opening
		clear, err := w.vault.Unwrap(string(openingKey(hash)), wrapped)
		if err != nil || json.Unmarshal(clear, &o) != nil {
			t.Fatal(err)
		}
		if o.Redacted > 0 {
			redacted++
			if o.Salt != nil || o.Evidence.Mandate == nil {
				t.Errorf("redacted: %+v", o)
			}
		}
	}
	if redacted < 2 { // the reading of both, the erasure itself, and perhaps an enrolment of both
		t.Errorf("%d openings are redacted", redacted)
	}
	w.read(t, w.reading(b), "two")
	if _, err := w.vault.Open(t.Context(), map[tribune.Identity][]byte{}, []tribune.Sealed{a}); err == nil {
		t.Error("what was erased opens")
	}
	if _, err := w.ErasureAt(t.Context(), index+1); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("at another entry: %v", err)
	}
	if err := w.vault.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, err := w.ErasureAt(t.Context(), index); err != nil || e.State() != "final" || e.Final.IsZero() {
		t.Errorf("after the rotation: %+v, %v", e, err)
	}
	w.read(t, w.reading(b), "two")
}

// Whoever comes back on another day is held, traced and opened anew; the next erasure has the next number.
func TestErasedSubjectComesBack(t *testing.T) {
	w, h, _, _ := erasable(t)
	k := w.traceKey(t, subject(1))
	w.until(t, w.erase(t, subject(1)))
	w.clock.add(24 * time.Hour)
	s := w.seal(t, subject(1), "again")
	w.read(t, w.reading(s), "again")
	h.mu.Lock()
	h.of[subject(1)] = 1
	h.mu.Unlock()
	w.until(t, w.erase(t, subject(1)))
	leaves := w.log.of(t, tribune.ActErase)
	if e, err := protocol.ErasureOf(leaves[1]); err != nil || e.Erased[0] != protocol.ErasedTag(k, 2) {
		t.Errorf("the second erasure: %v, %v", e, err)
	}
}

func TestErasureThatTheLawForbidsIsDeniedOnRecord(t *testing.T) {
	w, h, _, _ := erasable(t)
	for name, c := range map[string]tribune.Caller{
		"an inspector":           inspector(),
		"for another purpose":    {Actor: law.Protection, Office: "data-protection", Purpose: "answer-people", Mandate: "answer-people-2026"},
		"an office without them": {Actor: law.Planner, Office: "planner", Purpose: "erasure", Mandate: "erasure-2026"},
	} {
		before := w.log.size()
		_, err := w.PrepareErasure(t.Context(), c, subject(1), "")
		var denial *tribune.Denial
		if !errors.As(err, &denial) || len(denial.Receipt) == 0 || w.log.size() != before+1 {
			t.Errorf("%s: %v, %d leaves more", name, err, w.log.size()-before)
		}
	}
	// A class that must be kept keeps everything: the mandate does not cover it.
	h.mu.Lock()
	h.of[subject(1)] = 1
	h.mu.Unlock()
	w.cfg.Holdings = kept{h}
	w.Way.Close()
	w.start(t)
	if _, err := w.PrepareErasure(t.Context(), protection(), subject(1), ""); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("a class that the law keeps: %v", err)
	}
	if !h.holds(subject(1)) {
		t.Error("something was deleted")
	}
	act, signature := w.prepareSigned(t, w.reading(w.seal(t, subject(2), "x")))
	if _, _, err := w.Erase(t.Context(), inspector(), act.ID, signature); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a reading taken for an erasure: %v", err)
	}
}

// kept holds something of a class that no erasure may touch.
type kept struct{ *holdings }

func (kept) HeldOf(context.Context, tribune.Pseudonym) ([]tribune.ClassID, error) {
	return []tribune.ClassID{testClass, "car-park"}, nil
}

// dying is a store on which the process dies at its n-th commit.
type dying struct {
	store.Store
	left atomic.Int64
}

func (d *dying) Commit(ctx context.Context, b *store.Batch) error {
	if d.left.Add(-1) < 0 {
		return errDead
	}
	return d.Store.Commit(ctx, b)
}

var errDead = errors.New("dead")

// Killed at any commit, an erasure that is on record is carried out by the next start, and one that is not deletes nothing.
func TestErasureSurvivesDeathAtEveryStep(t *testing.T) {
	finished := 0
	for step := range int64(12) {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			w, h, _, b := erasable(t)
			alive := w.cfg
			d := &dying{Store: w.cfg.Store}
			d.left.Store(1000)
			w.cfg.Store = d
			w.cfg.Vault = w.openVault(t, w.cfg.Group, d)
			w.Way.Close()
			w.start(t)
			act, err := w.PrepareErasure(t.Context(), protection(), subject(1), "")
			if err != nil {
				t.Fatal(err)
			}
			signature, err := act.Sign(w.keys[law.Protection])
			if err != nil {
				t.Fatal(err)
			}
			d.left.Store(step)
			if _, _, err := w.Erase(t.Context(), protection(), act.ID, signature); err != nil && !errors.Is(err, errDead) {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(2 * time.Second); d.left.Load() >= 0 && w.Erasures() > 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			w.Way.Close()
			recorded := len(w.log.of(t, tribune.ActErase)) > 0
			w.cfg = alive
			w.vault = w.openVault(t, w.cfg.Group, w.cfg.Store)
			w.cfg.Vault = w.vault
			w.start(t)
			if !recorded {
				if !h.holds(subject(1)) || w.names(t, subject(1)) < 4 {
					t.Error("something is gone without a leaf")
				}
				return
			}
			index := uint64(w.log.size() - 1)
			if e := w.until(t, index); e.State() != "deleted" {
				t.Errorf("state: %+v", e)
			}
			if n := w.names(t, subject(1)); n != 1 || h.holds(subject(1)) {
				t.Errorf("%d rows still name the subject", n)
			}
			w.read(t, w.reading(b), "two")
			finished++
		})
	}
	if finished < 5 {
		t.Errorf("only %d were on record", finished)
	}
}

// Of somebody erased nothing more is told under a standing act, though it waited in memory.
func TestNothingIsDeliveredOfWhoWasErased(t *testing.T) {
	w, _, _, _ := erasable(t)
	w.until(t, w.erase(t, subject(1)))
	now := w.clock.Now()
	s := tribune.Standing{Act: protocol.NewID(), Caller: inspector(), Class: testClass, Attrs: []tribune.Name{vocab + "refParking"}, From: now.Add(-time.Hour), Until: now.Add(time.Hour)}
	told, err := w.Deliver(t.Context(), s, []tribune.Pseudonym{subject(1), subject(2)})
	if err != nil || !slices.Equal(told, []tribune.Pseudonym{subject(2)}) {
		t.Errorf("told of %v, %v", told, err)
	}
	if _, err := w.vault.TraceKey(t.Context(), subject(1)); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("the trace key is back: %v", err)
	}
}

// A hub that comes back from a backup of before an erasure holds the person again. The record says so, and the trace keys in the backup say
// who: they are erased again, by themselves.
func TestBackupDoesNotUndoAnErasure(t *testing.T) {
	w, h, _, b := erasable(t)
	var backup []store.Pair
	for pair, err := range w.cfg.Store.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		backup = append(backup, store.Pair{Key: slices.Clone(pair.Key), Value: slices.Clone(pair.Value)})
	}
	index := w.erase(t, subject(1))
	w.until(t, index)
	w.Way.Close()
	var restore store.Batch
	for pair := range w.cfg.Store.Scan(t.Context(), store.Range{}) {
		restore.Delete(slices.Clone(pair.Key))
	}
	for _, pair := range backup {
		restore.Put(pair.Key, pair.Value)
	}
	if err := w.cfg.Store.Commit(t.Context(), &restore); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.of[subject(1)] = 3
	h.mu.Unlock()
	w.vault = w.openVault(t, w.cfg.Group, w.cfg.Store)
	w.cfg.Vault = w.vault
	if n := w.names(t, subject(1)); n < 4 {
		t.Fatalf("control: %d rows of the backup name the subject", n)
	}
	w.start(t)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if e, err := w.ErasureAt(t.Context(), index); err == nil && e.State() == "deleted" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not done again; log: %s", w.words)
		}
	}
	if n := w.names(t, subject(1)); n != 1 || h.holds(subject(1)) { // the bar of the day
		t.Errorf("%d rows still name the subject", n)
	}
	w.read(t, w.reading(b), "two")
}
