package policy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// ErrUnshown: a set is named on record, and who should have it does not show it.
var ErrUnshown = errors.New("this policy set is not shown")

// Chain judges the leaves of kind law in the order of the record: which set was in force at each place of it (protocol 22). Guardians
// and the hub each keep one and feed it the same leaves; they differ in their clocks and in where they get a set from. Its rule:
//
//   - The first set counts at once, if it fits the pins.
//   - A set that is in force already, or only tightens the one then in force, counts at once. It ends whatever was announced before it
//     and not in force yet: so a change is withdrawn.
//   - Any other needs the approval of t guardians, given to this set in the place of the one then in force and not run out, and 72
//     hours since we first saw its leaf. Approvals are used up by the first leaf that needs them: a law that was withdrawn does
//     not come back by the signatures of then.
//   - A set that does not verify never counts. Nor does one that nobody has shown 72 hours after we saw its leaf, also where it is shown
//     later: until then nothing is released, but a leaf that names no law at all must not stop the city for ever. (To hide a law
//     gives a hub no more than not to publish it.) The first law has no other to stay with, and must be shown.
//   - What is "then in force" is told by when a leaf was written, where we came later: see Announced.written. What only tightens a set
//     that still waits for us waits with it.
//
// It is safe for concurrent use.
type Chain struct {
	cfg ChainConfig

	mu     sync.Mutex // guards what follows
	leaves []ruling
	anew   int // how often what was judged has been forgotten
}

// ChainConfig says by whose keys and clock a chain judges.
type ChainConfig struct {
	// Approvers are the guardians at a place of the record, by name, and how many of them must approve.
	Approvers func(index uint64) (keys map[string]ed25519.PublicKey, t int)
	// Load gets a set by its hash and checks it against the pins: nil without an error where it does not verify, ErrUnshown where it is
	// not to be had, any other error where that cannot be told now.
	Load func(ctx context.Context, hash tribune.Hash) (*Set, error)
	Now  func() time.Time
	// PassOver notes for good that the leaf at index was passed over, for Announced.Passed after a restart; nil = nobody does.
	PassOver func(index uint64) error
}

// NewChain is an empty chain.
func NewChain(cfg ChainConfig) *Chain { return &Chain{cfg: cfg} }

// Add takes the next leaf of kind law. Leaves come in the order of the record.
func (c *Chain) Add(a Announced) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.leaves); n > 0 && c.leaves[n-1].Index >= a.Index {
		return
	}
	c.leaves = append(c.leaves, ruling{Ruling: Ruling{Announced: a}})
}

// SeenBy puts the moment at which a leaf was first seen earlier: whoever proves that it was public before lets its wait begin before.
func (c *Chain) SeenBy(index uint64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.leaves {
		if l := &c.leaves[i]; l.Index == index && at.Before(l.Seen) {
			l.Seen = at
			c.forget() // what was judged by it is judged anew
		}
	}
}

// Pass passes the leaf at index over for good, as if nobody had ever shown its set: its judge has learnt that the guardians do.
func (c *Chain) Pass(index uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.leaves {
		if c.leaves[i].Index == index {
			c.leaves[i].Passed = true
			c.forget()
		}
	}
}

// Anew forgets what was judged: call it when Approvers answer otherwise than before, about leaves that were taken already.
func (c *Chain) Anew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

func (c *Chain) forget() {
	c.anew++
	for i := range c.leaves {
		c.leaves[i] = ruling{Ruling: Ruling{Announced: c.leaves[i].Announced}}
	}
}

// Next is the index after the newest leaf of kind law; 0 = there is none.
func (c *Chain) Next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.leaves); n > 0 {
		return c.leaves[n-1].Index + 1
	}
	return 0
}

// InForce is the set that decides acts whose leaf is at index, with that leaf time. ErrNotFound where none is.
func (c *Chain) InForce(ctx context.Context, index uint64, at time.Time) (*Set, error) {
	current, err := c.upTo(ctx, index, at, (*ruling).nowAt)
	if err != nil {
		return nil, err
	}
	return c.load(ctx, current)
}

func (c *Chain) load(ctx context.Context, current *ruling) (*Set, error) {
	if current == nil {
		return nil, fmt.Errorf("%w: no law is in force at this place of the record", tribune.ErrNotFound)
	}
	set, err := c.cfg.Load(ctx, current.Set)
	if err == nil && set == nil {
		err = &tribune.IntegrityError{What: "the policy set in force, " + current.Set.String(), Err: errors.New("it verified before, and does not now")}
	}
	return set, err
}

// upTo is the ruling that holds at a place and time; nil = none.
func (c *Chain) upTo(ctx context.Context, index uint64, at time.Time, since func(*ruling) time.Time) (*ruling, error) {
	c.mu.Lock()
	n := sort.Search(len(c.leaves), func(i int) bool { return c.leaves[i].Index >= index })
	c.mu.Unlock()
	var current *ruling
	for i := range n {
		leaf, err := c.judge(ctx, i)
		if err != nil {
			return nil, err
		}
		if !leaf.Never && !since(&leaf).After(at) {
			current = &leaf
		}
	}
	return current, nil
}

