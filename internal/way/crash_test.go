package way

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/vault"
	"tribune/protocol"
)

func TestFailedAppendReleasesTheNumberAndItsOpening(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	w.read(t, w.reading(s), "secret")
	before := len(w.openings(t))
	w.log.hooks(func([]byte) (bool, error) { return false, tribune.ErrNoQuorum }, nil)
	act, signature := w.prepareSigned(t, w.reading(s))
	if values, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrNoQuorum) || values != nil {
		t.Fatalf("got %q, %v; want ErrNoQuorum", values, err)
	}
	w.log.hooks(nil, nil)
	if got := len(w.openings(t)); got != before {
		t.Errorf("%d openings of acts that never happened", got-before)
	}
	w.read(t, w.reading(s), "secret")
	if got := w.usesOf(t, subject(1)); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("uses on record: %v, want 1, 2", got)
	}
}

// Where nobody can tell whether a leaf is in the log, giving its number to another act would block the subject for ever
// if it is. The restart reads the log and knows.
func TestUncertainAppendKeepsTheNumberUntilRestart(t *testing.T) {
	for _, c := range []struct {
		written bool
		want    []uint64
	}{{true, []uint64{1, 2}}, {false, []uint64{1}}} {
		w := newWorld(t)
		s := w.seal(t, subject(1), "secret")
		if err := w.enrolment.ensure(t.Context(), []protocol.Subject{{P: subject(1)}}); err != nil {
			t.Fatal(err)
		}
		w.log.hooks(func([]byte) (bool, error) { return c.written, tribune.ErrUncertain }, nil)
		act, signature := w.prepareSigned(t, w.reading(s))
		asked := w.guards.calls()
		if values, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrUncertain) || values != nil {
			t.Fatalf("got %q, %v; want ErrUncertain", values, err)
		}
		w.log.hooks(nil, nil)
		act, signature = w.prepareSigned(t, w.reading(s))
		if _, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrConflict) {
			t.Errorf("written %v: the number was given again: %v", c.written, err)
		}
		if w.guards.calls() != asked {
			t.Error("guardians were asked for an act nobody knows to be on record")
		}
		w.start(t)
		w.read(t, w.reading(s), "secret")
		if got := w.usesOf(t, subject(1)); !slices.Equal(got, c.want) {
			t.Errorf("written %v: uses on record %v, want %v", c.written, got, c.want)
		}
	}
}

func TestUseNumbersAreRebuiltFromTheLog(t *testing.T) {
	w := newWorld(t)
	a, b := w.seal(t, subject(1), "one"), w.seal(t, subject(2), "two")
	for range 3 {
		w.read(t, w.reading(a), "one")
	}
	w.start(t)
	w.read(t, w.reading(a, b), "one", "two")
	if got := w.usesOfEach(t, 1, 2); !slices.Equal(got[0], []uint64{1, 2, 3, 4}) || !slices.Equal(got[1], []uint64{1}) {
		t.Errorf("uses on record: %v", got)
	}
}

// A prepared act does not survive its process: its keys were in memory only.
func TestPreparedActDiesWithTheProcess(t *testing.T) {
	w := newWorld(t)
	act, signature := w.prepareSigned(t, w.reading(w.seal(t, subject(1), "secret")))
	w.start(t)
	if _, _, err := w.Open(t.Context(), act.ID, signature); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// Killed between any two lines, the hub must not leave a leaf that nobody can explain to its subject.
func TestOpeningIsKeptBeforeItsLeafIsOnRecord(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, subject(1), "secret")
	kept := 0
	w.log.hooks(func(leaf []byte) (bool, error) {
		if _, ok := w.openings(t)[protocol.LeafHash(leaf)]; !ok {
			t.Error("a leaf got on record before its opening was kept")
		}
		kept++
		return true, nil
	}, nil)
	w.read(t, w.reading(s), "secret")
	denied := w.reading(s)
	denied.Caller.Purpose = "plan-city"
	if _, err := w.Prepare(t.Context(), denied); !errors.Is(err, tribune.ErrDenied) {
		t.Fatalf("got %v, want a denial", err)
	}
	if _, err := w.Do(t.Context(), w.exercise(t, "a notice")); err != nil {
		t.Fatal(err)
	}
	if kept != 4 { // enrolment, reading, denial, act of power
		t.Errorf("%d leaves, want 4", kept)
	}
}

