// Package vault seals personal values as they arrive and opens them with keys that guardians released. The twin knows it
// as tribune.Sealer; the one way is its only other caller.
//
// # Segments
//
// Values of one subject and class are sealed under a data key (DEK) that lives in memory only, for one segment. A segment
// is named by the UTC second of the day at which it was opened; it ends 15 minutes later, at midnight, when an act
// needs it (CloseSegments), when memory is short, or with the process. The DEK is sealed at once to two identities, the
// segment's and the whole day's; both headers are one row of the store, which Seal asks its caller to write with the
// values. It asks again until one such batch is known to be durable, so a crash, or a batch that fails, loses nothing.
//
// Nothing is sealed to a closed segment: an identity whose key an act may have had must not gain values afterwards. So a
// segment takes the current second, or, where that is not later than the last segment of its subject and class, the
// next one after it. That happens only where a segment is opened, needed by an act and opened again within one second,
// in the first second of a process, which cannot know what its predecessor named, and after a clock was set back; arrival
// never waits for it. Since guardians refuse segments from the future, CloseSegments waits until a segment that is
// named a second ahead has begun; further ahead, the guardians' refusal tells. The last names are kept for
// MaxClosed subjects; beyond, one name for all. What this does not see is a clock set back across a restart, nor the
// open segments of another process on the same store: one store has one vault.
//
// A header row's key ends in a random number of its DEK. Two DEKs under one identity (a subject's values in two
// partitions, an eviction and a return within a second) are therefore two rows, and neither overwrites the other; Open
// tries the few there are.
//
// # At rest
//
// Header rows, trace keys and openings are wrapped by the epoch key, a file outside the store and its backups: without it
// the headers cannot even be tried, and destroying it erases. A wrapped value is
//
//	0x01 || epoch u32 || nonce12 || AES-256-GCM(epoch key, aad L(wrap) || label)
//
// where the label is its store key. The epoch number says which key, see rotate.go. Nonces are random: one epoch key is good for
// 2^32 wraps, a million subjects with a segment every quarter of an hour for a month.
//
// Rows, all in room "vault", tenant "" (a subject is the same in every tenant), and the partition of the values:
//
//	h | pseudonym | class | day u32, segment u32 | DEK number u64     wrapped segment header || wrapped day header
//	t | pseudonym                                                     wrapped D(trace ID)
//	t | pseudonym | quarter u64                                       wrapped D(hidden ID): see hidden.go
//	epoch                                                             protocol.EpochMark of the epoch key; of two while one follows the other
//	rotation, destroyed | epoch u64                                   how far that is, and when a key was destroyed (rotate.go)
//	n | pseudonym                                                     day u32: nothing of an erased subject is taken on it (erase.go)
//	v, q, x | ...                                                     single-use keys for vital interest (vital.go)
//
// # The end
//
// Expire deletes the headers of what is past its class's keeping time; nobody opens it then. Erase deletes those of one subject. Rotate goes
// over to a new epoch key and destroys the old one, so that no copy of the store from before opens any more, with or without guardians.
//
// # What it promises, and not
//
// DEKs, KEKs and released keys are overwritten after use; the key schedules of the AES library and copies the garbage
// collector made are not ours to overwrite. Names and their pseudonyms are cached in memory only. Who controls the
// running hub reads values as they arrive. A value is bound to its segment, entity, attribute and time, not to its tenant
// nor to being the latest: who may write to the store can put an old value back.
package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// NameEvaluator has t or more guardians evaluate blinded points under NAME.
type NameEvaluator interface {
	Evaluate(ctx context.Context, points [][]byte) ([]ibe.Partial, error)
}

