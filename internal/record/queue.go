package record

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"

	"tribune"
	"tribune/protocol"
)

// queue holds leaves until their batch. Batches go to Tessera one after another, so that the order of Enqueue is the
// order of the log and a failed batch takes everything behind it along: no leaf can get in front of a lost one.
type queue struct {
	mu      sync.Mutex
	waiting []*Pending
	closed  bool
	wake    chan struct{} // buffered by one: something was queued, or closed
	drained chan struct{} // closed when nothing is queued or under way any more
	broken  error         // an IntegrityError: nothing is appended any more
}

// Pending is a leaf on its way into the log.
type Pending struct {
	leaf  []byte
	done  chan struct{} // closed when index and err are set
	index uint64
	err   error
}

// Enqueue fixes the leaf's place in the order of the log and returns at once. A caller who must keep an order holds its
// lock around Enqueue, not around Wait. The leaf is not withdrawn when its caller goes away.
func (r *Record) Enqueue(leaf []byte) (*Pending, error) {
	if !r.Quorum() {
		return nil, r.noQuorum("appending leaf")
	}
	return r.enqueue(leaf)
}

func (r *Record) enqueue(leaf []byte) (*Pending, error) {
	if len(leaf) == 0 || len(leaf) > protocol.MaxLeaf {
		return nil, fmt.Errorf("appending leaf of %d bytes, want 1 to %d: %w", len(leaf), protocol.MaxLeaf, tribune.ErrTooLarge)
	}
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, fmt.Errorf("appending leaf: %w", errClosed)
	case q.broken != nil:
		return nil, fmt.Errorf("appending leaf: %w", q.broken)
	case len(q.waiting) >= maxQueue:
		return nil, tribune.Hint(fmt.Errorf("appending leaf: %d leaves wait already: %w", len(q.waiting), tribune.ErrBusy), "try again in a second")
	}
	p := &Pending{leaf: leaf, done: make(chan struct{})}
	q.waiting = append(q.waiting, p)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return p, nil
}

// Wait returns the leaf's index once it is integrated and durable. It may be called once or many times. When ctx ends first,
// the error matches tribune.ErrUncertain: the leaf goes its way.
func (p *Pending) Wait(ctx context.Context) (uint64, error) {
	select {
	case <-p.done:
		return p.index, p.err
	case <-ctx.Done():
		return 0, fmt.Errorf("appending leaf: %w: %w", tribune.ErrUncertain, ctx.Err())
	}
}

func (p *Pending) resolve(index uint64, err error) {
	p.index, p.err = index, err
	close(p.done)
}

// Append puts a leaf into the log and returns its index once it is integrated and durable. The order of calls is the
// order of the log. An error means that the leaf surely is not in the log, unless it matches tribune.ErrUncertain.
func (r *Record) Append(ctx context.Context, leaf []byte) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("appending leaf: %w", err)
	}
	p, err := r.Enqueue(leaf)
	if err != nil {
		return 0, err
	}
	return p.Wait(ctx)
}

// runQueue hands batches to Tessera until the record closes.
func (r *Record) runQueue() {
	defer close(r.queue.drained)
	var last time.Time
	for {
		batch, ok := r.nextBatch(last)
		if !ok {
			return
		}
		last = time.Now()
		r.integrate(batch)
	}
}

// nextBatch waits until something is queued, and then until BatchMaxAge has passed since the last batch or the batch is
// full: a leaf after a pause goes at once. It reports false when the record is closed and everything was handed over.
func (r *Record) nextBatch(last time.Time) ([]*Pending, bool) {
	q := &r.queue
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		q.mu.Lock()
		wait := time.Until(last.Add(BatchMaxAge))
		if n := len(q.waiting); n > 0 && (wait <= 0 || n >= BatchMaxSize || q.closed) {
			n = min(n, BatchMaxSize)
			batch := q.waiting[:n:n]
			q.waiting = q.waiting[n:]
			q.mu.Unlock()
			return batch, true
		} else if n == 0 && q.closed {
			q.mu.Unlock()
			return nil, false
		} else if n == 0 {
			wait = time.Hour // nothing to do until woken
		}
		q.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-q.wake:
		}
	}
}

// integrate hands one batch to Tessera and waits for it.
func (r *Record) integrate(batch []*Pending) {
	r.swap.RLock()
	defer r.swap.RUnlock()
	before := r.size.Load()
	futures := make([]tessera.IndexFuture, len(batch))
	for i, p := range batch {
		futures[i] = r.appender.Add(r.life, tessera.NewEntry(p.leaf))
	}
	next := before
	var failed error
	indexes, errs := make([]uint64, len(batch)), make([]error, len(batch))
	for i, future := range futures {
		at, err := future()
		switch {
		case err != nil:
			errs[i] = err
			failed = err
		case at.Index != next:
			failed = fmt.Errorf("%w: leaf at index %d, want %d", tribune.ErrUncertain, at.Index, next)
			r.fail("order of the log", failed)
			errs[i] = failed
		default:
			indexes[i] = at.Index
			next++
		}
	}
	if failed != nil {
		r.settle(next, errs)
	}
	r.grow(next)
	for i, p := range batch {
		p.resolve(indexes[i], errs[i])
	}
	if failed != nil {
		r.dropQueue(fmt.Errorf("a leaf before it was not written: %w", failed))
	}
}

// settle finds out what a failed batch left behind. Tessera makes a batch part of the log by one rename of its state; where
// that has happened although an error came back (the directory did not sync), memory and disk may disagree after a crash,
// and nothing more is appended until the log has been opened anew.
func (r *Record) settle(want uint64, errs []error) {
	size, err := r.reader.IntegratedSize(r.life)
	sure := err == nil && size == want
	if !sure {
		r.fail("state of the log after a failed write", fmt.Errorf("size %d, want %d: %w", size, want, errors.Join(errs...)))
	}
	for i, err := range errs {
		switch {
		case err == nil || errors.Is(err, tribune.ErrUncertain):
		case !sure:
			errs[i] = fmt.Errorf("appending leaf: %w: %w", tribune.ErrUncertain, err)
		case errors.Is(err, tessera.ErrPushback):
			errs[i] = fmt.Errorf("appending leaf: %w: %w", tribune.ErrBusy, err)
		default:
			errs[i] = fmt.Errorf("appending leaf: %w", err)
		}
	}
}

// fail stops the record: what was found is no bad input. Reading goes on. It returns the error to give to callers.
func (r *Record) fail(what string, err error) error {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	if r.queue.broken == nil {
		r.queue.broken = tribune.Hint(&tribune.IntegrityError{What: what, Err: err}, "stop the hub, keep a copy of the log's directory, then start again")
		r.log.Error("the record takes no more leaves", "err", r.queue.broken)
	}
	return r.queue.broken
}

// dropQueue fails everything queued: surely not in the log.
func (r *Record) dropQueue(err error) {
	r.queue.mu.Lock()
	waiting := r.queue.waiting
	r.queue.waiting = nil
	r.queue.mu.Unlock()
	for _, p := range waiting {
		p.resolve(0, fmt.Errorf("appending leaf: %w", err))
	}
}

// closeQueue refuses new leaves and waits for what is queued to be written: its callers were told its place.
func (r *Record) closeQueue(ctx context.Context) error {
	r.queue.mu.Lock()
	r.queue.closed = true
	r.queue.mu.Unlock()
	select {
	case r.queue.wake <- struct{}{}:
	default:
	}
	select {
	case <-r.queue.drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the last leaves are not on disk after %v: %w", CloseTimeout, ctx.Err())
	}
}
