package city

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/record"
	"tribune/policy"
	"tribune/protocol"
)

// The life of a change of law: proposed (the folder holds another set than the one in force) -> approved (t guardians serve their
// approval) -> announced (a leaf names it) -> in force. What only tightens goes straight from the folder into force. The hub judges
// leaves with the same rule as guardians do, policy.Chain, from when it first saw them published; and it puts a loosening in force only
// once t guardians say that they have: a hub whose clock is set forward is not believed, it would only be refused.

// lawsFile is beside the law's files: when this hub first saw each leaf of kind law published.
const lawsFile = "laws.json"

// lawBook is the hub's own judge of the law on record.
type lawBook struct {
	hub   *Hub
	chain *policy.Chain

	mu     sync.Mutex       // guards what follows
	seen   map[uint64]int64 // by leaf: Unix second
	next   uint64           // first leaf that has not been read
	then   []groupSince     // the groups of guardians so far
	stuck  *portal.LawStuck // nil = nothing is
	passed []uint64         // leaves that were passed over
	told   string           // what was said last about a proposal, so that the log says it once

	proposal *portal.LawProposal // nil = there is none
	state    []policy.Ruling
	reigns   []policy.Reign
}

func (h *Hub) openLaw() error {
	l := &lawBook{hub: h, seen: map[uint64]int64{}}
	l.chain = policy.NewChain(policy.ChainConfig{Approvers: l.approvers, Load: l.load, Now: func() time.Time { return h.now() }})
	raw, err := os.ReadFile(filepath.Join(h.cfg.Dir.Law(), lawsFile))
	if err == nil {
		err = json.Unmarshal(raw, &l.seen)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading when laws were first seen: %w", err)
	}
	if err := l.readPassed(); err != nil {
		return err
	}
	h.lawbook = l
	return nil
}

// groupSince is a group of guardians and the leaf that closed it: it counts for what stands after.
type groupSince struct {
	leaf  uint64
	group protocol.Group
}

// approvers are the guardians, by name, whose word counts in the leaf at index.
func (l *lawBook) approvers(index uint64) (map[string]ed25519.PublicKey, int) {
	keys := map[string]ed25519.PublicKey{}
	group := l.hub.group.Load()
	for i := range l.then {
		if l.then[i].leaf < index {
			group = &l.then[i].group
		}
	}
	if group == nil {
		return keys, 1
	}
	for _, m := range group.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err == nil {
			keys[m.Name] = key
		}
	}
	return keys, group.T
}

// load gets a set that was in force, announced or lies in the folder.
func (l *lawBook) load(ctx context.Context, hash tribune.Hash) (*policy.Set, error) {
	if p, _ := l.hub.gate.Proposed(); p != nil && p.Hash() == hash {
		return p, nil
	}
	set, err := l.hub.gate.Load(hash)
	switch {
	case errors.Is(err, tribune.ErrNotFound):
		return l.regain(ctx, hash)
	case errors.Is(err, tribune.ErrInvalid):
		return nil, nil
	}
	return set, err
}

// regain gets a set from the guardians: a hub that was restored from a backup may lack one that it has announced since.
func (l *lawBook) regain(ctx context.Context, hash tribune.Hash) (*policy.Set, error) {
	if l.hub.guardians == nil {
		return nil, policy.ErrUnshown
	}
	files, err := l.hub.guardians.LawSet(ctx, hash)
	if err != nil {
		return nil, policy.ErrUnshown
	}
	set, err := policy.Load(files, l.hub.cfg.Trust)
	if err != nil {
		return nil, nil // as guardians see it: it does not verify
	}
	return set, l.hub.gate.Keep(set)
}

// These marks are in every leaf of their kind, and in few others: most of a long record need not be decoded.
var lawMark, ceremonyMark = []byte(`"kind":"law"`), []byte(`"kind":"ceremony"`)

// closing notes a group that follows the one before it.
func (l *lawBook) closing(entry record.Entry) {
	leaf, err := protocol.DecodeLeaf(entry.Leaf)
	var c protocol.Closing
	if err != nil || leaf.Act.Kind != tribune.ActCeremony || protocol.DecodeJCS(leaf.Public, &c) != nil || c.Check() != nil {
		return
	}
	if n := len(l.then); n > 0 {
		if _, err := c.Follows(l.then[n-1].group, l.hub.cfg.Trust.Council); err != nil {
			return
		}
	}
	l.then = append(l.then, groupSince{entry.Index, c.Group})
}

// read feeds the chain with what has been published since.
func (l *lawBook) read(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := false
	for entry, err := range l.hub.record.Range(ctx, l.next) {
		if err != nil {
			return fmt.Errorf("looking for the law on record: %w", err)
		}
		if entry.Index >= l.hub.record.Published() {
			break // guardians have not all seen it
		}
		l.next = entry.Index + 1
		if bytes.Contains(entry.Leaf, ceremonyMark) {
			l.closing(entry)
		}
		if !bytes.Contains(entry.Leaf, lawMark) {
			continue
		}
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil || leaf.Act.Kind != tribune.ActLaw || !leaf.Decision.Permit {
			continue
		}
		public, err := protocol.DecodeLawPublic(leaf.Public)
		if err != nil {
			continue
		}
		if _, known := l.seen[entry.Index]; !known {
			l.seen[entry.Index], fresh = l.firstSeen(leaf), true
		}
		told, err := leaf.Act.When()
		if err != nil {
			told = time.Time{}
		}
		l.chain.Add(policy.Announced{Index: entry.Index, Told: told, Set: public.Set, Approvals: public.Approvals, Withdraws: public.Withdraws, Seen: time.Unix(l.seen[entry.Index], 0), Passed: slices.Contains(l.passed, entry.Index)})
	}
	if !fresh {
		return nil
	}
	raw, err := json.Marshal(l.seen)
	if err == nil {
		err = writeFile(filepath.Join(l.hub.cfg.Dir.Law(), lawsFile), raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping when laws were first seen: %w", err)
	}
	return nil
}

// firstSeen is now for a leaf of these minutes. An older one is met where this file was lost: the leaf's own time, which this hub wrote, is
// then the best there is; guardians' word is waited for in any case.
func (l *lawBook) firstSeen(leaf protocol.Leaf) int64 {
	now := l.hub.now()
	if at, err := leaf.Act.When(); err == nil && now.Sub(at) > time.Hour {
		return at.Unix()
	}
	return now.Unix() + 1 // the whole second, as guardians have it at the latest
}

// follow keeps what pages and the gate are told in step with the chain.
func (l *lawBook) follow(ctx context.Context) error {
	rulings, err := l.chain.Rulings(ctx)
	if err != nil {
		return err
	}
	reigns, _, err := l.chain.Reigns(ctx, l.chain.Next(), l.hub.now())
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.state, l.reigns = rulings, reigns
	l.mu.Unlock()
	l.hub.gate.SetReigns(reigns)
	return nil
}

// lawNow is the law's state for pages: every leaf as judged, who was in force when, and what lies in the folder.
func (h *Hub) lawNow() portal.LawState {
	l := h.lawbook
	l.mu.Lock()
	defer l.mu.Unlock()
	_, need := l.approvers(l.next)
	s := portal.LawState{Rulings: slices.Clone(l.state), Reigns: slices.Clone(l.reigns), Needed: need}
	if l.proposal != nil {
		p := *l.proposal
		s.Proposal = &p
	}
	if l.stuck != nil {
		stuck := *l.stuck
		s.Stuck = &stuck
	}
	return s
}
