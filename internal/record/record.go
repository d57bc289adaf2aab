// Package record is where acts stand on record: an append-only log in C2SP tlog-tiles layout (Tessera on a POSIX
// directory), published only under the co-signatures of a quorum of guardians.
//
// The way appends leaves and waits for receipts; guardians and everybody else read the log through Handler. It promises:
//
//   - A leaf that Append returned an index for is on disk, synced, in the tree, and in the order of the calls.
//   - An error from Append means that the leaf is not in the log and never will be, unless it matches tribune.ErrUncertain:
//     whoever gave up waiting, or a disk that failed between writing and syncing.
//   - A receipt is given only for a checkpoint that this package has itself verified to carry the quorum.
//   - It opens and serves what it has without any guardian. Without a quorum it takes no new leaves (tribune.ErrNoQuorum),
//     apart from those on their way when the quorum was lost: they are published when guardians return.
//
// A leaf and its entry bundle are readable as soon as they are integrated, before publication: guardians fetch them
// before they co-sign.
package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/verify"
)

// Times and sizes of the log, with their reasons.
const (
	// BatchMaxSize and BatchMaxAge bound one integration. Each costs some ten synced files whatever its size, so younger batches
	// (10 ms) saturate the disk; older ones are felt by every reader of sealed data.
	BatchMaxSize = 512
	BatchMaxAge  = 100 * time.Millisecond

	// CheckpointInterval is the shortest time between checkpoints. Each asks every guardian for a co-signature.
	CheckpointInterval = 200 * time.Millisecond

	// RepublishInterval renews the co-signatures of a log that does not grow, so that a lost quorum is noticed before
	// the next act needs it.
	RepublishInterval = 30 * time.Second

	// WitnessTimeout is how long one checkpoint waits for a quorum. A guardian that is up answers in milliseconds; one
	// that catches up goes on in the background and signs a later checkpoint.
	WitnessTimeout = 2 * time.Second

	// PublishTimeout is how long an act waits for its checkpoint: one attempt that ran into WitnessTimeout and one that
	// succeeds. A person is waiting for the answer.
	PublishTimeout = 3 * time.Second

	// CloseTimeout bounds a clean end: the last batch, its publication, and open files.
	CloseTimeout = 5 * time.Second

	// tesseraBatchAge is Tessera's own batching below ours: long enough for one of our batches to be handed over in a
	// row, short against ours.
	tesseraBatchAge = 2 * time.Millisecond

	// maxQueue bounds leaves that wait for their batch: five seconds at 800 acts/s. Beyond it, ErrBusy.
	maxQueue = 4096
)

// errClosed is what calls after Close get.
var errClosed = errors.New("the record is closed")

// Config says where the log is, who signs it and who must co-sign it.
type Config struct {
	Dir       string // the log's own directory; made when missing. One process at a time.
	Origin    string // name of the log, first line of its checkpoints; must be the name in Key
	Key       string // note secret key of the log ("PRIVATE+KEY+...")
	Witnesses []Witness
	Quorum    int // co-signatures that publish, at least 1

	Transport      http.RoundTripper // to the guardians; nil = http.DefaultTransport
	Log            *slog.Logger      // nil = slog.Default(). Tessera's own log goes there too, at level Debug.
	PublishTimeout time.Duration     // 0 = PublishTimeout
	Republish      time.Duration     // 0 = RepublishInterval
}

// Witness is a guardian that is asked to co-sign.
type Witness struct {
	URL string // base of its C2SP tlog-witness; /add-checkpoint is appended
	Key string // its note verifier key: plain Ed25519 or cosignature/v1
}

// Record is an open log. It is safe for concurrent use.
type Record struct {
	cfg    Config
	log    *slog.Logger
	root   *os.Root // the directory, so that no path leads out of it
	unlock func() error

	swap     sync.RWMutex  // guards what follows, and cfg's guardians: written by Adopt, and held for reading while a batch is under way
	trust    *verify.Trust // the present guardians
	before   *verify.Trust // those before them; nil = there were none
	appender *tessera.Appender
	reader   tessera.LogReader
	shutdown func(context.Context) error
	halt     context.CancelFunc // ends this Tessera's goroutines

	shown    atomic.Pointer[[]byte] // see Shown
	stop     context.CancelFunc     // ends Tessera's and our goroutines
	life     context.Context
	wg       sync.WaitGroup // our goroutines
	closing  sync.Once
	closeErr error

	size  atomic.Uint64 // integrated leaves
	queue queue
	pub   publication
}

var _ tribune.Record = (*Record)(nil)

// Open opens or makes the log in cfg.Dir. It does not need guardians: where too few answer, the log can be read and
// Quorum reports false until they do. ctx bounds the opening only; Close ends the record.
func Open(ctx context.Context, cfg Config) (*Record, error) {
	r, err := prepare(cfg)
	if err != nil {
		return nil, fmt.Errorf("opening record: %w", err)
	}
	if err := r.open(ctx); err != nil {
		r.stop()
		r.wg.Wait()
		r.root.Close()
		r.unlock()
		return nil, fmt.Errorf("opening record: %w", err)
	}
	return r, nil
}

