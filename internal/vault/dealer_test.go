package vault

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/protocol"
)

const (
	testCity  = "birmingham.example"
	testClass = tribune.ClassID("parking-session")
)

// dealer knows everything: tests only.
type dealer struct {
	group protocol.Group
	seal  []*ibe.SealShare
	name  []*ibe.NameShare
}

// order of the group, from the standard.
func groupOrder() *big.Int {
	r, _ := new(big.Int).SetString("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", 16)
	return r
}

// shares are those of a random-looking line through a secret: threshold 2. The first is the secret itself.
func shares(seed string, n int) [][]byte {
	r := groupOrder()
	coefficient := func(i int) *big.Int {
		h := sha256.Sum256(fmt.Appendf(nil, "%s/%d", seed, i))
		return new(big.Int).Mod(new(big.Int).SetBytes(h[:]), r)
	}
	secret, slope := coefficient(0), coefficient(1)
	var out [][]byte
	for x := 0; x <= n; x++ {
		s := new(big.Int).Mul(slope, big.NewInt(int64(x)))
		out = append(out, s.Add(s, secret).Mod(s, r).FillBytes(make([]byte, 32)))
	}
	return out
}

func newDealer(t testing.TB) *dealer {
	t.Helper()
	const n = 4
	d := &dealer{group: protocol.Group{City: testCity, N: n, T: 2, W: 3, Epoch: 1}}
	for i, b := range shares("seal", n) {
		s, err := ibe.NewSealShare(b)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.group.Seal.Key = s.Public()
			continue
		}
		d.seal, d.group.Seal.Shares = append(d.seal, s), append(d.group.Seal.Shares, s.Public())
	}
	for i, b := range shares("name", n) {
		s, err := ibe.NewNameShare(b)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.group.Name.Key = s.Public()
			continue
		}
		d.name, d.group.Name.Shares = append(d.name, s), append(d.group.Name.Shares, s.Public())
		d.group.Guardians = append(d.group.Guardians, protocol.Member{Index: i, Name: fmt.Sprintf("guardian-%d.example", i)})
	}
	return d
}

// keys are what the guardians 1 and 3 would release for identities.
func (d *dealer) keys(t testing.TB, ids ...tribune.Identity) map[tribune.Identity][]byte {
	t.Helper()
	parts := []ibe.Partial{{Index: 1}, {Index: 3}}
	var raw [][]byte
	for _, id := range ids {
		raw = append(raw, id.Bytes(testCity))
		for i := range parts {
			p, err := ibe.PartialKey(d.seal[parts[i].Index-1], id.Bytes(testCity))
			if err != nil {
				t.Fatal(err)
			}
			parts[i].Points = append(parts[i].Points, p)
		}
	}
	points, _, err := ibe.Combine(d.group.Seal.Key, d.group.Seal.Shares, d.group.T, raw, parts)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[tribune.Identity][]byte{}
	for i, id := range ids {
		keys[id] = points[i]
	}
	return keys
}

// keysOf are the keys of everything the sealed values need at a time.
func (d *dealer) keysOf(t testing.TB, v *Vault, now time.Time, sealed ...tribune.Sealed) map[tribune.Identity][]byte {
	t.Helper()
	var ids []tribune.Identity
	for _, s := range v.Identities(now, sealed) {
		ids = append(ids, s.IDs...)
	}
	return d.keys(t, ids...)
}

// evaluator is the guardians' side of NAME. It counts calls and points.
type evaluator struct {
	d *dealer

	mu     sync.Mutex
	calls  int
	points int
	before func(ctx context.Context) error // called in every call, may be nil
	bend   func([]ibe.Partial)             // changes the answer, may be nil
}

func (e *evaluator) Evaluate(ctx context.Context, points [][]byte) ([]ibe.Partial, error) {
	e.mu.Lock()
	e.calls++
	e.points += len(points)
	before, bend := e.before, e.bend
	e.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	parts := []ibe.Partial{{Index: 2}, {Index: 4}, {Index: 1}}
	for i := range parts {
		for _, point := range points {
			p, err := ibe.EvaluateBlinded(e.d.name[parts[i].Index-1], point)
			if err != nil {
				return nil, err
			}
			parts[i].Points = append(parts[i].Points, p)
		}
	}
	if bend != nil {
		bend(parts)
	}
	return parts, nil
}

func (e *evaluator) asked() (calls, points int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls, e.points
}

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
