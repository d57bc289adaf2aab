package pg

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tribune"
	"tribune/internal/store"
)

// Snapshot is a store.Snapshot: a repeatable-read transaction on a connection of its own.
type Snapshot struct {
	store *Store
	mu    sync.Mutex    // one query at a time
	conn  *pgxpool.Conn // nil once closed
}

// Snapshot is a view of one moment. It waits for a free connection, and is ErrBusy where none becomes free.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	wait := time.NewTimer(snapshotWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, tribune.Hint(fmt.Errorf("%d snapshots are open: %w", cap(s.slots), tribune.ErrBusy), "try again shortly, or allow more connections")
	}
	snap, err := s.begin(ctx)
	if err != nil {
		<-s.slots
		return nil, s.closedOr(err)
	}
	return snap, nil
}

func (s *Store) begin(ctx context.Context) (*Snapshot, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, sqlError("connecting to PostgreSQL", err)
	}
	var b pgx.Batch
	b.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	b.Queue(fmt.Sprintf(`SET LOCAL idle_in_transaction_session_timeout = %d`, snapshotIdle.Milliseconds()))
	b.Queue(`SELECT 1`) // the first query fixes the moment
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		discard(conn)
		return nil, sqlError("beginning a snapshot", err)
	}
	snap := &Snapshot{store: s, conn: conn}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() { // Close has already looked for open snapshots
		discard(conn)
		return nil, store.ErrClosed
	}
	s.snapshots[snap] = struct{}{}
	return snap, nil
}

// discard gives a connection back that is in an unknown state: it is closed.
func discard(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	_ = conn.Conn().Close(ctx) // its state is unknown already; the pool replaces it
	conn.Release()
}

// do runs f on the snapshot's connection. The caller's context is looked at before, not during it: an interrupted
// query would cost the connection, and with it the snapshot. A page is short.
func (s *Snapshot) do(ctx context.Context, f func(context.Context, querier) error) error {
	if err := s.store.usable(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	return f(ctx, s.conn)
}

// Get returns the value that key had.
func (s *Snapshot) Get(ctx context.Context, key []byte) (value []byte, err error) {
	err = s.do(ctx, func(ctx context.Context, q querier) (err error) {
		value, err = get(ctx, q, s.store.part(key), key)
		return err
	})
	return value, err
}

// Scan yields the pairs that were in r.
func (s *Snapshot) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		err := scan(ctx, s.store.partitions, r, yield, func(q page) (pairs []store.Pair, err error) {
			err = s.do(ctx, func(ctx context.Context, from querier) (err error) {
				pairs, err = q.read(ctx, from)
				return err
			})
			return pairs, err
		})
		if err != nil {
			yield(store.Pair{}, err)
		}
	}
}

// Close ends the transaction and frees its connection. Closing twice is harmless.
func (s *Snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	s.store.mu.Lock()
	delete(s.store.snapshots, s)
	s.store.mu.Unlock()
	defer func() { <-s.store.slots }()

	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, `COMMIT`); err != nil {
		discard(conn) // it was read only: nothing is lost, and the reader has what it read
		return nil
	}
	conn.Release()
	return nil
}
