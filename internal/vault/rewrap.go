package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// rewrap walks over everything that is wrapped and wraps anew what is not under the newest key. It returns how much that was.
func (v *Vault) rewrap(ctx context.Context) (n int, err error) {
	var prefixes [][]byte
	for partition := range v.store.Partitions() {
		for _, kind := range [...]string{"h", "t", "v", "q"} {
			prefixes = append(prefixes, store.Key("vault", tribune.Place{Partition: partition}, kind))
		}
	}
	for _, prefix := range append(prefixes, v.rows...) {
		some, err := v.rewrapRows(ctx, prefix)
		n += some
		if err != nil {
			return n, err
		}
	}
	if v.elsewhere == nil {
		return n, nil
	}
	r := v.ring.Load()
	err = v.elsewhere(ctx, func(label string, wrapped []byte) ([]byte, error) {
		v.counts.looked.Add(1)
		if !r.stale(wrapped) {
			return nil, nil
		}
		data, err := r.unwrap(label, wrapped)
		if err != nil {
			v.damaged("outside of the store", err)
			return nil, nil
		}
		defer clear(data)
		n++
		v.counts.wrapped.Add(1)
		return r.wrap(label, data), nil
	})
	return n, err
}

// rewrapRows wraps the rows below a prefix anew, some at a time, and leaves the store as long to others.
func (v *Vault) rewrapRows(ctx context.Context, prefix []byte) (n int, err error) {
	r, from := v.ring.Load(), store.Prefix(prefix)
	for {
		begun, more := time.Now(), false
		var stale []store.Pair
		looked := 0
		for pair, err := range v.store.Scan(ctx, from) {
			if err != nil {
				return n, err
			}
			if looked++; looked > 16*rewrapBatch || len(stale) == rewrapBatch {
				more = true
				break
			}
			v.counts.looked.Add(1)
			from.From = append(append([]byte(nil), pair.Key...), 0)
			if r.stale(pair.Value) {
				stale = append(stale, store.Pair{Key: append([]byte(nil), pair.Key...), Value: append([]byte(nil), pair.Value...)})
			}
		}
		some, err := v.rewrapSome(ctx, r, stale)
		n += some
		if err != nil {
			return n, err
		}
		if !more {
			return n, ctx.Err()
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-time.After(time.Since(begun)):
		}
	}
}

// rewrapSome commits rows under the newest key; one that has changed or gone meanwhile is left to the next walk.
func (v *Vault) rewrapSome(ctx context.Context, r *ring, stale []store.Pair) (n int, err error) {
	var b store.Batch
	for _, pair := range stale {
		data, err := r.unwrap(string(pair.Key), pair.Value)
		if err != nil {
			v.damaged("a row of the store", err)
			continue
		}
		b.ExpectPrefix(pair.Key, pair.Value[:wrapHead]) // with its nonce: no other wrap begins so
		b.Put(pair.Key, r.wrap(string(pair.Key), data))
		clear(data)
	}
	if len(b.Ops) == 0 {
		return 0, nil
	}
	err = v.store.Commit(ctx, &b)
	if err == nil {
		v.counts.wrapped.Add(uint64(len(b.Ops)))
		return len(b.Ops), nil
	}
	if !errors.Is(err, tribune.ErrConflict) {
		return 0, err
	}
	for i := range b.Ops { // one of them: the others go by themselves
		one := store.Batch{Ops: b.Ops[i : i+1], Expects: b.Expects[i : i+1]}
		switch err := v.store.Commit(ctx, &one); {
		case err == nil:
			v.counts.wrapped.Add(1)
		case !errors.Is(err, tribune.ErrConflict):
			return n, err
		}
		n++ // the next walk looks again
	}
	return n, nil
}

// damaged notes what no key opens. It keeps nobody's erasure from becoming final.
func (v *Vault) damaged(what string, err error) {
	if v.counts.damaged.Add(1) == 1 {
		v.log.Error("wrapped data that no epoch key opens stay as they are", "what", what, "err", fmt.Errorf("unwrapping: %w", err))
	}
}

// handedPatience is how long header rows that were handed out can still arrive: a batch that failed never says so, and none takes so long.
const handedPatience = 5 * time.Minute

// handed knows which header rows are on their way to the store with the first values under them.
type handed struct {
	mu  sync.Mutex
	all map[*segment]*handout
}

type handout struct {
	batches int
	last    time.Time
}

// out notes that a segment's header goes with one more batch.
func (h *handed) out(s *segment, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[*segment]*handout{}
	}
	o := h.all[s]
	if o == nil {
		o = &handout{}
		h.all[s] = o
	}
	o.batches++
	o.last = now
}

// in notes that a batch with a segment's header is durable.
func (h *handed) in(s *segment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.all[s]; o != nil {
		if o.batches--; o.batches <= 0 {
			delete(h.all, s)
		}
	}
}

// under reports how many that of concerns are under way, and forgets those that can no longer be.
func (h *handed) under(now time.Time, of map[*segment]bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s, o := range h.all {
		switch {
		case now.Sub(o.last) > handedPatience:
			delete(h.all, s)
		case of[s]:
			n++
		}
	}
	return n
}

// settle waits until nothing that is on its way now, and that is concerned, can still arrive.
func (h *handed) settle(ctx context.Context, now func() time.Time, concerned func(*segment) bool) error {
	of := map[*segment]bool{}
	h.mu.Lock()
	for s := range h.all {
		of[s] = concerned(s)
	}
	h.mu.Unlock()
	for h.under(now(), of) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleLook):
		}
	}
	return nil
}
