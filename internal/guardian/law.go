package guardian

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/durable"
	"tribune/policy"
	"tribune/protocol"
)

const (
	// looseningWait is how long a change of law that permits more waits in public, however many guardians approve.
	looseningWait = 72 * time.Hour
	// maxLawBody bounds a policy set as the hub serves it: files in base64 in JSON.
	maxLawBody = 2*policy.MaxBytes + 1<<20
	// maxSets bounds the sets kept in memory; a city has one and sometimes a next one.
	maxSets = 64

	lawsFile = "laws.json"
	lawDir   = "law"
)

// lawBook knows which policy set was in force at each place of the record (protocol 22). A leaf of kind law publishes a set's
// hash; the files come from the hub and are checked against it, and against the pins, before they count.
//
//   - The first set counts at once, if it fits the pins.
//   - A set that only tightens the one then in force counts at once.
//   - Any other needs the approval of t guardians, and 72 hours since we first saw its leaf. Approvals are used up by the
//     first leaf that needs them: a law that was withdrawn does not come back by the signatures of then.
//   - A set that does not verify never counts. Nor does one that the hub has not shown 72 hours after we saw its leaf: until
//     then nothing is released, but a leaf that names no law at all must not stop the city for ever. (To hide a law
//     gives a hub no more than not to publish it.) The first law has no other to stay with, and must be shown.
type lawBook struct {
	cfg      Config
	roster   protocol.Group
	fetching sync.Mutex // one fetch at a time

	mu     sync.Mutex // guards what follows
	leaves []lawLeaf
	seen   map[uint64]int64 // by leaf: Unix second at which we first saw it
	dirty  bool             // seen has changes that are not on disk
	sets   map[tribune.Hash]*policy.Set
	void   map[tribune.Hash]error // sets that do not verify
}

// lawLeaf is a leaf of kind law. What is known about it is settled once, in order.
type lawLeaf struct {
	index     uint64
	set       tribune.Hash
	approvals []approval
	settled   bool
	never     bool
	used      bool      // its approvals counted
	from      time.Time // where settled and not never: counts from then on; zero = at once
}

// lawPublic is the public part of a leaf of kind law.
type lawPublic struct {
	Set       tribune.Hash `json:"set"`
	Approvals []approval   `json:"approvals,omitempty"`
}

type approval struct {
	Guardian  string `json:"guardian"`
	Signature []byte `json:"signature"` // Ed25519 over L(law) || set hash
}

func openLaw(cfg Config, roster protocol.Group) (*lawBook, error) {
	l := &lawBook{cfg: cfg, roster: roster, seen: map[uint64]int64{}, sets: map[tribune.Hash]*policy.Set{}, void: map[tribune.Hash]error{}}
	raw, err := durable.Read(filepath.Join(cfg.Dir, lawsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &l.seen)
	}
	if err != nil {
		return nil, fmt.Errorf("reading when laws were first seen: %w", err)
	}
	return l, nil
}

// leaf takes a leaf of kind law from the mirror.
func (l *lawBook) leaf(i uint64, leaf protocol.Leaf, live bool) {
	var public lawPublic
	if !leaf.Decision.Permit || protocol.DecodeJCS(leaf.Public, &public) != nil || public.Set == (tribune.Hash{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.seen[i]; !known {
		// Where a crash lost the moment, now is later than it was: the wait gets longer, never shorter.
		l.seen[i], l.dirty = l.cfg.Now().Unix(), true
	}
	l.leaves = append(l.leaves, lawLeaf{index: i, set: public.Set, approvals: public.Approvals})
}

// settle keeps what must survive, and gets new sets while the hub still has them.
func (l *lawBook) settle(ctx context.Context) error {
	l.mu.Lock()
	var raw []byte
	var err error
	if l.dirty {
		raw, err = json.Marshal(l.seen)
		l.dirty = false
	}
	var next uint64
	if n := len(l.leaves); n > 0 {
		next = l.leaves[n-1].index + 1
	}
	l.mu.Unlock()
	if raw != nil {
		err = durable.Write(filepath.Join(l.cfg.Dir, lawsFile), raw)
	}
	if err != nil {
		return fmt.Errorf("keeping when laws were first seen: %w", err)
	}
	if next > 0 {
		// A hub that does not serve its law now is asked again when an act needs it.
		_, _ = l.inForce(ctx, next, l.cfg.Now())
	}
	return nil
}

// inForce is the set that decides acts whose leaf is at index, with that leaf time.
func (l *lawBook) inForce(ctx context.Context, index uint64, at time.Time) (*policy.Set, error) {
	l.mu.Lock()
	n := sort.Search(len(l.leaves), func(i int) bool { return l.leaves[i].index >= index })
	l.mu.Unlock()
	var current *lawLeaf
	for i := range n {
		leaf, err := l.judge(ctx, i)
		if err != nil {
			return nil, err
		}
		if !leaf.never && !leaf.from.After(at) {
			current = &leaf
		}
	}
	if current == nil {
		return nil, fmt.Errorf("%w: no law is in force at this place of the record", tribune.ErrNotFound)
	}
	return l.get(ctx, current.set)
}

// judge settles what a law leaf does. The leaves before it are settled already.
func (l *lawBook) judge(ctx context.Context, i int) (lawLeaf, error) {
	l.mu.Lock()
	leaf := l.leaves[i]
	seen := time.Unix(l.seen[leaf.index], 0)
	spent := slices.ContainsFunc(l.leaves[:i], func(e lawLeaf) bool { return e.used && e.set == leaf.set })
	l.mu.Unlock()
	if leaf.settled {
		return leaf, nil
	}
	set, err := l.get(ctx, leaf.set)
	if err != nil && !errors.Is(err, errUnshown) {
		return leaf, err
	}
	before, beforeErr := l.inForce(ctx, leaf.index, seen)
	switch {
	case errors.Is(err, errUnshown):
		if beforeErr != nil || l.cfg.Now().Sub(seen) < looseningWait {
			return leaf, err
		}
		leaf.never = true
	case set == nil: // does not verify
		leaf.never = true
	case errors.Is(beforeErr, tribune.ErrNotFound): // the first
	case beforeErr != nil:
		return leaf, beforeErr
	case before.Hash() == set.Hash(): // published again
	default:
		if tightens, _ := policy.Tightens(before, set); !tightens {
			leaf.used = !spent && l.approved(leaf) >= l.roster.T
			leaf.never = !leaf.used
			leaf.from = seen.Add(looseningWait)
		}
	}
	leaf.settled = true
	l.mu.Lock()
	l.leaves[i] = leaf
	l.mu.Unlock()
	return leaf, nil
}

// approved counts the guardians who signed the set.
func (l *lawBook) approved(leaf lawLeaf) int {
	msg := append(protocol.Label("law"), leaf.set[:]...)
	yes := map[string]bool{}
	for _, a := range leaf.approvals {
		for _, m := range l.roster.Guardians {
			if m.Name != a.Guardian {
				continue
			}
			if _, key, err := protocol.PublicOf(m.Key); err == nil && ed25519.Verify(key, msg, a.Signature) {
				yes[m.Name] = true
			}
		}
	}
	return len(yes)
}
