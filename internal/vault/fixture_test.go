package vault

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) add(d time.Duration) { c.set(c.Now().Add(d)) }

// morning is 05:00:00.9 UTC, late in its second: waiting for the next one takes a tenth of a second.
func morning() time.Time { return time.Date(2026, 11, 22, 5, 0, 0, 9e8, time.UTC) }

func second(hour, min, sec int) uint32 { return uint32(hour*3600 + min*60 + sec) }

// fixture is a vault with everything around it.
type fixture struct {
	*Vault
	dealer *dealer
	names  *evaluator
	clock  *clock
	store  store.Store
	disk   *vfs.MemFS
	key    string // path of the epoch key
}

// several is a store that spreads over partitions.
type several struct{ store.Store }

func (several) Partitions() uint16 { return 4 }

func newStore(t testing.TB, disk *vfs.MemFS) store.Store {
	t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: "store", FS: disk, MemtableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	disk := vfs.NewCrashableMem()
	d := newDealer(t)
	f := &fixture{
		dealer: d, names: &evaluator{d: d}, clock: &clock{t: morning().Add(-time.Hour)},
		store: newStore(t, disk), disk: disk, key: filepath.Join(t.TempDir(), "epoch.key"),
	}
	f.start(t)
	f.clock.set(morning())
	return f
}

func (f *fixture) config() Config {
	return Config{
		City: testCity, Group: f.dealer.group, Store: f.store, EpochKey: f.key, Names: f.names, Now: f.clock.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// start opens a vault on the fixture's store.
func (f *fixture) start(t testing.TB) {
	t.Helper()
	v, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	f.Vault = v
}

// crash loses the process and every unsynced byte, and starts again.
func (f *fixture) crash(t testing.TB) {
	t.Helper()
	f.disk = f.disk.CrashClone(vfs.CrashCloneCfg{})
	f.store = newStore(t, f.disk)
	f.start(t)
}

func subjectNo(i int) (p tribune.Pseudonym) {
	h := sha256.Sum256(fmt.Append(nil, "subject ", i))
	return tribune.Pseudonym(h[:16])
}

func item(entity, attr, clear string) tribune.Item {
	return tribune.Item{Entity: tribune.EntityID(entity), Attr: attr, Time: "2026-11-22T05:00:00.9Z", Clear: []byte(clear)}
}

// put seals one value and commits it, as the twin does.
func (f *fixture) put(t testing.TB, at tribune.Place, p tribune.Pseudonym, clear string) tribune.Sealed {
	t.Helper()
	sealed, writes, committed, err := f.Seal(t.Context(), at, tribune.Class{ID: testClass}, p, []tribune.Item{item("urn:e:1", "attr", clear)})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(store.Key("test", at, "value"), sealed[0].Value)
	b.Add(writes...)
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	committed()
	return sealed[0]
}

// mustOpen opens sealed values with exactly the keys they need now and compares.
func (f *fixture) mustOpen(t testing.TB, want []string, sealed ...tribune.Sealed) {
	t.Helper()
	got, err := f.Open(t.Context(), f.dealer.keysOf(t, f.Vault, f.clock.Now(), sealed...), sealed)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("value %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
