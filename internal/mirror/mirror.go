// Package mirror is a complete copy of a record, in tlog-tiles layout, and the only judge of whether another checkpoint
// continues it. Guardians keep one and co-sign what it has become; `tribune mirror` and `tribune watch` keep one, trusting
// nobody.
//
// Its owner calls Extend with a checkpoint whose log signature it has verified. Extend fetches the entry bundles up
// to that size from the hub, recomputes the tree from the entries alone, and only where the root fits are they stored,
// synced, and the head moved. What Extend promises when it returns nil: every leaf below the head is on this disk, the
// head is the tree of exactly these leaves, and it extends every earlier head. A smaller or different tree never
// becomes the head, not even after a crash at any point.
//
// On disk, under Config.Dir:
//
//	checkpoint             the head: the log's signed note, replaced by rename after everything it covers is synced
//	tile/entries/N[.p/W]   entry bundles: u16 length || entry, 256 to a bundle; of the unfinished one the last width
//	tile/L/N[.p/W]         hash tiles: 256 hashes of 32 bytes, level L covers tree levels 8L..8L+7
//
// Partial hash tiles are written without a sync: they are recomputed from the bundles at Open.
package mirror

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// MaxSize bounds the tree: beyond it tile paths and arithmetic are untested, and a forged size would make us fetch forever.
const MaxSize = 1 << 40

// Config is what a mirror needs.
type Config struct {
	Dir    string        // of the copy; created where missing
	Log    note.Verifier // the log's key; its name is the log's origin
	Fetch  Fetcher       // the hub's tiles
	Leaf   LeafFunc      // called once for each leaf, in order, from Open for stored ones and from Extend for new ones
	Keep   bool          // bundles fetched before a failure stay on disk for the next attempt; for those whose Fetch has proven them
	NoSync bool          // tests only: what an unsynced mirror would lose
}

// LeafFunc is told each leaf once. live is false while a stored copy is read at start. It runs under the mirror's lock:
// it must be quick and must not call the mirror.
type LeafFunc func(index uint64, leaf []byte, live bool)

// Fetcher reads a path below the log's root ("tile/entries/000"); fs.ErrNotExist where there is none.
type Fetcher func(ctx context.Context, path string) ([]byte, error)

// Head is the newest tree this mirror holds.
type Head struct {
	Size uint64
	Root tribune.Hash
	Note []byte // the log's signed checkpoint; nil for the empty tree
}

// Mirror is the copy. All methods are safe for concurrent use.
type Mirror struct {
	cfg     Config
	files   files
	extends chan struct{} // a lock one can give up waiting for: one Extend at a time
	broken  error         // guarded by extends: why no head may follow

	mu    sync.RWMutex // guards what follows: changed only by the holder of extends
	head  Head
	tree  tree
	moved chan struct{} // closed, and replaced, when the head moves
}

// Open reads the copy back and checks every stored byte against the stored head. A copy that does not fit its own head
// is an IntegrityError: its owner must not go on from it.
func Open(cfg Config) (*Mirror, error) {
	m := &Mirror{cfg: cfg, files: files{dir: cfg.Dir, sync: !cfg.NoSync}, extends: make(chan struct{}, 1), tree: newTree(), moved: make(chan struct{})}
	m.head.Root = tribune.Hash(rfc6962.DefaultHasher.EmptyRoot())
	if err := m.files.prepare(); err != nil {
		return nil, fmt.Errorf("opening mirror: %w", err)
	}
	head, ok, err := m.stored()
	if err != nil {
		return nil, fmt.Errorf("opening mirror: %w", err)
	}
	if !ok {
		return m, nil
	}
	if err := m.replay(head); err != nil {
		return nil, fmt.Errorf("opening mirror: %w", err)
	}
	return m, nil
}

// stored reads the head's note and checks the log's signature on it.
func (m *Mirror) stored() (Head, bool, error) {
	raw, ok, err := m.files.readHead()
	if err != nil || !ok {
		return Head{}, false, err
	}
	cp, _, _, err := log.ParseCheckpoint(raw, m.cfg.Log.Name(), m.cfg.Log)
	if err != nil || len(cp.Hash) != len(tribune.Hash{}) {
		return Head{}, false, &tribune.IntegrityError{What: "the stored head " + filepath.Join(m.cfg.Dir, headFile), Err: fmt.Errorf("%w: %v", tribune.ErrInvalid, err)}
	}
	return Head{Size: cp.Size, Root: tribune.Hash(cp.Hash), Note: raw}, true, nil
}

// replay rebuilds tree and index from the stored bundles.
func (m *Mirror) replay(head Head) error {
	for r := range layout.Range(0, head.Size, head.Size) {
		entries, err := m.files.readEntries(r.Index, head.Size)
		if err != nil {
			return &tribune.IntegrityError{What: fmt.Sprintf("stored entry bundle %d", r.Index), Err: err}
		}
		b := m.tree.extend(entries)
		if err := m.files.holds(b.full); err != nil {
			return err
		}
		m.tree = b.tree
		m.tell(r, entries, false)
	}
	if root := m.tree.root(); root != head.Root {
		return &tribune.IntegrityError{What: "the stored leaves", Err: fmt.Errorf("%w: they hash to %s, the head says %s", tribune.ErrInvalid, root, head.Root)}
	}
	m.files.writePartialTiles(m.tree.edge)
	m.head = head
	return nil
}

