package pebble

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"tribune"
	"tribune/internal/store"
)

// scanStride is how many steps a scan takes between two looks at its context.
const scanStride = 64

// view reads from the database or from one of its snapshots.
type view struct {
	users *users
	from  pebble.Reader

	keeps bool // from does not move: an iterator serves one scan after the other
	spare atomic.Pointer[pebble.Iterator]
}

// Get returns a copy of the value of key.
func (v *view) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !v.users.enter() {
		return nil, store.ErrClosed
	}
	defer v.users.leave()
	value, closer, err := v.from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, tribune.ErrNotFound
	}
	if err != nil {
		return nil, readError(err)
	}
	value = append(make([]byte, 0, len(value)), value...)
	if err := closer.Close(); err != nil {
		return nil, readError(err)
	}
	return value, nil
}

// Scan yields the pairs of r as they were when the scan began.
func (v *view) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		if err := v.scan(ctx, r, yield); err != nil {
			yield(store.Pair{}, err)
		}
	}
}

// scan returns nil where yield ended it.
func (v *view) scan(ctx context.Context, r store.Range, yield func(store.Pair, error) bool) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !v.users.enter() {
		return store.ErrClosed
	}
	defer v.users.leave()
	if r.Empty() {
		return nil
	}
	it, err := v.iterator(ctx, bounds(r))
	if err != nil {
		return readError(err)
	}
	stopped := false // a closing error after the loop was left has nobody to be told
	defer func() {
		if cerr := v.done(it); cerr != nil && err == nil && !stopped {
			err = readError(cerr)
		}
	}()
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	n := 0
	for ok := first(); ok; ok = next() {
		if n++; n%scanStride == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := store.Pair{Key: it.Key()}
		if !r.KeysOnly {
			if p.Value, err = it.ValueAndErr(); err != nil {
				return readError(err)
			}
		}
		if !yield(p, nil) {
			stopped = true
			return nil
		}
		if n == r.Limit {
			break
		}
	}
	if err := it.Error(); err != nil {
		return readError(err)
	}
	return nil
}

// iterator is the one that the last scan left, or a new one: to open it costs more than to read some rows.
func (v *view) iterator(ctx context.Context, o *pebble.IterOptions) (*pebble.Iterator, error) {
	it := v.spare.Swap(nil)
	if it == nil {
		return v.from.NewIterWithContext(ctx, o)
	}
	it.SetContext(ctx)
	it.SetBounds(o.LowerBound, o.UpperBound)
	return it, nil
}

// done leaves an iterator to the next scan, or closes it.
func (v *view) done(it *pebble.Iterator) error {
	if v.keeps && it.Error() == nil && v.spare.CompareAndSwap(nil, it) {
		return nil
	}
	return it.Close()
}

func bounds(r store.Range) *pebble.IterOptions {
	o := &pebble.IterOptions{}
	if len(r.From) > 0 {
		o.LowerBound = r.From
	}
	if len(r.To) > 0 {
		o.UpperBound = r.To
	}
	return o
}

func readError(err error) error {
	if pebble.IsCorruptionError(err) {
		return &tribune.IntegrityError{What: "store", Err: err}
	}
	return fmt.Errorf("reading store: %w", err)
}
