package jsonld

import (
	"context"
	"sync"
	"time"
)

// flights lets all who want the same thing at the same time share one attempt at it. The attempt belongs to nobody: it goes
// on where the first who asked has left. Its outcome is kept by nobody either, a failure is gone with it.
type flights[T any] struct {
	mu    sync.Mutex
	going map[string]*flight[T]
}

type flight[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// do returns what work returns for key, at once with everybody else's who asks meanwhile.
func (f *flights[T]) do(ctx context.Context, key string, limit time.Duration, work func(context.Context) (T, error)) (T, error) {
	f.mu.Lock()
	one := f.going[key]
	if one == nil {
		one = &flight[T]{done: make(chan struct{})}
		if f.going == nil {
			f.going = map[string]*flight[T]{}
		}
		f.going[key] = one
		go f.fly(context.WithoutCancel(ctx), key, limit, one, work)
	}
	f.mu.Unlock()
	select {
	case <-one.done:
		return one.value, one.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

func (f *flights[T]) fly(ctx context.Context, key string, limit time.Duration, one *flight[T], work func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	one.value, one.err = work(ctx)
	f.mu.Lock()
	delete(f.going, key)
	f.mu.Unlock()
	close(one.done)
}
