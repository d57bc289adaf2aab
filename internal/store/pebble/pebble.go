// Package pebble is the embedded implementation of store.Store, on CockroachDB's Pebble, for one process and one
// directory. City opens it; rooms see only store.Store.
//
// It promises what storetest demands, and in particular:
//
//   - Commit checks its expectations and applies its operations under latches of all keys concerned, then waits for the
//     write-ahead log to be synced. The latches are free while it waits, so that concurrent commits share one sync.
//   - A reader sees data as soon as they are applied, which may be before their sync. Whoever acknowledges something on
//     the strength of what was read, not written, makes an empty Commit first: it returns when everything visible before
//     is durable. An ErrConflict is held back the same way until what it rests on is durable.
//   - Once a sync has failed nothing is acknowledged any more: what is on disk is unknown then, and memory must not
//     pretend otherwise. The process stops (Config.Fatal).
//
// Memory is bounded: the block cache, two memtables, and the batches in flight.
package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
)

// Defaults of Config. A hub that idles must stay under 250 MB with everything else it holds. The cache grows with what is read: that
// of a small store stays small. A million entities have 16 MB of filters and as much of indexes: where these do not stay in it every
// look-up of what is absent reads the disk.
//
// A memtable begins small and doubles to its size as it is written. Each that is flushed is merged into much of what there is, for writes
// fall anywhere: of 32 MB, merging rewrites half as much as of 16, and updates and creates take a fifth less processor time. Of 64 updates
// gain a little more, creates lose it again.
const (
	DefaultCacheBytes    = 128 << 20
	DefaultMemtableBytes = 32 << 20
)

const (
	memtables    = 2   // one is written, one is flushed; writers wait when both are full
	maxOpenFiles = 500 // well under the usual limit of 1,024 a process
	bloomBits    = 10  // per key: 1% false positives
	// l0Stop is the number of level-0 sublevels at which writers wait for compaction. Pebble's default of 12 stalls a burst
	// of updates that compaction would catch up with a second later.
	l0Stop = 40
	// format is pinned so that only a deliberate change makes a directory unreadable for an older binary.
	format = pebble.FormatTableFormatV6
)

// Config says where a store is and what it may use.
type Config struct {
	Dir           string
	FS            vfs.FS // nil = the disk
	CacheBytes    int64  // block cache; 0 = DefaultCacheBytes
	MemtableBytes uint64 // each of two; 0 = DefaultMemtableBytes
	Log           *slog.Logger

	// Fatal is called when the store can no longer keep its promises (a failed sync, a corrupt write path). It must not
	// return. nil = log and exit with status 1; a panic would not do, net/http recovers it.
	Fatal func(error)
}

// Store is a store.Store in one directory.
type Store struct {
	view
	db       *pebble.DB
	fatal    func(error)
	users    users
	latches  latches
	heads    heads
	stalls   *atomic.Uint64
	unsynced atomic.Int64 // commits that readers may see and whose sync is not confirmed

	mu        sync.Mutex
	snapshots map[*Snapshot]struct{} // open; Close closes them
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the store in cfg.Dir. A directory that another process, or this one, has open is a
// tribune.ErrConflict.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, fmt.Errorf("opening store: no directory given: %w", tribune.ErrInvalid)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	fatal := cfg.Fatal
	if fatal == nil {
		fatal = func(err error) {
			log.Error("store cannot go on", "error", err)
			os.Exit(1)
		}
	}
	stalls := &atomic.Uint64{}
	db, err := pebble.Open(cfg.Dir, options(cfg, logger{log: log, fatal: fatal, stalls: stalls}))
	if err != nil {
		return nil, openError(cfg.Dir, err)
	}
	if cfg.FS == nil {
		if err := os.Chmod(cfg.Dir, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("closing the store's directory to other users: %w", err), db.Close())
		}
	}
	s := &Store{db: db, fatal: fatal, stalls: stalls, snapshots: map[*Snapshot]struct{}{}}
	s.view = view{users: &s.users, from: db}
	s.latches.init()
	return s, nil
}

func options(cfg Config, log logger) *pebble.Options {
	o := &pebble.Options{
		FS:                          cfg.FS,
		CacheSize:                   cfg.CacheBytes,
		MemTableSize:                cfg.MemtableBytes,
		MemTableStopWritesThreshold: memtables,
		MaxOpenFiles:                maxOpenFiles,
		L0StopWritesThreshold:       l0Stop,
		FormatMajorVersion:          format,
		Logger:                      log,
		EventListener:               log.listener(),
	}
	if o.CacheSize <= 0 {
		o.CacheSize = DefaultCacheBytes
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = DefaultMemtableBytes
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
		o.Levels[i].FilterType = pebble.TableFilter
	}
	if o.FS == nil {
		o.WithFSDefaults() // warns of a slow disk
	}
	return o
}

func openError(dir string, err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, syscall.EAGAIN), strings.Contains(err.Error(), "lock held by current process"),
		errors.Is(err, syscall.EACCES) && !errors.As(err, &path): // fcntl's other word for a held lock
		err = fmt.Errorf("opening store %s: it is already open: %w", dir, tribune.ErrConflict)
		return tribune.Hint(err, "stop the other tribune that uses this directory, or choose another directory")
	case errors.Is(err, os.ErrPermission):
		return tribune.Hint(fmt.Errorf("opening store: %w", err), "let this user read and write %s", dir)
	case errors.Is(err, syscall.ENOSPC):
		return tribune.Hint(fmt.Errorf("opening store %s: %w", dir, err), "free space on this disk")
	case pebble.IsCorruptionError(err):
		err = &tribune.IntegrityError{What: "store " + dir, Err: err}
		return tribune.Hint(err, "keep the directory as it is for inspection and restore a backup")
	}
	return fmt.Errorf("opening store %s: %w", dir, err)
}

// Partitions is 1: one process, one disk.
func (s *Store) Partitions() uint16 { return 1 }

// Snapshot is a view of one moment.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.users.enter() {
		return nil, store.ErrClosed
	}
	defer s.users.leave()
	snap := &Snapshot{store: s, snap: s.db.NewSnapshot()}
	snap.view = view{users: &snap.users, from: snap.snap, keeps: true}
	s.mu.Lock()
	s.snapshots[snap] = struct{}{}
	s.mu.Unlock()
	return snap, nil
}

// Close waits for the calls under way, closes the snapshots left open, and releases the directory.
func (s *Store) Close() error {
	if !s.users.close() {
		return nil
	}
	s.mu.Lock()
	open := make([]*Snapshot, 0, len(s.snapshots))
	for snap := range s.snapshots {
		open = append(open, snap)
	}
	s.mu.Unlock()
	for _, snap := range open {
		if err := snap.Close(); err != nil {
			return fmt.Errorf("closing store: %w", err)
		}
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}

// Snapshot is a store.Snapshot.
type Snapshot struct {
	view
	store *Store
	snap  *pebble.Snapshot
	users users
}

// Close lets clean-up go on. Closing twice is harmless.
func (s *Snapshot) Close() error {
	if !s.users.close() {
		return nil
	}
	s.store.mu.Lock()
	delete(s.store.snapshots, s)
	s.store.mu.Unlock()
	var err error
	if it := s.spare.Swap(nil); it != nil {
		err = it.Close()
	}
	if err = errors.Join(err, s.snap.Close()); err != nil {
		return fmt.Errorf("closing snapshot: %w", err)
	}
	return nil
}
