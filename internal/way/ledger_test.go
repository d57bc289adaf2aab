package way

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/record"
	"tribune/protocol"
	"tribune/verify"
)

// ledger is a log: an ordered slice. Published says up to where Await succeeds.
type ledger struct {
	mu       sync.Mutex
	leaves   [][]byte
	onAppend func(leaf []byte) (keep bool, err error) // nil = keep
	onAwait  func(index uint64) error                 // nil = published
	awaited  map[uint64]bool                          // published
}

func (l *ledger) Append(ctx context.Context, leaf []byte) (uint64, error) {
	l.mu.Lock()
	hook := l.onAppend
	l.mu.Unlock()
	keep, err := true, error(nil)
	if hook != nil {
		keep, err = hook(leaf)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if keep {
		l.leaves = append(l.leaves, slices.Clone(leaf))
	}
	if err != nil {
		return 0, err
	}
	return uint64(len(l.leaves) - 1), nil
}

func (l *ledger) Await(ctx context.Context, index uint64) (tribune.Receipt, error) {
	l.mu.Lock()
	hook := l.onAwait
	l.mu.Unlock()
	if hook != nil {
		if err := hook(index); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.awaited == nil {
		l.awaited = map[uint64]bool{}
	}
	l.awaited[index] = true
	return verify.Proof{Index: index, Checkpoint: []byte("a checkpoint\n")}.Marshal(), nil
}

func (l *ledger) Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error] {
	l.mu.Lock()
	leaves := slices.Clone(l.leaves)
	l.mu.Unlock()
	return func(yield func(record.Entry, error) bool) {
		for i := from; i < uint64(len(leaves)); i++ {
			if !yield(record.Entry{Index: i, Leaf: leaves[i]}, nil) {
				return
			}
		}
	}
}

func (l *ledger) hooks(onAppend func([]byte) (bool, error), onAwait func(uint64) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onAppend, l.onAwait = onAppend, onAwait
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.leaves)
}

func (l *ledger) raw() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.leaves)
}

// of are the leaves of one kind, in order.
func (l *ledger) of(t *testing.T, kind tribune.ActKind) (all []protocol.Leaf) {
	t.Helper()
	for _, raw := range l.raw() {
		leaf, err := protocol.DecodeLeaf(raw)
		if err != nil {
			t.Fatalf("a leaf on record cannot be read: %v", err)
		}
		if leaf.Act.Kind == kind {
			all = append(all, leaf)
		}
	}
	return all
}

// published reports whether the leaf is on record and was waited for.
func (l *ledger) published(leaf []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, have := range l.leaves {
		if bytes.Equal(have, leaf) {
			return l.awaited[uint64(i)]
		}
	}
	return false
}
