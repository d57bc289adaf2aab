package vault

import (
	"context"
	"iter"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
)

// interrupted is a store in which something happens just after a scan has read.
type interrupted struct {
	store.Store
	after func()
}

func (s *interrupted) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		for pair, err := range s.Store.Scan(ctx, r) {
			if !yield(pair, err) {
				return
			}
		}
		if f := s.after; f != nil {
			s.after = nil
			f()
		}
	}
}

// Who is erased while the hourly look at who was erased is under way stays barred: else what arrives of them is taken, and nobody opens
// or deletes it.
func TestBarIsNotForgottenByALookThatWasUnderWay(t *testing.T) {
	f := newFixture(t)
	s := &interrupted{Store: f.store}
	cfg := f.config()
	cfg.Store = s
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	p, done := subjectNo(1), make(chan error, 1)
	s.after = func() {
		go func() { done <- v.Bar(t.Context(), p, tribune.DayOf(f.clock.Now())) }()
		time.Sleep(100 * time.Millisecond) // it is through, or waits for us
	}
	if err := v.readBars(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !v.Barred(p) {
		t.Error("who was erased today is not barred")
	}
}
