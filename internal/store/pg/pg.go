// Package pg is the implementation of store.Store on PostgreSQL 15 or newer. The store itself may be shared by several processes; a hub
// may not yet be (Alone). City opens it; rooms see only store.Store.
//
// All pairs are rows of one table, tribune_kv, that is list-partitioned by the partition in the key; bytea orders by
// bytes, as the contract does. It promises what storetest demands, and in particular:
//
//   - Commits of one process that wait at the same moment share a transaction (see committer); each batch still succeeds
//     or fails by itself. Rows that a batch expects are locked, expected absences are claimed by an insert, so that
//     several processes cannot both succeed on one expectation.
//   - Readers see committed rows only, and PostgreSQL shows a transaction only when its log is on disk: what is read is
//     durable. synchronous_commit is set on every connection; a server with fsync=off is refused.
//   - A scan outside a snapshot is read in pages, each of one moment; a scan of a snapshot is of one moment throughout.
//   - The URL's secrets never appear in an error.
package pg

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tribune"
	"tribune/internal/store"
)

// Defaults and bounds of Config.
const (
	DefaultPartitions = 16
	MaxPartitions     = 256 // each is a table with an index; more cost every plan that spans them
	DefaultConns      = 16
)

const (
	minConns      = 4                // commits, a snapshot, and readers beside them
	openTimeout   = 30 * time.Second // a server that starts after the hub has this long to answer
	snapshotWait  = 10 * time.Second // for a free snapshot; longer means that somebody forgets to close them
	snapshotIdle  = 5 * time.Minute  // the server ends a snapshot that nobody reads: it holds back vacuum
	readTimeout   = 30 * time.Second // of a page within a snapshot, which a caller's context does not interrupt
	commitTimeout = 30 * time.Second // of a transaction, lock waits included
)

// Config says which database a store is in and what it may use.
type Config struct {
	URL        string // postgres://user:password@host/database?sslmode=verify-full; holds a secret
	Partitions uint16 // 0 = as the database was made, DefaultPartitions if it is new; fixed from then on
	Conns      int32  // connections at most; 0 = DefaultConns. Half of them may be snapshots
}

// Store is a store.Store in one PostgreSQL database.
type Store struct {
	pool       *pgxpool.Pool
	partitions uint16
	committers []*committer
	slots      chan struct{} // one per open snapshot
	closed     atomic.Bool

	mu        sync.Mutex
	snapshots map[*Snapshot]struct{} // open; Close closes them
	alone     *pgx.Conn              // holds the lock of Alone; nil = not asked for
}

var _ store.Store = (*Store)(nil)

// Open connects, and creates the tables where the database has none.
func Open(ctx context.Context, cfg Config) (*Store, error) { return open(ctx, cfg, "on") }

// open takes the value of synchronous_commit, so that a test can show what a store without it loses.
func open(ctx context.Context, cfg Config, synchronous string) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	pool, err := connect(ctx, cfg, synchronous)
	if err != nil {
		return nil, err
	}
	partitions, err := prepare(ctx, pool, cfg.Partitions)
	if err != nil {
		pool.Close()
		return nil, err
	}
	s := &Store{
		pool:       pool,
		partitions: partitions,
		slots:      make(chan struct{}, pool.Config().MaxConns/2),
		snapshots:  map[*Snapshot]struct{}{},
	}
	for range min(committers, int(partitions)) {
		s.committers = append(s.committers, startCommitter(s))
	}
	return s, nil
}

func connect(ctx context.Context, cfg Config, synchronous string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The parser's error may quote the URL, password and all.
		return nil, tribune.Hint(fmt.Errorf("the URL of the PostgreSQL database cannot be read: %w", tribune.ErrInvalid),
			"write it as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, special characters in the password as %%XX")
	}
	pc.MaxConns = cfg.Conns
	if pc.MaxConns == 0 {
		pc.MaxConns = DefaultConns
	}
	if pc.MaxConns < minConns {
		return nil, fmt.Errorf("%d PostgreSQL connections, at least %d are needed: %w", cfg.Conns, minConns, tribune.ErrInvalid)
	}
	for name, value := range map[string]string{
		"application_name":   "tribune",
		"synchronous_commit": synchronous,
		"client_encoding":    "UTF8",
		"enable_seqscan":     "off", // every access is by key; without statistics the planner would read a young table whole
		"jit":                "off", // costs more than these statements
	} {
		pc.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, sqlError("connecting to PostgreSQL", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		err = sqlError("connecting to PostgreSQL", err)
		if tribune.HintOf(err) == "" {
			err = tribune.Hint(err, "check that PostgreSQL runs and that host, user, password and database in the URL are right")
		}
		return nil, err
	}
	return pool, nil
}

// Partitions is fixed when the database is made.
func (s *Store) Partitions() uint16 { return s.partitions }

// part is the table partition of a key.
func (s *Store) part(key []byte) int32 {
	n, _ := store.PartitionIn(key)
	return int32(n % s.partitions)
}

// Close lets commits under way finish, ends the snapshots left open, and disconnects.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	for _, c := range s.committers {
		c.stop()
	}
	s.mu.Lock()
	open := make([]*Snapshot, 0, len(s.snapshots))
	for snap := range s.snapshots {
		open = append(open, snap)
	}
	alone := s.alone
	s.mu.Unlock()
	var errs []error
	if alone != nil {
		errs = append(errs, alone.Close(context.Background()))
	}
	for _, snap := range open {
		errs = append(errs, snap.Close())
	}
	s.pool.Close() // waits for the reads under way
	return errors.Join(errs...)
}

// sqlError wraps what PostgreSQL or the connection to it answered. The server's detail field is left out: it may quote
// keys and values.
func sqlError(doing string, err error) error {
	wrapped := fmt.Errorf("%s: %w", doing, err)
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return wrapped
	}
	switch pe.Code {
	case "53300", "57P03": // too many connections; starting up
		return tribune.Hint(fmt.Errorf("%s: %s: %w", doing, pe.Message, tribune.ErrBusy), "raise max_connections on the server, or try again shortly")
	case "53100": // disk full
		return tribune.Hint(wrapped, "free space on the disk of the PostgreSQL server")
	case "25006": // read-only transaction
		return tribune.Hint(wrapped, "this server is a standby: name the primary in the URL")
	case "28000", "28P01", "3D000": // user, password, database
		return tribune.Hint(wrapped, "check user, password and database in the URL")
	case "42501": // privilege
		return tribune.Hint(wrapped, "let this user create tables in the database: GRANT CREATE ON SCHEMA public")
	case "XX001", "XX002": // corrupt data, corrupt index
		return &tribune.IntegrityError{What: "PostgreSQL", Err: wrapped}
	}
	return wrapped
}

// closedOr is store.ErrClosed where the store was closed meanwhile, else err.
func (s *Store) closedOr(err error) error {
	if err != nil && s.closed.Load() && !errors.Is(err, pgx.ErrNoRows) {
		return store.ErrClosed
	}
	return err
}
