package pg

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tribune"
	"tribune/internal/store"
)

const (
	committers = 2       // at most; each has its share of the partitions
	queueLen   = 256     // batches that wait; more wait in Commit
	groupLen   = 256     // batches in one transaction
	groupBytes = 1 << 20 // of keys and values in one transaction, unless one batch is larger
)

// committer turns batches that wait at the same moment into one transaction, so that they share its round trips and its
// sync. It does not wait for more: while one transaction is under way, the next group gathers by itself.
type committer struct {
	store *Store
	queue chan *request
	quit  chan struct{} // closed by stop
	done  chan struct{} // closed when the goroutine has ended
}

// request is one batch on its way.
type request struct {
	batch *store.Batch
	taken atomic.Bool // by the committer, or by a caller that gave up
	err   chan error  // buffered
}

func startCommitter(s *Store) *committer {
	c := &committer{
		store: s,
		queue: make(chan *request, queueLen),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	go c.run()
	return c
}

// stop lets what is queued be committed, then ends the committer.
func (c *committer) stop() {
	close(c.quit)
	<-c.done
}

// Commit applies b atomically and returns when it is durable. Keys and values may be reused afterwards.
func (s *Store) Commit(ctx context.Context, b *store.Batch) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := b.Check(); err != nil {
		return err
	}
	if len(b.Ops) == 0 && len(b.Expects) == 0 {
		return nil // what can be read is durable
	}
	c := s.committers[int(s.partOf(b))%len(s.committers)]
	r := &request{batch: b, err: make(chan error, 1)}
	select {
	case c.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return store.ErrClosed
	}
	return c.await(ctx, r)
}

// await returns what became of r. Once the committer has taken it, its buffers are in use and it is waited for.
func (c *committer) await(ctx context.Context, r *request) error {
	select {
	case err := <-r.err:
		return err
	case <-ctx.Done():
		if !r.taken.Swap(true) {
			return ctx.Err() // surely not applied
		}
	case <-c.done:
		if !r.taken.Swap(true) {
			return store.ErrClosed
		}
	}
	return <-r.err
}

func (s *Store) partOf(b *store.Batch) int32 {
	if len(b.Ops) > 0 {
		return s.part(b.Ops[0].Key)
	}
	return s.part(b.Expects[0].Key)
}

func (c *committer) run() {
	defer close(c.done)
	for {
		select {
		case r := <-c.queue:
			c.commit(c.gather(r))
		case <-c.quit:
			for {
				select {
				case r := <-c.queue:
					c.commit(c.gather(r))
				default:
					return
				}
			}
		}
	}
}

// gather takes first and what is queued behind it, up to the bounds of a group.
func (c *committer) gather(first *request) (taken []*request) {
	size := 0
	for r := first; ; {
		if !r.taken.Swap(true) {
			taken = append(taken, r)
			size += bytesOf(r.batch)
		}
		if len(taken) >= groupLen || size >= groupBytes {
			return taken
		}
		select {
		case r = <-c.queue:
		default:
			return taken
		}
	}
}

func bytesOf(b *store.Batch) (n int) {
	for i := range b.Ops {
		n += len(b.Ops[i].Key) + len(b.Ops[i].Value)
	}
	return n
}

const (
	maxAttempts = 8                     // of a transaction that another process's locks have made fail
	retryPause  = 10 * time.Millisecond // times the attempt
)

// commit runs the group as one transaction and answers every request. A transaction that surely did not take effect
// because of others' locks is tried again.
func (c *committer) commit(taken []*request) {
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	var g *group
	var err error
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		g = newGroup(c.store, taken)
		if err = g.run(ctx); err == nil || !retryable(err) {
			break
		}
		time.Sleep(time.Duration(attempt) * retryPause)
	}
	for i, r := range taken {
		switch {
		case err == nil && g.failed[i]:
			r.err <- tribune.ErrConflict
		case err != nil && retryable(err):
			r.err <- errors.Join(tribune.ErrBusy, err)
		default:
			r.err <- err
		}
	}
}

// errMoved says that a row came or went between two statements of a group.
var errMoved = errors.New("a row moved under the transaction")

// retryable errors say that the transaction had no effect and may have one next time.
func retryable(err error) bool {
	if errors.Is(err, errMoved) || pgconn.SafeToRetry(err) {
		return true
	}
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40P01" || pe.Code == "40001") // deadlock, serialization failure
}
