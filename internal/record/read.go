package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/verify"
)

// Entry is one leaf with its place in the log.
type Entry struct {
	Index uint64
	Leaf  []byte
}

// Size is the number of integrated leaves, published or not.
func (r *Record) Size() uint64 { return r.size.Load() }

// Leaf is the leaf at index, published or not.
func (r *Record) Leaf(ctx context.Context, index uint64) ([]byte, error) {
	size := r.size.Load()
	if index >= size {
		return nil, fmt.Errorf("leaf %d of %d: %w", index, size, tribune.ErrNotFound)
	}
	leaves, err := r.bundle(index/layout.EntryBundleWidth, size)
	if err != nil {
		return nil, err
	}
	return leaves[index%layout.EntryBundleWidth], nil
}

// Range yields the leaves from index on that are integrated when it starts, published or not, and ends after the first
// error. The leaves are what is on disk; Receipt proves them.
func (r *Record) Range(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		size := r.size.Load()
		for at := from; at < size; {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, fmt.Errorf("reading leaf %d: %w", at, err))
				return
			}
			leaves, err := r.bundle(at/layout.EntryBundleWidth, size)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, leaf := range leaves[at%layout.EntryBundleWidth:] {
				if !yield(Entry{Index: at, Leaf: leaf}, nil) {
					return
				}
				at++
			}
		}
	}
}

// bundle reads the n-th entry bundle as of a size that the log has had.
func (r *Record) bundle(n, size uint64) ([][]byte, error) {
	width := layout.PartialTileSize(0, n, size)
	path := layout.EntriesPath(n, width)
	raw, err := verify.OrFull(verify.Dir(r.root.FS()))(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, corrupt("entries on disk", err)
		}
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	leaves, err := verify.ParseBundle(raw)
	if err != nil {
		return nil, corrupt(path, err)
	}
	want := int(width)
	if width == 0 {
		want = layout.EntryBundleWidth
	}
	if len(leaves) != want {
		return nil, corrupt(path, fmt.Errorf("%d entries, want %d", len(leaves), want))
	}
	return leaves, nil
}