func TestOpeningsExplainTheirLeavesAndRestWrapped(t *testing.T) {
	w := newWorld(t)
	p := subject(1)
	w.read(t, w.reading(w.seal(t, p, "secret")), "secret")
	openings := w.openings(t)
	for _, raw := range w.log.raw() {
		leaf, err := protocol.DecodeLeaf(raw)
		if err != nil {
			t.Fatal(err)
		}
		key := openingKey(protocol.LeafHash(raw))
		wrapped := openings[protocol.LeafHash(raw)]
		for _, secret := range []string{string(inspector().Actor), p.String(), string(p[:]), "private"} {
			if bytes.Contains(wrapped, []byte(secret)) {
				t.Errorf("an opening rests readable: %q", secret)
			}
		}
		if _, err := w.vault.Unwrap(string(key)+"x", wrapped); err == nil {
			t.Error("an opening unwraps as another leaf's")
		}
		if _, err := otherEpoch(t, w).Unwrap(string(key), wrapped); err == nil {
			t.Error("an opening unwraps without its epoch key")
		}
		clear, err := w.vault.Unwrap(string(key), wrapped)
		if err != nil {
			t.Fatal(err)
		}
		var o Opening
		if err := json.Unmarshal(clear, &o); err != nil {
			t.Fatal(err)
		}
		com, err := protocol.Commitment(o.Salt, o.Private)
		if err != nil || com != leaf.Act.Com {
			t.Errorf("an opening does not open its leaf's commitment: %v", err)
		}
		if input, err := protocol.InputHash(o.Salt, o.Evidence); err != nil || input != leaf.Input {
			t.Errorf("an opening does not open its leaf's evidence: %v", err)
		}
		if leaf.Act.Kind == tribune.ActRead && !strings.Contains(string(o.Private), p.String()) {
			t.Error("the opening of a reading does not name its subject")
		}
	}
}

// openings are the wrapped openings in the store, by leaf.
func (w *world) openings(t *testing.T) map[tribune.Hash][]byte {
	t.Helper()
	prefix := store.Key("way", tribune.Place{}, "opening")
	all := map[tribune.Hash][]byte{}
	for pair, err := range w.cfg.Store.Scan(t.Context(), store.Prefix(prefix)) {
		if err != nil {
			t.Fatal(err)
		}
		hash, _, ok := store.CutPart(pair.Key[len(prefix):])
		if !ok || len(hash) != len(tribune.Hash{}) {
			t.Fatalf("opening under key %x", pair.Key)
		}
		all[tribune.Hash([]byte(hash))] = bytes.Clone(pair.Value)
	}
	return all
}

// otherEpoch is a vault of the same city under another epoch key: what a thief of the store alone can build.
func otherEpoch(t *testing.T, w *world) *vault.Vault {
	t.Helper()
	disk, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem(), MemtableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	v, err := vault.New(vault.Config{City: testCity, Group: w.cfg.Group, Store: disk, EpochKey: filepath.Join(t.TempDir(), "epoch.key"), Names: noNames{}, Now: w.clock.Now, Log: w.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// usesOfEach are the numbers of several subjects' uses in the order of the log.
func (w *world) usesOfEach(t *testing.T, subjects ...int) [][]uint64 {
	t.Helper()
	all := make([][]uint64, len(subjects))
	for _, leaf := range w.log.of(t, tribune.ActRead) {
		for _, tag := range leaf.Tags {
			for i, no := range subjects {
				k := w.traceKey(t, subject(no))
				for n := uint64(1); n < 100; n++ {
					if protocol.UseTag(k, n) == tag {
						all[i] = append(all[i], n)
					}
				}
			}
		}
	}
	return all
}
