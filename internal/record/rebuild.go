package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/verify"
)

// A log that comes back from a backup is older than what guardians have co-signed. To append to it would write a second history,
// which they refuse; so before such a log is opened it is rebuilt: its leaves from the backup, all later ones from the
// guardians' mirrors, every byte held against the trees that the log has signed.

const (
	// rebuildWindow is how many leaves are integrated at a time: each integration costs some ten synced files whatever its size, and
	// a leaf is at most 64 KB of memory.
	rebuildWindow = 2048
	// rebuildAge is how long the last window, which is not full, waits for more.
	rebuildAge = 10 * time.Millisecond
	// rebuildQuiet is longer than a rebuild: the checkpoints of a log that is not whole are of no use to anybody.
	rebuildQuiet = 24 * time.Hour
)

// Copy is one place where leaves of the log, in tlog-tiles layout, can be read again: a backup or a guardian's mirror.
type Copy struct {
	Name       string
	Size       uint64 // leaves it holds; 0 = as many as its checkpoint says
	Checkpoint []byte // a checkpoint of the log it has; nil = none. It need not carry a quorum
	Fetch      verify.Fetch
}

// Rebuild makes the log in cfg.Dir hold every leaf that any of copies has, and returns how many there are. Leaves are gathered in
// the directory scratch first and held against every copy's checkpoint: copies that are not prefixes of one history are an IntegrityError, and
// cfg.Dir is untouched. Leaves that cfg.Dir has must be the first of them. It can be repeated after a crash.
func Rebuild(ctx context.Context, cfg Config, scratch string, copies []Copy) (uint64, error) {
	r, err := prepare(cfg)
	if err != nil {
		return 0, fmt.Errorf("rebuilding record: %w", err)
	}
	defer func() {
		r.stop()
		r.root.Close()
		r.unlock()
	}()
	size, err := r.rebuild(ctx, scratch, copies)
	if err != nil {
		return 0, fmt.Errorf("rebuilding record: %w", err)
	}
	return size, nil
}

func (r *Record) rebuild(ctx context.Context, scratch string, copies []Copy) (uint64, error) {
	heads := map[uint64]signed{}
	var size uint64
	for i := range copies {
		c := &copies[i]
		if c.Checkpoint != nil {
			head, err := r.trust.OpenCheckpoint(c.Checkpoint)
			if err != nil {
				return 0, fmt.Errorf("checkpoint of %s: %w", c.Name, err)
			}
			if other, ok := heads[head.Size]; ok && other.root != head.Root {
				return 0, forked(head.Size, other.by, c.Name)
			}
			heads[head.Size] = signed{head.Root, c.Name}
			c.Size = max(c.Size, head.Size)
		}
		size = max(size, c.Size)
	}
	dir := gathered{scratch}
	root, err := dir.gather(ctx, size, copies, heads)
	if err != nil {
		return 0, err
	}
	if err := r.replay(ctx, dir, size); err != nil {
		return 0, err
	}
	if _, err := verify.OpenTree(size, root, verify.OrFull(verify.Dir(r.root.FS()))); err != nil {
		return 0, corrupt("the log as it was rebuilt", err)
	}
	// The checkpoint that lies there is none that guardians have signed. Tessera renews only one that is old; to delete it would race
	// with the end of the appender that wrote it.
	old := time.Now().Add(-rebuildQuiet / 2)
	if err := r.root.Chtimes("checkpoint", old, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return size, nil
}

// signed is a tree that the log has signed, and who has shown it.
type signed struct {
	root tribune.Hash
	by   string
}

func forked(size uint64, one, other string) error {
	return tribune.Hint(&tribune.IntegrityError{What: fmt.Sprintf("the log at %d leaves", size), Err: fmt.Errorf("%w: %s and %s hold different histories of it", tribune.ErrConflict, one, other)},
		"Stop here, keep everything as it is, and find out with the guardians which of them is right.")
}

// gathered is a directory of entry bundles: leaves on their way into a log.
type gathered struct{ dir string }

// gather brings all leaves below size together, and returns the root of their tree.
func (g gathered) gather(ctx context.Context, size uint64, copies []Copy, heads map[uint64]signed) (root tribune.Hash, err error) {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	check := func(at uint64) error {
		if at == 0 {
			root = tribune.Hash(rfc6962.DefaultHasher.EmptyRoot())
		} else if h, err := tree.GetRootHash(nil); err != nil {
			return err
		} else {
			root = tribune.Hash(h)
		}
		if head, ok := heads[at]; ok && head.root != root {
			return forked(at, head.by, "the other copies")
		}
		return nil
	}
	if err := check(0); err != nil {
		return root, err
	}
	for at := uint64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return root, err
		}
		bundle := at / layout.EntryBundleWidth
		leaves, err := g.bundle(bundle, min(size-at, layout.EntryBundleWidth), copies)
		if err != nil {
			return root, err
		}
		for _, leaf := range leaves {
			if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
				return root, err
			}
			at++
			if _, signed := heads[at]; signed || at == size {
				if err := check(at); err != nil {
					return root, err
				}
			}
		}
		if err := g.write(bundle, leaves); err != nil {
			return root, err
		}
	}
	return root, nil
}