// tell passes the leaves of one range on.
func (m *Mirror) tell(r layout.RangeInfo, entries [][]byte, live bool) {
	for i, e := range entries[r.First:] {
		m.cfg.Leaf(r.Index*layout.EntryBundleWidth+uint64(r.First)+uint64(i), e, live)
	}
}

// Head is the newest tree held.
func (m *Mirror) Head() Head {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.head
}

// Await returns once the mirror holds size leaves, or ctx ends.
func (m *Mirror) Await(ctx context.Context, size uint64) error {
	for {
		m.mu.RLock()
		head, moved := m.head.Size, m.moved
		m.mu.RUnlock()
		if head >= size {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("waiting for leaf %d, the head is at %d: %w", size, head, ctx.Err())
		}
	}
}

// Extend makes the mirror hold the tree of a checkpoint whose log signature the caller has verified. It fails with
// tribune.ErrConflict where old is no longer the head's size, with tribune.ErrInvalid where the hub's leaves are not
// the tree its checkpoint names; then nothing has changed.
func (m *Mirror) Extend(ctx context.Context, old uint64, next Head) error {
	select {
	case m.extends <- struct{}{}:
		defer func() { <-m.extends }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.RLock()
	head, now := m.head, m.tree
	m.mu.RUnlock()
	switch {
	case m.broken != nil:
		return fmt.Errorf("the mirror stopped, start it anew once its disk is sound: %w", m.broken)
	case old != head.Size:
		return fmt.Errorf("%w: the head is at %d, not %d", tribune.ErrConflict, head.Size, old)
	case next.Size > MaxSize:
		return fmt.Errorf("%w: a tree of %d leaves", tribune.ErrTooLarge, next.Size)
	case next.Size < head.Size, next.Size == head.Size && next.Root != head.Root:
		return fmt.Errorf("%w: a tree of %d leaves with root %s does not extend the head", tribune.ErrInvalid, next.Size, next.Root)
	case next.Size == head.Size:
		return nil
	}

	next.Note = slices.Clone(next.Note)
	work, err := m.take(ctx, now, next)
	if err != nil {
		if !m.cfg.Keep {
			m.files.discard()
		}
		return err
	}
	if m.broken = m.advance(now, work, next); m.broken != nil {
		return m.broken
	}
	m.files.prune(now, work)
	return nil
}

// advance makes next the head, on disk and then in memory. Where it fails, nobody knows which head the disk has.
func (m *Mirror) advance(now, work tree, next Head) error {
	if err := m.files.writeHead(next.Note); err != nil {
		return fmt.Errorf("storing the head: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head, m.tree = next, work
	defer func(moved chan struct{}) { close(moved) }(m.moved)
	m.moved = make(chan struct{})
	for r := range layout.Range(now.size, next.Size-now.size, next.Size) {
		entries, err := m.files.readEntries(r.Index, next.Size)
		if err != nil {
			return &tribune.IntegrityError{What: fmt.Sprintf("entry bundle %d just stored", r.Index), Err: err}
		}
		m.tell(r, entries, true)
	}
	return nil
}

// take fetches, checks and durably stores what leads from the tree now to next. Bundles are handled one by one, so that
// catching up with a large log needs little memory, and stored before the root is known. That is harmless: the head
// alone says which files count, no file that counts is overwritten, and what does not fit is discarded.
func (m *Mirror) take(ctx context.Context, now tree, next Head) (tree, error) {
	work := now
	for r := range layout.Range(now.size, next.Size-now.size, next.Size) {
		entries, err := m.fetchEntries(ctx, r)
		if err != nil {
			return tree{}, err
		}
		if err := continues(r, entries, now); err != nil {
			return tree{}, err
		}
		b := work.extend(entries[r.First:])
		work = b.tree
		if err := m.files.writeEntries(r.Index, entries); err != nil {
			return tree{}, fmt.Errorf("storing entry bundle %d: %w", r.Index, err)
		}
		if err := m.files.writeTiles(b.full); err != nil {
			return tree{}, fmt.Errorf("storing hash tiles: %w", err)
		}
	}
	if root := work.root(); root != next.Root {
		return tree{}, fmt.Errorf("%w: the leaves served by the hub hash to %s, its checkpoint of %d leaves says %s", tribune.ErrInvalid, root, next.Size, next.Root)
	}
	m.files.writePartialTiles(work.edge)
	if err := m.files.settle(); err != nil {
		return tree{}, fmt.Errorf("syncing the mirror: %w", err)
	}
	return work, nil
}

// continues refuses a bundle whose first entries are not those already held: the tree is extended by the others only, so
// nothing else would notice that the stored bundle begins with other leaves.
func continues(r layout.RangeInfo, entries [][]byte, now tree) error {
	if r.First == 0 {
		return nil
	}
	held := now.edge[0].hashes
	for i, e := range entries[:r.First] {
		if !slices.Equal(rfc6962.DefaultHasher.HashLeaf(e), held[i*hashSize:(i+1)*hashSize]) {
			return fmt.Errorf("%w: leaf %d served by the hub is not the one co-signed before", tribune.ErrInvalid, r.Index*layout.EntryBundleWidth+uint64(i))
		}
	}
	return nil
}

// factory makes every compact range here; ranges of different factories do not merge.
func factory() *compact.RangeFactory {
	return &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
}

var _ http.Handler = (*Mirror)(nil)
