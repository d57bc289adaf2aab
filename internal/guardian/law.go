package guardian

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
)

const (
	// maxLawBody bounds a policy set as the hub serves it: files in base64 in JSON.
	maxLawBody = 2*policy.MaxBytes + 1<<20
	// maxSets bounds the sets kept in memory; a city has one and sometimes a next one.
	maxSets = 64

	lawsFile   = "laws.json"
	passedFile = "laws-passed.json"
	lawDir     = "law"
)

// lawBook knows which policy set was in force at each place of the record (protocol 22). A leaf of kind law publishes a set's
// hash; the files come from the hub and are checked against it, and against the pins, before they count. What a leaf does is
// policy.Chain's to judge, by when we first saw it: that is what is kept here.
type lawBook struct {
	cfg      Config
	chain    *policy.Chain
	groupAt  func(leaf uint64) protocol.Group // whose approvals count there
	fetching sync.Mutex                       // one fetch at a time

	mu     sync.Mutex       // guards what follows
	seen   map[uint64]int64 // by leaf: Unix second at which we first saw it
	passed map[uint64]bool  // leaves passed over, since nobody had shown us what they name
	told   time.Time        // the latest time that a leaf so far gives itself
	dirty  bool             // seen has changes that are not on disk
	sets   map[tribune.Hash]*policy.Set
	void   map[tribune.Hash]error  // sets that do not verify
	late   map[uint64]tribune.Hash // leaves, with their hashes, that we first saw long after they were written
}

func openLaw(cfg Config, roster protocol.Group) (*lawBook, error) {
	l := &lawBook{cfg: cfg, groupAt: func(uint64) protocol.Group { return roster }, seen: map[uint64]int64{}, passed: map[uint64]bool{}, sets: map[tribune.Hash]*policy.Set{}, void: map[tribune.Hash]error{}, late: map[uint64]tribune.Hash{}}
	l.chain = policy.NewChain(policy.ChainConfig{Approvers: l.approvers, Load: l.get, Now: cfg.Now, PassOver: l.passOver})
	for file, into := range map[string]any{lawsFile: &l.seen, passedFile: &l.passed} {
		raw, err := durable.Read(filepath.Join(cfg.Dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			return nil, fmt.Errorf("reading when laws were first seen: %w", err)
		}
	}
	return l, nil
}

// passOver notes a leaf for good whose set nobody has shown us in its time: shown after a restart it would otherwise count, and its wait would be over.
func (l *lawBook) passOver(i uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed[i] = true
	raw, err := json.Marshal(l.passed)
	if err == nil {
		err = durable.Write(filepath.Join(l.cfg.Dir, passedFile), raw)
	}
	if err != nil {
		return fmt.Errorf("noting that a law is passed over: %w", err)
	}
	return nil
}

// approvers are the guardians who can approve a change.
func (l *lawBook) approvers(leaf uint64) (map[string]ed25519.PublicKey, int) {
	keys, roster := map[string]ed25519.PublicKey{}, l.groupAt(leaf)
	for _, m := range roster.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err == nil {
			keys[m.Name] = key
		}
	}
	return keys, roster.T
}

// time takes the time of each leaf from the mirror, in their order: who dates a law back has to keep the whole record silent.
func (l *lawBook) time(leaf protocol.Leaf) {
	at, err := leaf.Act.When()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && at.After(l.told) {
		l.told = at
	}
}

// leaf takes a leaf of kind law from the mirror.
func (l *lawBook) leaf(i uint64, leaf protocol.Leaf) {
	if !leaf.Decision.Permit {
		return
	}
	public, err := protocol.DecodeLawPublic(leaf.Public)
	if err != nil {
		return
	}
	l.mu.Lock()
	if _, known := l.seen[i]; !known {
		// Where a crash lost the moment, now is later than it was: the wait gets longer, never shorter.
		l.seen[i], l.dirty = l.cfg.Now().Unix(), true
	}
	seen, passed, told := time.Unix(l.seen[i], 0), l.passed[i], l.told
	l.isLate(i, leaf, seen)
	l.mu.Unlock()
	l.chain.Add(policy.Announced{Index: i, Set: public.Set, Approvals: public.Approvals, Withdraws: public.Withdraws, Told: told, Seen: seen, Passed: passed})
}

// settle keeps what must survive, and gets new sets while the hub still has them.
func (l *lawBook) settle(ctx context.Context) error {
	l.backdate(ctx)
	l.mu.Lock()
	var raw []byte
	var err error
	if l.dirty {
		raw, err = json.Marshal(l.seen)
		l.dirty = false
	}
	l.mu.Unlock()
	if raw != nil {
		err = durable.Write(filepath.Join(l.cfg.Dir, lawsFile), raw)
	}
	if err != nil {
		return fmt.Errorf("keeping when laws were first seen: %w", err)
	}
	if next := l.chain.Next(); next > 0 {
		// A hub that does not serve its law now is asked again when an act needs it.
		_, _ = l.inForce(ctx, next, l.cfg.Now())
		return l.note(ctx)
	}
	return nil
}

// inForce is the set that decides acts whose leaf is at index, with that leaf time.
func (l *lawBook) inForce(ctx context.Context, index uint64, at time.Time) (*policy.Set, error) {
	return l.chain.InForce(ctx, index, at)
}