// bundle reads the first want leaves of a bundle: as many as possible from the first copies, the rest from those that hold more.
func (g gathered) bundle(n, want uint64, copies []Copy) ([][]byte, error) {
	var leaves [][]byte
	var last error
	for _, c := range copies {
		from := n * layout.EntryBundleWidth
		if c.Size <= from+uint64(len(leaves)) {
			continue
		}
		have := min(c.Size-from, want)
		raw, err := verify.OrFull(c.Fetch)(layout.EntriesPath(n, uint8(have%layout.EntryBundleWidth)))
		if err == nil {
			var more [][]byte
			if more, err = verify.ParseBundle(raw); err == nil && uint64(len(more)) >= have {
				for i := range leaves {
					if !bytes.Equal(leaves[i], more[i]) {
						return nil, forked(from+uint64(i), c.Name, "another copy")
					}
				}
				leaves = more[:have]
			}
		}
		if err != nil {
			last = fmt.Errorf("leaves from %d on of %s: %w", from, c.Name, err)
		}
		if uint64(len(leaves)) == want {
			return leaves, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%w: nobody has leaf %d", tribune.ErrNotFound, n*layout.EntryBundleWidth+uint64(len(leaves))), last)
}

func (g gathered) path(n uint64) string {
	return filepath.Join(g.dir, filepath.FromSlash(layout.EntriesPath(n, 0)))
}

func (g gathered) write(n uint64, leaves [][]byte) error {
	var raw []byte
	for _, leaf := range leaves {
		raw = binary.BigEndian.AppendUint16(raw, uint16(len(leaf)))
		raw = append(raw, leaf...)
	}
	if err := os.MkdirAll(filepath.Dir(g.path(n)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(g.path(n), raw, 0o600)
}

// replay hands the leaves that the log does not have to a Tessera of its own, without guardians: nothing is published.
func (r *Record) replay(ctx context.Context, from gathered, size uint64) error {
	routeTesseraLog(r.cfg.Log)
	signer, err := note.NewSigner(r.cfg.Key)
	if err != nil {
		return fmt.Errorf("%w: the log's key is not a note secret key", tribune.ErrInvalid)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: r.cfg.Dir})
	if err != nil {
		return err
	}
	appender, _, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(rebuildWindow, rebuildAge).WithCheckpointInterval(rebuildQuiet).WithCheckpointRepublishInterval(rebuildQuiet).WithPushback(2*rebuildWindow))
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	at, err := reader.IntegratedSize(ctx)
	if err != nil {
		return fmt.Errorf("reading the log's size: %w", err)
	}
	if at > size {
		return corrupt("the log's directory", fmt.Errorf("%w: it holds %d leaves, all copies together %d", tribune.ErrConflict, at, size))
	}
	var window []tessera.IndexFuture
	flush := func() error {
		for _, future := range window {
			index, err := future()
			if err != nil {
				return fmt.Errorf("writing leaf %d: %w", at, err)
			}
			if index.Index != at {
				return fmt.Errorf("%w: leaf %d was written as %d", tribune.ErrUncertain, at, index.Index)
			}
			at++
		}
		window = window[:0]
		return nil
	}
	for next := at; next < size; {
		raw, err := os.ReadFile(from.path(next / layout.EntryBundleWidth))
		if err != nil {
			return err
		}
		leaves, err := verify.ParseBundle(raw)
		if err != nil {
			return err
		}
		for _, leaf := range leaves[next%layout.EntryBundleWidth:] {
			window = append(window, appender.Add(ctx, tessera.NewEntry(leaf)))
			next++
			if len(window) == rebuildWindow {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}
