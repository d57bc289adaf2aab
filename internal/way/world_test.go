package way

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/ibe"
	"tribune/internal/gate"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/vault"
	"tribune/law"
	"tribune/protocol"
)

const (
	testCity  = "birmingham.example"
	testClass = tribune.ClassID("parking-session")
	vocab     = "https://uri.etsi.org/ngsi-ld/default-context/"
)

// world is everything around a Way: the demo city's law behind a real gate, a real vault on a store in memory, four
// guardians who really compute, and a log that is a slice.
type world struct {
	court string   // its secret key
	audit string   // the secret key of the auditor of models
	salts [][]byte // open whom its warrant names: suspect alone
	*Way
	cfg    Config
	clock  *clock
	log    *ledger
	guards *guards
	gate   *gate.Gate
	vault  *watchedVault
	keys   map[tribune.ActorID]ed25519.PrivateKey
	words  *lockedBuffer // what was logged
	dir    string        // of the law
	epoch  string        // file of the epoch key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		clock: &clock{t: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}, log: &ledger{},
		keys: map[tribune.ActorID]ed25519.PrivateKey{}, words: &lockedBuffer{},
	}
	w.openGate(t)
	group, shares := deal(t)
	disk, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem(), MemtableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	logger := slog.New(slog.NewTextHandler(w.words, nil))
	w.epoch = filepath.Join(t.TempDir(), "epoch.key")
	w.vault = w.openVault(t, group, disk)
	w.guards = &guards{group: group, shares: shares, log: w.log, line: []int{1, 2, 3, 4}, bend: map[int]string{}, now: w.clock.Now}
	w.cfg = Config{
		Group: group, Gate: w.gate, Record: w.log, Vault: w.vault, Guardians: w.guards, Store: disk,
		Hub:    tribune.Caller{Actor: law.Hub, Office: "data-hub", Purpose: "keep-trace", Mandate: "trace-keeping-2026"},
		HubKey: w.keys[law.Hub], Now: w.clock.Now, Log: logger,
	}
	w.clock.add(time.Hour)
	w.start(t)
	return w
}

