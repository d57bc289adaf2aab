package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"
	"time"

	"tribune"
	"tribune/verify"
)

const (
	// pollBusy is how often the checkpoint file is looked at while somebody waits for it: short against
	// CheckpointInterval, and a read of one small cached file.
	pollBusy = 20 * time.Millisecond
	// pollIdle is the same while nobody waits, to keep Quorum and Published true.
	pollIdle = 500 * time.Millisecond
)

// publication follows the published checkpoint. One goroutine reads it; whoever waits is served from there.
type publication struct {
	wake chan struct{} // buffered by one: somebody waits

	mu      sync.Mutex
	head    *head // nil until the log is published for the first time
	waiters map[*waiter]struct{}
	behind  time.Time // since when integrated leaves wait for a checkpoint; zero = none does
	lost    bool      // Quorum was false when last looked at; for the log only
	err     error     // an IntegrityError: nothing newer than head will be served
}

// head is a published checkpoint with the tree that it signs.
type head struct {
	*verify.Checkpoint
	tree *verify.Tree
	seen time.Time
}

type waiter struct {
	index uint64
	done  chan outcome // buffered by one
}

type outcome struct {
	receipt tribune.Receipt
	err     error
}

// Seal puts a leaf on record: Append, then Await.
func (r *Record) Seal(ctx context.Context, leaf []byte) (tribune.Receipt, error) {
	index, err := r.Append(ctx, leaf)
	if err != nil {
		return nil, err
	}
	return r.Await(ctx, index)
}

// Await returns the receipt of an appended leaf, without the leaf, as soon as a checkpoint that covers it is published
// under the quorum. After Config.PublishTimeout it gives up with tribune.ErrNoQuorum; the leaf stays, and is published when guardians
// return.
func (r *Record) Await(ctx context.Context, index uint64) (tribune.Receipt, error) {
	if index >= r.size.Load() {
		return nil, fmt.Errorf("leaf %d of %d: %w", index, r.size.Load(), tribune.ErrNotFound)
	}
	p := &r.pub
	w := &waiter{index: index, done: make(chan outcome, 1)}
	p.mu.Lock()
	if h := p.head; h != nil && index < h.Size {
		p.mu.Unlock()
		return h.receipt(index, nil)
	}
	if p.err != nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("publishing leaf %d: %w", index, p.err)
	}
	p.waiters[w] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiters, w)
		p.mu.Unlock()
	}()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	timeout := time.NewTimer(r.cfg.PublishTimeout)
	defer timeout.Stop()
	select {
	case o := <-w.done:
		return o.receipt, o.err
	case <-timeout.C:
		return nil, r.noQuorum(fmt.Sprintf("publishing leaf %d", index))
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for leaf %d to be published: %w", index, ctx.Err())
	case <-r.life.Done():
		return nil, fmt.Errorf("waiting for leaf %d to be published: %w", index, errClosed)
	}
}

// Published is the number of leaves under the published checkpoint.
func (r *Record) Published() uint64 {
	if h := r.published(); h != nil {
		return h.Size
	}
	return 0
}

// Checkpoint is the published checkpoint, a signed note; nil until there is one.
func (r *Record) Checkpoint() []byte {
	if h := r.published(); h != nil {
		return bytes.Clone(h.Note)
	}
	return nil
}

func (r *Record) published() *head {
	r.pub.mu.Lock()
	defer r.pub.mu.Unlock()
	return r.pub.head
}

// Quorum reports whether enough guardians co-sign at present: the log is published, no leaf has waited longer than
// PublishTimeout, and the checkpoint is renewed in time.
func (r *Record) Quorum() bool {
	r.pub.mu.Lock()
	defer r.pub.mu.Unlock()
	return r.pub.quorum(r.cfg)
}

func (p *publication) quorum(cfg Config) bool {
	return p.head != nil && p.err == nil &&
		time.Since(p.head.seen) < cfg.Republish+cfg.PublishTimeout+pollIdle &&
		(p.behind.IsZero() || time.Since(p.behind) < cfg.PublishTimeout)
}

func (r *Record) noQuorum(doing string) error {
	n, quorum := r.guardians()
	return tribune.Hint(fmt.Errorf("%s: fewer than %d of %d guardians co-sign: %w", doing, quorum, n, tribune.ErrNoQuorum),
		"public data go on; personal data open again when guardians can be reached. A leaf that is on its way is published then, and nothing was opened for it")
}