// Rulings are all leaves of kind law, as judged. It fails where one cannot be judged yet.
func (c *Chain) Rulings(ctx context.Context) ([]Ruling, error) { return c.rulings(ctx, math.MaxUint64) }

// Until is Rulings of the leaves before index alone: those after it may not be judged yet.
func (c *Chain) Until(ctx context.Context, index uint64) ([]Ruling, error) {
	return c.rulings(ctx, index)
}

// At is the ruling by which acts are decided whose leaf is at index, with that leaf time; nil where no law counts there yet.
func (c *Chain) At(ctx context.Context, index uint64, at time.Time) (*Ruling, error) {
	current, err := c.upTo(ctx, index, at, (*ruling).nowAt)
	if err != nil || current == nil {
		return nil, err
	}
	return &current.Ruling, nil
}

// rulings are those of leaves before index.
func (c *Chain) rulings(ctx context.Context, index uint64) ([]Ruling, error) {
	c.mu.Lock()
	n := sort.Search(len(c.leaves), func(i int) bool { return c.leaves[i].Index >= index })
	c.mu.Unlock()
	out := make([]Ruling, 0, n)
	for i := range n {
		leaf, err := c.judge(ctx, i)
		if err != nil {
			return nil, err
		}
		out = append(out, leaf.Ruling)
	}
	return out, nil
}

// Pending are the rulings that will put a set in force later, unless a leaf comes that ends them.
func (c *Chain) Pending(ctx context.Context, at time.Time) ([]Ruling, error) {
	all, err := c.Rulings(ctx)
	if err != nil {
		return nil, err
	}
	var out []Ruling
	for _, r := range all {
		switch {
		case r.Never:
		case r.Wait && r.From.After(at):
			out = append(out, r)
		default: // what counts by now ends what was announced before it
			out = out[:0]
		}
	}
	return out, nil
}

// Spent reports whether the approvals of a set are used up: a leaf on record needed them, and counted.
func (c *Chain) Spent(ctx context.Context, set tribune.Hash) (bool, error) {
	all, err := c.Rulings(ctx)
	return slices.ContainsFunc(all, func(r Ruling) bool { return r.spends(set) }), err
}

// judge settles what a law leaf does. The leaves before it are settled already.
func (c *Chain) judge(ctx context.Context, i int) (ruling, error) {
	c.mu.Lock()
	leaf := c.leaves[i]
	if leaf.settled {
		c.mu.Unlock()
		return leaf, nil
	}
	earlier, anew := slices.Clone(c.leaves[:i]), c.anew
	c.mu.Unlock()
	if err := c.rule(ctx, &leaf, earlier); err != nil {
		return leaf, err
	}
	leaf.settled = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.anew == anew { // else by what is not so any more
		c.leaves[i] = leaf
	}
	c.leaves[i].Passed = c.leaves[i].Passed || leaf.Passed // for good
	return leaf, nil
}

// rule is the rule.
func (c *Chain) rule(ctx context.Context, leaf *ruling, earlier []ruling) error {
	written := leaf.written()
	leaf.From, leaf.Then = leaf.Seen, written
	if leaf.Never = leaf.Passed; leaf.Never {
		return nil
	}
	set, err := c.cfg.Load(ctx, leaf.Set)
	if err != nil && !errors.Is(err, ErrUnshown) {
		return err
	}
	prior, beforeErr := c.upTo(ctx, leaf.Index, written, (*ruling).thenAt)
	var before *Set
	if beforeErr == nil {
		before, beforeErr = c.load(ctx, prior)
	}
	switch {
	case err != nil:
		if beforeErr != nil || c.cfg.Now().Sub(leaf.Seen) < protocol.LooseningWait {
			return err
		}
		leaf.Never, leaf.Passed = true, true
		if c.cfg.PassOver != nil {
			return c.cfg.PassOver(leaf.Index)
		}
	case set == nil: // does not verify
		leaf.Never = true
	case errors.Is(beforeErr, tribune.ErrNotFound): // the first
	case beforeErr != nil:
		return beforeErr
	case before.Hash() == set.Hash() || tightens(before, set):
		if prior.at.After(leaf.Seen) { // what it tightens waits, for us
			leaf.wait(prior.at, prior.then)
		}
	default:
		keys, t := c.cfg.Approvers(leaf.Index)
		leaf.wait(leaf.Seen.Add(protocol.LooseningWait), written.Add(protocol.LooseningWait))
		leaf.Never = Approved(leaf.Set, before.Hash(), leaf.Approvals, keys, written) < t ||
			slices.ContainsFunc(earlier, func(e ruling) bool { return e.spends(leaf.Set) })
	}
	return nil
}

func tightens(before, set *Set) bool {
	yes, _ := Tightens(before, set)
	return yes
}