// openVault opens a vault as a process does that begins on a store.
func (w *world) openVault(t *testing.T, group protocol.Group, s store.Store) *watchedVault {
	t.Helper()
	v, err := vault.New(vault.Config{City: testCity, Group: group, Store: s, EpochKey: w.epoch, Rows: WrappedRows(), Names: noNames{}, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w.words, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return &watchedVault{Vault: v}
}

func (w *world) openGate(t *testing.T) {
	t.Helper()
	public := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Protection, law.Investigator, law.Hub, law.Dispatcher, law.OtherDispatcher} {
		public[a], w.keys[a], _ = ed25519.GenerateKey(nil)
	}
	steward, _, err := protocol.NewKey(testCity + "/steward")
	if err != nil {
		t.Fatal(err)
	}
	council, _, err := protocol.NewKey(testCity + "/council")
	if err != nil {
		t.Fatal(err)
	}
	court, _, err := protocol.NewKey(testCity + "/court")
	if err != nil {
		t.Fatal(err)
	}
	w.court = court
	registry, _, err := protocol.NewKey(testCity + "/registry")
	if err != nil {
		t.Fatal(err)
	}
	if w.audit, _, err = protocol.NewKey(testCity + "/model-auditor"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "law")
	w.dir = dir
	written, err := law.Write(dir, law.Config{City: testCity, Steward: steward, Council: council, Court: court, Registry: registry, Auditor: w.audit, Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Keys: public, Now: w.clock.Now(), Vital: true, HourlyFactor: 100, Named: []tribune.Pseudonym{suspect}})
	if err != nil {
		t.Fatal(err)
	}
	w.salts = written.Salts
	if w.gate, err = gate.New(gate.Config{Dir: dir, Trust: written.Trust, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	for i, a := range w.gate.Appointments() {
		if err := w.gate.SetAppointed(a.Actor, uint64(i), protocol.NewSalt()); err != nil {
			t.Fatal(err)
		}
	}
}

// start opens a Way over what there is. A Way that was there before is not closed: that is a crash.
func (w *world) start(t *testing.T) {
	t.Helper()
	one, err := New(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Way = one
	t.Cleanup(func() { one.Close() })
}

// seal stores one value of a subject, as the twin does.
func (w *world) seal(t *testing.T, p tribune.Pseudonym, clear string) tribune.Sealed {
	t.Helper()
	item := tribune.Item{Entity: "urn:ngsi-ld:ParkingSession:1", Attr: vocab + "refParking", Time: w.clock.Now().Format(time.RFC3339Nano), Clear: []byte(clear)}
	sealed, writes, committed, err := w.vault.Seal(t.Context(), tribune.Place{}, tribune.Class{ID: testClass}, p, []tribune.Item{item})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(store.Key("test", tribune.Place{}, "value"), sealed[0].Value)
	b.Add(writes...)
	if err := w.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	committed()
	w.clock.add(2 * time.Second) // a reading in the same second waits for the next
	return sealed[0]
}

func inspector() tribune.Caller {
	return tribune.Caller{Actor: law.Inspector, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"}
}

func (w *world) reading(sealed ...tribune.Sealed) tribune.Reading {
	now := w.clock.Now()
	return tribune.Reading{
		Caller: inspector(), Class: testClass, Attrs: []tribune.Name{vocab + "refParking"}, Sealed: sealed,
		Window: tribune.Window{From: now.AddDate(0, 0, -30), Until: now.Add(time.Second)},
	}
}

// prepare prepares a reading and signs it as its actor.
func (w *world) prepareSigned(t *testing.T, r tribune.Reading) (protocol.Act, []byte) {
	t.Helper()
	act, err := w.Prepare(t.Context(), r)
	if err != nil {
		t.Fatalf("preparing: %v", err)
	}
	return act, w.sign(t, act)
}

func (w *world) sign(t *testing.T, act protocol.Act) []byte {
	t.Helper()
	signature, err := act.Sign(w.keys[law.Inspector])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// read walks the whole way and checks what comes out.
func (w *world) read(t *testing.T, r tribune.Reading, want ...string) tribune.Receipt {
	t.Helper()
	act, signature := w.prepareSigned(t, r)
	values, receipt, err := w.Open(t.Context(), act.ID, signature)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	if len(values) != len(want) {
		t.Fatalf("got %d values, want %d", len(values), len(want))
	}
	for i := range want {
		if string(values[i]) != want[i] {
			t.Errorf("value %d: got %q, want %q", i, values[i], want[i])
		}
	}
	return receipt
}

// number is the use number under which a leaf's tag i stands, for a subject.
func (w *world) number(t *testing.T, p tribune.Pseudonym, tag tribune.Tag) uint64 {
	t.Helper()
	k := w.traceKey(t, p)
	for n := uint64(1); n < 1000; n++ {
		if protocol.UseTag(k, n) == tag {
			return n
		}
	}
	t.Fatalf("tag %s is of no use of that subject", tag)
	return 0
}

func (w *world) traceKey(t *testing.T, p tribune.Pseudonym) []byte {
	t.Helper()
	d, err := w.vault.TraceKey(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	k, err := protocol.TraceKey(d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// uses are the numbers of a subject's uses in the order of the log.
func (w *world) usesOf(t *testing.T, p tribune.Pseudonym) (all []uint64) {
	t.Helper()
	for _, leaf := range w.log.of(t, tribune.ActRead) {
		for _, tag := range leaf.Tags {
			all = append(all, w.number(t, p, tag))
		}
	}
	return all
}

func subject(i int) tribune.Pseudonym {
	h := sha256.Sum256(fmt.Append(nil, "subject ", i))
	return tribune.Pseudonym(h[:16])
}

// watchedVault counts what closes segments.
type watchedVault struct {
	*vault.Vault
	mu     sync.Mutex
	closed []tribune.Pseudonym
}

func (v *watchedVault) CloseSegments(class tribune.ClassID, subjects []tribune.Pseudonym) {
	v.mu.Lock()
	v.closed = append(v.closed, subjects...)
	v.mu.Unlock()
	v.Vault.CloseSegments(class, subjects)
}

type noNames struct{}

func (noNames) Evaluate(context.Context, [][]byte) ([]ibe.Partial, error) {
	return nil, errors.New("these tests name nobody")
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