// grow tells that the log has size leaves.
func (r *Record) grow(size uint64) {
	r.size.Store(size)
	r.pub.mu.Lock()
	defer r.pub.mu.Unlock()
	if r.pub.behind.IsZero() && (r.pub.head == nil || size > r.pub.head.Size) {
		r.pub.behind = time.Now()
	}
}

// startPublication loads the checkpoint of the last run. Its guardians are taken to be there until PublishTimeout shows
// otherwise.
func (r *Record) startPublication() error {
	r.pub.waiters = map[*waiter]struct{}{}
	if err := r.follow(); err != nil {
		return corrupt("published checkpoint", err)
	}
	if h := r.pub.head; h != nil && h.Size > r.size.Load() {
		// To go on would write a second history over the one that guardians have signed.
		return corrupt("state of the log", fmt.Errorf("it holds %d leaves, but its checkpoint %d: part of it is an older copy", r.size.Load(), h.Size))
	}
	r.grow(r.size.Load())
	return nil
}

// runPublication looks for new checkpoints until the record closes.
func (r *Record) runPublication() {
	timer := time.NewTimer(pollIdle)
	defer timer.Stop()
	for {
		r.pub.mu.Lock()
		if lost := !r.pub.quorum(r.cfg); lost != r.pub.lost {
			r.pub.lost = lost
			r.log.Warn("quorum of guardians", "there", !lost, "published", r.pub.size(), "integrated", r.size.Load())
		}
		poll := pollIdle
		if len(r.pub.waiters) > 0 || !r.pub.behind.IsZero() {
			poll = pollBusy
		}
		r.pub.mu.Unlock()
		timer.Reset(poll)
		select {
		case <-r.life.Done():
			return
		case <-timer.C:
		case <-r.pub.wake:
			continue // somebody waits: poll faster from now on
		}
		if err := r.follow(); err != nil {
			err = r.fail("published checkpoint", err)
			r.pub.mu.Lock()
			r.pub.err = err
			r.pub.mu.Unlock()
			r.pub.serve(func(*waiter) (tribune.Receipt, error) { return nil, err }, math.MaxUint64)
			return
		}
	}
}

func (p *publication) size() uint64 {
	if p.head == nil {
		return 0
	}
	return p.head.Size
}

// follow reads the checkpoint file and, where it is new and verified, makes it the head and serves who waited for it. A
// checkpoint without the present quorum (the guardians were changed since) counts as none.
func (r *Record) follow() error {
	msg, err := verify.Dir(r.root.FS())("checkpoint")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	old := r.published()
	if old != nil && bytes.Equal(msg, old.Note) {
		return nil
	}
	c, ours, err := r.judge(msg)
	if !ours {
		return nil
	}
	if err != nil {
		if old == nil {
			r.log.Debug("checkpoint on disk does not count", "err", err)
			return nil
		}
		return err
	}
	tree, err := verify.OpenTree(c.Size, c.Root, verify.OrFull(verify.Dir(r.root.FS())))
	if err != nil {
		return err
	}
	if old != nil {
		if err := tree.Extends(old.Size, old.Root); err != nil {
			return err
		}
	}
	h := &head{Checkpoint: c, tree: tree, seen: time.Now()}
	r.pub.mu.Lock()
	r.pub.head = h
	r.pub.behind = time.Time{}
	if r.size.Load() > c.Size {
		r.pub.behind = h.seen // the next checkpoint has as long as this one had
	}
	r.pub.mu.Unlock()
	r.pub.serve(func(w *waiter) (tribune.Receipt, error) { return h.receipt(w.index, nil) }, c.Size)
	return nil
}

// serve answers every waiter below size.
func (p *publication) serve(answer func(*waiter) (tribune.Receipt, error), size uint64) {
	p.mu.Lock()
	var ready []*waiter
	for w := range p.waiters {
		if w.index < size {
			ready = append(ready, w)
			delete(p.waiters, w)
		}
	}
	p.mu.Unlock()
	for _, w := range ready {
		receipt, err := answer(w)
		w.done <- outcome{receipt, err}
	}
}
