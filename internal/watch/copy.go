package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/mirror"
	"tribune/protocol"
	"tribune/verify"
)

// CopyConfig says what is copied, from where, trusting whom.
type CopyConfig struct {
	Trust     *verify.Trust     // the operator's own choice
	LogKey    string            // the log's note verifier key, as the trust file writes it
	Dir       string            // of the copy; created where missing, one process at a time
	Record    string            // base URL of the hub, or of a mirror that speaks like one
	Guardians []string          // base URLs of guardians: followed where the hub is away
	Names     map[string]string // of the trust file's guardians, their URLs: who leaves is asked no more; nil = all are asked for ever
	HTTP      *http.Client      // nil = one of our own, which follows no redirects
	Now       func() time.Time
}

// Copy is a verified copy of a city's record, with the laws that its leaves name. Its folder holds record/ (tlog-tiles, a
// complete static log), law/ (policy sets by hash), mandates/ (every version that was shown) and lock. Methods are safe for concurrent use, Follow by one at a time.
type Copy struct {
	cfg       CopyConfig
	get       getter
	hub       *source
	guardians []*source
	mirror    *mirror.Mirror
	unlock    func() error
	shelf     shelf
	mandates  *mandates // Follow's and a Watcher's own
	members   *members

	mu    sync.Mutex // guards the rest
	state Status
	laws  uint64 // leaves below this have been searched for laws; Follow's own
}

// Status is how far a copy is, for anyone.
type Status struct {
	Log       string    `json:"log"`
	Size      uint64    `json:"size"`
	Root      string    `json:"root"`
	Cosigned  time.Time `json:"cosigned,omitzero"`  // median of the guardians' times under the head
	Looked    time.Time `json:"looked,omitzero"`    // when the sources were last asked
	Furthest  uint64    `json:"furthest"`           // the largest size that anybody has shown under the log's signature
	Behind    uint64    `json:"behind"`             // leaves that are shown somewhere and not held here
	BehindFor float64   `json:"behindFor,omitzero"` // seconds since the head's co-signatures
	Problem   string    `json:"problem,omitempty"`  // why it is not further
}

// OpenCopy reads the copy back and checks every byte of it.
func OpenCopy(cfg CopyConfig) (*Copy, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	log, err := note.NewVerifier(cfg.LogKey)
	if err != nil || log.Name() != cfg.Trust.Origin() {
		return nil, fmt.Errorf("%w: the log's key in the trust file cannot be read", tribune.ErrInvalid)
	}
	c := &Copy{cfg: cfg, members: newMembers(cfg.Trust)}
	c.get = overHTTP(c.client())
	c.hub, c.mandates = newHub(cfg.Record, c.get), newMandates(c)
	for _, g := range cfg.Guardians {
		c.guardians = append(c.guardians, newGuardian(g, c.get))
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, lawDir), 0o755); err != nil {
		return nil, fmt.Errorf("opening the copy: %w", err)
	}
	if c.unlock, err = lock(filepath.Join(cfg.Dir, "lock")); err != nil {
		return nil, fmt.Errorf("opening the copy: %w", err)
	}
	c.mirror, err = mirror.Open(mirror.Config{
		Dir: filepath.Join(cfg.Dir, recordDir), Log: log, Keep: true, Leaf: func(uint64, []byte, bool) {},
		Fetch: func(ctx context.Context, path string) ([]byte, error) { return fetchOf(ctx)(path) },
	})
	if err == nil {
		err = c.recall()
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		c.unlock()
		return nil, err
	}
	return c, nil
}

const (
	recordDir = "record"
	lawDir    = "law"
)

// check: the head was followed under the quorum of a trust file. Is it this one?
func (c *Copy) check() error {
	head := c.mirror.Head()
	c.state = Status{Log: c.cfg.Trust.Origin(), Size: head.Size, Root: head.Root.String(), Furthest: head.Size}
	if head.Size == 0 {
		return nil
	}
	cp, err := c.kept(head.Note)
	if err != nil {
		return tribune.Hint(fmt.Errorf("the copy in %s is not of what this trust file trusts: %w", c.cfg.Dir, err), "Choose another --dir for another city or another trust file.")
	}
	c.state.Cosigned = cosigned(cp)
	return nil
}

// also follows a guardian at a further address.
func (c *Copy) also(url string) {
	url = strings.TrimSuffix(url, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.guardians) < maxSources && !slices.ContainsFunc(c.guardians, func(s *source) bool { return s.base == url+"/" }) {
		c.guardians = append(slices.Clip(c.guardians), newGuardian(url, c.get))
	}
}

