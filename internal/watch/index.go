package watch

import (
	"context"
	"fmt"
	"sync"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

// shelf is the newest daily index that the copy gives, computed here. It is served like the hub's, to whoever would rather ask
// somebody else which uses of their data are on record.
type shelf struct {
	mu    sync.Mutex // guards both
	index *protocol.Index
	leaf  uint64
}

// Latest is the newest index computed from the copy, where it is the one on record.
func (c *Copy) Latest() (tagindex.Latest, bool) {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	if c.shelf.index == nil {
		return tagindex.Latest{}, false
	}
	return tagindex.Latest{IndexHead: c.shelf.index.IndexHead, Leaf: c.shelf.leaf}, true
}

// Index is that index.
func (c *Copy) Index(size uint64) (*protocol.Index, error) {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	if c.shelf.index == nil || c.shelf.index.Size != size {
		return nil, fmt.Errorf("%w: this copy serves the newest index only", tribune.ErrNotFound)
	}
	return c.shelf.index, nil
}

var _ tagindex.Source = (*Copy)(nil)

// build computes the index of the leaves below size. It takes 24 bytes a tag.
func (c *Copy) build(ctx context.Context, size uint64) (*protocol.Index, error) {
	var entries []protocol.IndexEntry
	for n := uint64(0); n*layout.EntryBundleWidth < size; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		leaves, err := c.mirror.Entries(n)
		if err != nil {
			return nil, fmt.Errorf("computing the index: %w", err)
		}
		for i, raw := range leaves {
			if l, err := protocol.DecodeLeaf(raw); err == nil {
				for _, t := range l.Tags {
					entries = append(entries, protocol.IndexEntry{Tag: t, Leaf: n*layout.EntryBundleWidth + uint64(i)})
				}
			}
		}
	}
	return protocol.NewIndex(size, entries)
}

// shelve computes the index of a leaf and keeps it where it is the one on record. fits says whether it is.
func (c *Copy) shelve(ctx context.Context, leaf uint64, public protocol.IndexLeaf) (fits bool, err error) {
	if public.Size > c.mirror.Head().Size {
		return false, nil
	}
	x, err := c.build(ctx, public.Size)
	if err != nil || x.IndexHead != public.IndexHead {
		return false, err
	}
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	c.shelf.index, c.shelf.leaf = x, leaf
	return true, nil
}

// checkIndex holds the newest index on record against the record.
func (r *reading) checkIndex(ctx context.Context) error {
	public, leaf := r.index, r.indexLeaf
	if public == nil {
		return nil
	}
	r.index = nil
	fits, err := r.w.Copy.shelve(ctx, leaf, *public)
	if ctx.Err() != nil {
		r.index = public
		return nil
	}
	if err != nil {
		return err
	}
	signed := 0
	for name, sig := range public.Signatures {
		if key, ok := r.w.Copy.guardianKey(name); ok && public.Verify(r.w.trust.Origin(), key, sig) == nil {
			signed++
		}
	}
	switch {
	case !fits:
		r.say(leaf, BadIndex, fmt.Sprintf("Leaf %d publishes an index of the first %d leaves with root %s; these leaves give another.", leaf, public.Size, public.Root), nil)
	case signed < max(r.laws.t, 1):
		r.say(leaf, BadIndex, fmt.Sprintf("Leaf %d publishes an index that %d guardians of the trust file have signed; %d are needed.", leaf, signed, max(r.laws.t, 1)), nil)
	}
	return nil
}