// prepare checks cfg and takes the directory, without starting anything.
func prepare(cfg Config) (*Record, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.PublishTimeout == 0 {
		cfg.PublishTimeout = PublishTimeout
	}
	if cfg.Republish == 0 {
		cfg.Republish = RepublishInterval
	}
	signer, err := note.NewSigner(cfg.Key)
	if err != nil { // the error must not show the key
		return nil, fmt.Errorf("%w: the log's key is not a note secret key", tribune.ErrInvalid)
	}
	if signer.Name() != cfg.Origin {
		return nil, fmt.Errorf("%w: the log's key is named %q, the log %q", tribune.ErrInvalid, signer.Name(), cfg.Origin)
	}
	policy, err := cfg.policy()
	if err != nil {
		return nil, err
	}
	trust, err := verify.ParseTrust(policy)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, stateDir), 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(cfg.Dir, lockFile))
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		unlock()
		return nil, err
	}
	r := &Record{cfg: cfg, log: cfg.Log.With("room", "record"), trust: trust, root: root, unlock: unlock}
	r.life, r.stop = context.WithCancel(context.Background())
	r.queue.wake, r.queue.drained = make(chan struct{}, 1), make(chan struct{})
	r.pub.wake = make(chan struct{}, 1)
	return r, nil
}

// start starts Tessera.
func (r *Record) start(ctx context.Context) error {
	policy, err := r.cfg.policy()
	if err != nil {
		return err
	}
	group, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return fmt.Errorf("%w: guardians: %w", tribune.ErrInvalid, err)
	}
	signer, err := note.NewSigner(r.cfg.Key)
	if err != nil {
		return fmt.Errorf("%w: the log's key is not a note secret key", tribune.ErrInvalid)
	}
	life, halt := context.WithCancel(r.life)
	r.halt = halt
	driver, err := posix.New(life, posix.Config{Path: r.cfg.Dir, HTTPClient: &http.Client{Transport: newCourier(life, r.cfg, r.trust, &r.shown)}})
	if err != nil {
		return err
	}
	opts := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(2*BatchMaxSize, tesseraBatchAge). // ours decides: its size limit must never cut one of our batches
		WithCheckpointInterval(CheckpointInterval).
		WithCheckpointRepublishInterval(r.cfg.Republish).
		WithPushback(2*BatchMaxSize).
		WithShutdownTimeout(CloseTimeout).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: WitnessTimeout})

	if err := r.create(ctx, driver, opts); err != nil {
		return err
	}
	if r.appender, r.shutdown, r.reader, err = tessera.NewAppender(life, driver, opts); err != nil {
		return fmt.Errorf("starting the log: %w", err)
	}
	return nil
}

// open starts Tessera and our two goroutines.
func (r *Record) open(ctx context.Context) error {
	routeTesseraLog(r.cfg.Log)
	if err := r.start(ctx); err != nil {
		return err
	}
	size, err := r.reader.IntegratedSize(ctx)
	if err != nil {
		return fmt.Errorf("reading the log's size: %w", err)
	}
	r.size.Store(size)
	if err := r.startPublication(); err != nil {
		return err
	}
	r.wg.Go(r.runQueue)
	r.wg.Go(r.runPublication)
	return nil
}

// create makes a new log. Tessera does that by publishing the checkpoint of the empty log, and fails where guardians do
// not co-sign it; the state that it has written by then is whole, and the next NewAppender goes on from it and publishes
// when guardians return. So the first start makes one throw-away appender, and a missing quorum is no error here.
func (r *Record) create(ctx context.Context, driver tessera.Driver, opts *tessera.AppendOptions) error {
	if r.exists(treeState) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, _, _, err := tessera.NewAppender(ctx, driver, opts)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !r.exists(treeState) {
		return fmt.Errorf("making the log: %w", err)
	}
	r.log.Warn("new log is not published: too few guardians co-signed", "err", err)
	return nil
}

func (r *Record) exists(path string) bool {
	_, err := r.root.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Close takes no more leaves, waits for those on their way to be integrated, gives their publication the time it needs
// when there is a quorum, and ends. The log can be opened again at once.
func (r *Record) Close() error {
	r.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
		defer cancel()
		if err := r.closeQueue(ctx); err != nil {
			r.closeErr = fmt.Errorf("closing record: %w", err)
			r.stop()
			return // the disk hangs, and with it a goroutine that still needs the directory and its lock
		}
		if r.Quorum() {
			// An error means that the last leaves are not published yet. They are safe, and will be at the next start.
			if err := r.shutdown(ctx); err != nil {
				r.log.Warn("closed before the last leaves were published", "err", err)
			}
		}
		r.stop()
		r.wg.Wait()
		r.closeErr = errors.Join(r.root.Close(), r.unlock())
	})
	return r.closeErr
}