// forget asks a guardian no more: it has left, and may be switched off.
func (c *Copy) forget(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guardians = slices.DeleteFunc(slices.Clone(c.guardians), func(s *source) bool { return s.base == strings.TrimSuffix(url, "/")+"/" })
}

// peers are the guardians that are asked.
func (c *Copy) peers() []*source {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guardians
}

// maxSources bounds how many guardians are asked in a round.
const maxSources = 64

// Close lets another process have the folder.
func (c *Copy) Close() error { return c.unlock() }

// head is the checkpoint held; nil while nothing is.
func (c *Copy) head() *verify.Checkpoint {
	h := c.mirror.Head()
	if h.Size == 0 {
		return nil
	}
	cp, err := c.kept(h.Note)
	if err != nil {
		return nil // it verified when it became the head
	}
	return cp
}

// tree reads the copy as a proven tree.
func (c *Copy) tree() (*verify.Tree, error) {
	h := c.mirror.Head()
	return verify.OpenTree(h.Size, h.Root, verify.OrFull(verify.Dir(os.DirFS(filepath.Join(c.cfg.Dir, recordDir)))))
}

// fetchKey carries the tree that is being followed to the mirror's fetcher.
type fetchKey struct{}

func fetchOf(ctx context.Context) verify.Fetch { return ctx.Value(fetchKey{}).(verify.Fetch) }

// follow makes the copy hold the tree of next, which carries the quorum, from whoever has it. A source whose tree does not
// continue the head gives a *rewritten.
func (c *Copy) follow(ctx context.Context, next *verify.Checkpoint, sources []*source) error {
	head := c.mirror.Head()
	if next.Size < head.Size {
		return nil
	}
	want := mirror.Head{Size: next.Size, Root: next.Root, Note: next.Note}
	if next.Size == head.Size && next.Root == head.Root {
		if err := c.mirror.Renew(ctx, want); err != nil {
			return fmt.Errorf("keeping fresher co-signatures: %w", err)
		}
		return nil
	}
	var last error
	for _, s := range sources {
		tree, err := verify.OpenTree(next.Size, next.Root, s.fetch(ctx))
		if err != nil {
			last = fmt.Errorf("%s: %w", s.name, err)
			continue
		}
		if err := extends(tree, next, head); err != nil {
			return err
		}
		err = c.mirror.Extend(context.WithValue(ctx, fetchKey{}, verify.Fetch(c.proven(tree))), head.Size, want)
		if err == nil {
			return nil
		}
		last = fmt.Errorf("%s: %w", s.name, err)
		var broken *tribune.IntegrityError
		if errors.As(err, &broken) || ctx.Err() != nil {
			return last
		}
	}
	return last
}

// proven answers with entry bundles that are proven against the tree: before anything is stored. What an attempt that
// failed or crashed has left on disk is proven again and not fetched again.
func (c *Copy) proven(tree *verify.Tree) verify.Fetch {
	dir := filepath.Join(c.cfg.Dir, recordDir)
	return func(path string) ([]byte, error) {
		kept, err := os.ReadFile(filepath.Join(dir, path))
		n, width, perr := layout.ParseTileIndexPartial(path[len("tile/entries/"):])
		if perr != nil {
			return nil, perr
		}
		if err == nil && width == 0 && fits(tree, n, kept) {
			return kept, nil
		}
		leaves, err := tree.Bundle(n)
		if err != nil {
			return nil, err
		}
		return bundle(leaves), nil
	}
}

// fits holds a kept bundle against the tree, leaf by leaf.
func fits(tree *verify.Tree, n uint64, raw []byte) bool {
	leaves, err := verify.ParseBundle(raw)
	if err != nil || len(leaves) != layout.EntryBundleWidth {
		return false
	}
	for i, leaf := range leaves {
		if want, err := tree.LeafHash(n*layout.EntryBundleWidth + uint64(i)); err != nil || want != protocol.LeafHash(leaf) {
			return false
		}
	}
	return true
}

func bundle(leaves [][]byte) []byte {
	var raw []byte
	for _, l := range leaves {
		raw = append(append(raw, byte(len(l)>>8), byte(len(l))), l...)
	}
	return raw
}

// rewritten: under the log's own signature a tree that does not continue the one held.
type rewritten struct {
	held, shown *verify.Checkpoint
	proof       consistency
}

func (r *rewritten) Error() string {
	return fmt.Sprintf("the log shows a tree of %d leaves that does not continue the tree of %d leaves it has shown before", r.shown.Size, r.held.Size)
}

func (r *rewritten) Unwrap() error { return tribune.ErrInvalid }

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