// Config wires a Vault. City, Group, Store, EpochKey and Names are required.
type Config struct {
	City     string         // as in identities; the group's
	Group    protocol.Group // the guardians' roster with both public keys
	Store    store.Store
	EpochKey string   // path of the epoch key's file, made at first start; keep it out of the store's backups
	Rows     [][]byte // prefixes of the rows that other rooms keep by Keep
	// Elsewhere wraps anew what other rooms have wrapped by Wrap: again gives what takes the place of something, nil where it may
	// stay; or they do it by themselves. It returns when that is durable, and nothing that was wrapped before it was called is written after.
	Elsewhere func(ctx context.Context, again func(label string, wrapped []byte) ([]byte, error)) error
	Names     NameEvaluator
	Now       func() time.Time // nil = time.Now
	Log       *slog.Logger     // nil = slog.Default()
}

// Bounds, with their reasons.
const (
	MaxOpen     = 1 << 16          // open segments: 20 MB; the oldest is closed for the next, which costs its subject a new header
	MaxClosed   = 1 << 16          // subjects whose last segment name is kept
	MaxNames    = 1 << 16          // names cached, 10 MB
	maxNameSize = 1 << 10          // bytes of a name: a longer one is a mistake, and guardians would compute on it
	maxClass    = 256              // bytes of a class id: it is part of a store key
	maxField    = 0xffff           // lp() has two bytes for a length
	nameChunk   = 1 << 10          // blinded points in one request to the guardians
	sweepEvery  = 30 * time.Second // DEKs of idle subjects leave memory this much late at most
	ahead       = time.Second      // CloseSegments waits for a segment named that far ahead, and for none beyond
	daySkew     = 60 * time.Second // guardians' clocks may be that much behind: a day is past when it is past for them
)

// Vault is safe for concurrent use.
type Vault struct {
	city   string
	group  atomic.Pointer[protocol.Group] // see Adopt
	store  store.Store
	seal   *ibe.Master
	name   *ibe.NameMaster
	eval   NameEvaluator
	files  keyFiles
	ring   atomic.Pointer[ring]
	open   *table
	names  *names
	now    func() time.Time
	log    *slog.Logger
	notify atomic.Pointer[func(tribune.Pseudonym)]

	rows      [][]byte
	elsewhere func(context.Context, func(string, []byte) ([]byte, error)) error
	wrapping  sync.RWMutex  // read-held from wrapping to the row's commit, or to its header's being in handed
	noting    sync.Mutex    // guards the row "rotation" and who replaces ring and barred
	turn      chan struct{} // held by one rotation
	handed    handed
	counts    rotationCounts
	barred    atomic.Pointer[map[tribune.Pseudonym]uint32] // who was erased today
	vital     vitals

	stop  chan struct{}
	once  sync.Once
	swept sync.WaitGroup
}

var _ tribune.Sealer = (*Vault)(nil)

// New opens the vault. It fails, with a hint, where the store holds wrapped data and the epoch key's file does not fit.
func New(cfg Config) (*Vault, error) {
	if cfg.City == "" || cfg.City != cfg.Group.City {
		return nil, fmt.Errorf("%w: vault of city %q with the guardians of %q", tribune.ErrInvalid, cfg.City, cfg.Group.City)
	}
	if n := len(cfg.Group.Guardians); n == 0 || len(cfg.Group.Seal.Shares) != n || len(cfg.Group.Name.Shares) != n {
		return nil, fmt.Errorf("%w: roster of %d guardians with public shares of %d and %d", tribune.ErrInvalid, n, len(cfg.Group.Seal.Shares), len(cfg.Group.Name.Shares))
	}
	if cfg.Store == nil || cfg.Names == nil || cfg.EpochKey == "" {
		return nil, fmt.Errorf("%w: vault without store, name evaluator or epoch key", tribune.ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	v := &Vault{
		city: cfg.City, store: cfg.Store, eval: cfg.Names, now: cfg.Now, log: cfg.Log,
		open: newTable(cfg.Now(), MaxOpen, MaxClosed), names: newNames(MaxNames), stop: make(chan struct{}),
		files: keyFiles{cfg.EpochKey}, rows: cfg.Rows, elsewhere: cfg.Elsewhere, turn: make(chan struct{}, 1),
	}
	var err error
	if v.seal, err = ibe.NewMaster(cfg.Group.Seal.Key); err != nil {
		return nil, fmt.Errorf("guardians' SEAL key: %w", err)
	}
	if v.name, err = ibe.NewNameMaster(cfg.Group.Name.Key); err != nil {
		return nil, fmt.Errorf("guardians' NAME key: %w", err)
	}
	v.group.Store(&cfg.Group)
	if err := v.openEpochs(); err != nil {
		return nil, fmt.Errorf("epoch key: %w", err)
	}
	v.swept.Go(v.sweep)
	return v, nil
}

// openEpochs reads the epoch keys, heals what a crash has left of a rotation, and reads who was erased today.
func (v *Vault) openEpochs() error {
	ctx, cancel := context.WithTimeout(context.Background(), openEpochLimit)
	defer cancel()
	if err := v.files.sweep(); err != nil {
		return err
	}
	r, err := openEpoch(v.store, v.files)
	if err != nil {
		return err
	}
	v.ring.Store(r)
	if r.lost != 0 {
		v.log.Error("this store was copied while a rotation was under way, and the old epoch key is not here: what it wrapped stays closed", "epoch", r.lost)
	}
	if err := v.completeEpoch(ctx, r); err != nil {
		return err
	}
	if err := v.readBars(ctx); err != nil {
		return err
	}
	return v.readVital(ctx)
}

// Close forgets every open data key.
func (v *Vault) Close() error {
	v.once.Do(func() { close(v.stop) })
	v.swept.Wait()
	v.open.closeAll()
	return nil
}

func (v *Vault) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-tick.C:
			v.open.closeExpired(v.now())
			v.handed.under(v.now(), nil)
		}
	}
}

// OnNewSubject sets what is called when values of a subject without a trace key have become durable: at most once a
// segment, until there is one. It is called while others wait and must not block.
func (v *Vault) OnNewSubject(f func(tribune.Pseudonym)) { v.notify.Store(&f) }

// PutTrace keeps a subject's D(trace ID), wrapped. The caller has verified it.
func (v *Vault) PutTrace(ctx context.Context, p tribune.Pseudonym, d []byte) error {
	if len(d) != ibe.G1Size {
		return fmt.Errorf("%w: trace key of %d bytes, want %d", tribune.ErrInvalid, len(d), ibe.G1Size)
	}
	if err := v.Keep(ctx, v.traceKey(p), d); err != nil {
		return fmt.Errorf("keeping trace key: %w", err)
	}
	return nil
}

// TraceKey is a subject's D(trace ID), or ErrNotFound where the subject is not enrolled yet.
func (v *Vault) TraceKey(ctx context.Context, p tribune.Pseudonym) ([]byte, error) {
	key := v.traceKey(p)
	wrapped, err := v.store.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading trace key: %w", err)
	}
	return v.ring.Load().unwrap(string(key), wrapped)
}

func (v *Vault) traceKey(p tribune.Pseudonym) []byte {
	n := store.PartitionOf("", p.String(), v.store.Partitions())
	return store.Key("vault", tribune.Place{Partition: n}, "t", string(p[:]))
}

// headerPrefix begins the keys of the header rows of one segment.
func headerPrefix(partition uint16, id tribune.Identity) []byte {
	b := store.Key("vault", tribune.Place{Partition: partition}, "h", string(id.Pseudonym[:]), string(id.Class))
	return store.Uint(b, uint64(id.Day)<<32|uint64(id.Segment))
}

// wholeDay is the identity of the day in which segment lies.
func wholeDay(segment tribune.Identity) tribune.Identity {
	segment.Segment = tribune.WholeDay
	return segment
}

// enrolled reports whether a subject has a trace key.
func (v *Vault) enrolled(ctx context.Context, p tribune.Pseudonym) (bool, error) {
	_, err := v.store.Get(ctx, v.traceKey(p))
	if errors.Is(err, tribune.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for a trace key: %w", err)
	}
	return true, nil
}

// spread runs f for 0..n-1 over the cores; the first error, or the end of ctx, ends it.
func spread(ctx context.Context, n int, f func(context.Context, int) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, i) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
