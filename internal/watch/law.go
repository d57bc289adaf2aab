package watch

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

const (
	// tightGrace is how long acts that were prepared under a law may still be put on record after one that only tightens it: a
	// prepared act lives a minute, and clocks differ.
	tightGrace = 10 * time.Minute
	// looseGrace is how long the stricter law may still be used after a looser one has come into force: guardians count the 72
	// hours from when each has seen the leaf, and one whose clock starts later is not wrong.
	looseGrace = 72 * time.Hour
	// seenSlack is taken off the moment at which a watcher first saw a leaf: it may have looked a round later.
	seenSlack = 15 * time.Minute
	maxSets   = 16 // kept parsed; a city has one and sometimes a next one
	// maxUnshown bounds what is remembered of sets that nobody shows.
	maxUnshown = 1 << 12
)

// laws is which policy set was in force where, as far as it can be told from outside: policy.Chain, the rule that hub and guardians have,
// by other clocks. Where theirs may differ from ours, what follows is what cannot be called wrong.
type laws struct {
	copy *Copy
	pins policy.Trust // zero: those of the first law on record
	now  func() time.Time

	chain   *policy.Chain
	leaves  []*lawLeaf
	t       int // approvals that a looser law needs, by the roster on record; 0 = none seen yet
	sets    map[tribune.Hash]*policy.Set
	unshown map[tribune.Hash]time.Time // sets that nobody shows, since when; the watcher's state, as is
	passed  map[uint64]bool            // which leaves were passed over
	eras    int                        // groups of guardians that were known when the chain judged
}

// lawLeaf is one published set and what it does.
type lawLeaf struct {
	index  uint64
	public protocol.LawPublic
	at     time.Time // the leaf's own time, or, where the watcher saw it come, no earlier than that
	judged bool
	ruling policy.Ruling // once judged
}

func newLaws(c *Copy, pins policy.Trust, s *state, now func() time.Time) *laws {
	l := &laws{copy: c, pins: pins, now: now, sets: map[tribune.Hash]*policy.Set{}, unshown: s.Unshown, passed: s.Passed}
	l.chain = policy.NewChain(policy.ChainConfig{Approvers: l.approvers, Load: l.load, Now: now, PassOver: func(index uint64) error { l.passed[index] = true; return nil }})
	return l
}

func (l *laws) first() *lawLeaf {
	if len(l.leaves) == 0 {
		return nil
	}
	return l.leaves[0]
}

// add takes a leaf of kind law.
func (l *laws) add(index uint64, leaf protocol.Leaf, seen time.Time) *lawLeaf {
	public, err := protocol.DecodeLawPublic(leaf.Public)
	if err != nil || !leaf.Decision.Permit {
		return nil
	}
	at, err := leaf.Act.When()
	if err != nil {
		return nil
	}
	if !seen.IsZero() && at.Before(seen.Add(-seenSlack)) {
		at = seen.Add(-seenSlack) // dated back
	}
	n := &lawLeaf{index: index, public: public, at: at}
	l.leaves = append(l.leaves, n)
	l.chain.Add(policy.Announced{Index: index, Set: public.Set, Approvals: public.Approvals, Withdraws: public.Withdraws, Seen: at, Passed: l.passed[index]})
	return n
}

// approvers are the guardians whose word counts in the leaf at index: those of the group that was closed last before it or, where no chain
// of groups is shown, of the trust file.
func (l *laws) approvers(index uint64) (map[string]ed25519.PublicKey, int) {
	keys := map[string]ed25519.PublicKey{}
	if g := l.copy.members.groupAt(index); g != nil {
		for _, m := range g.Guardians {
			if _, key, err := protocol.PublicOf(m.Key); err == nil {
				keys[m.Name] = key
			}
		}
		return keys, g.T
	}
	for _, name := range l.copy.trust().Guardians() {
		if key, ok := l.copy.trust().GuardianKey(name); ok {
			keys[name] = key
		}
	}
	if l.t == 0 {
		return keys, len(keys) + 1 // nobody can say how many it takes
	}
	return keys, l.t
}

// load gets a set for the chain. Guardians pass over what nobody has shown for 72 hours: so do we, by our own clock, which starts when we
// have asked for it ourselves.
func (l *laws) load(ctx context.Context, hash tribune.Hash) (*policy.Set, error) {
	set, err := l.set(ctx, hash)
	switch {
	case err == nil:
		delete(l.unshown, hash)
		return set, nil
	case errors.Is(err, errVoid):
		return nil, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, tribune.ErrInvalid): // nobody can be asked
		return nil, err
	}
	since, known := l.unshown[hash]
	if !known && len(l.unshown) < maxUnshown {
		since, l.unshown[hash] = l.now(), l.now()
	}
	if known && l.now().Sub(since) >= protocol.LooseningWait {
		return nil, policy.ErrUnshown
	}
	return nil, err
}

// judge settles what a law leaf does. An error: its text, or that of one before it, is not to be had yet.
func (l *laws) judge(ctx context.Context, n *lawLeaf) error {
	l.anew()
	all, err := l.chain.Until(ctx, n.index+1)
	if err != nil {
		return err
	}
	l.settle(all)
	n.judged = true
	return nil
}

// settle keeps rulings, of the first leaves.
func (l *laws) settle(all []policy.Ruling) {
	for i := range all {
		l.leaves[i].ruling = all[i]
	}
}

// anew has everything judged again by groups of guardians that were not known before.
func (l *laws) anew() bool {
	eras := len(l.copy.members.trusts())
	if eras == l.eras {
		return false
	}
	l.eras = eras
	l.chain.Anew()
	return true
}

// why says why a set never counts.
func (l *laws) why(ctx context.Context, n *lawLeaf) string {
	set, err := l.load(ctx, n.public.Set)
	if err == nil && set == nil {
		return "it does not verify"
	}
	before, berr := l.chain.At(ctx, n.index, n.at)
	if err != nil || berr != nil || before == nil {
		return "nobody has shown it"
	}
	keys, t := l.approvers(n.index)
	if yes := policy.Approved(n.public.Set, before.Set, n.public.Approvals, keys, n.at); yes < t {
		return fmt.Sprintf("%d guardians have approved of it, and %d are needed", yes, t)
	}
	return "its approvals were used up before"
}

// check says what is wrong with the law under which a leaf was decided.
func (l *laws) check(ctx context.Context, index uint64, leaf protocol.Leaf) *finding {
	set := leaf.Decision.Set
	if set == (tribune.Hash{}) {
		return nil // judge says so where it matters
	}
	at, err := leaf.Act.When()
	if err != nil {
		return nil
	}
	if first := l.first(); first == nil || index < first.index && set == first.public.Set {
		return nil // appointments come before the first law is on record, and name it
	}
	var named []*lawLeaf
	for _, n := range l.leaves {
		if n.public.Set == set && (n.index < index || n.index == index && leaf.Act.Kind == tribune.ActLaw) {
			named = append(named, n)
		}
	}
	if len(named) == 0 {
		return &finding{LawUnknown, fmt.Sprintf("Leaf %d was decided under the policy set %s, which is not on record before it.", index, set)}
	}
	if l.unjudged(index) || leaf.Act.Kind == tribune.ActLaw {
		return nil // LawUnshown says so
	}
	if l.anew() {
		all, err := l.chain.Until(ctx, index)
		if err != nil {
			return nil
		}
		l.settle(all)
	}
	if now, err := l.chain.At(ctx, index, at); err != nil || now == nil || now.Set == set {
		return nil
	}
	return l.outOfTime(ctx, index, set, at, named)
}

// unjudged: a law before this place whose text is not to be had may be the one in force.
func (l *laws) unjudged(index uint64) bool {
	return slices.ContainsFunc(l.leaves, func(n *lawLeaf) bool { return n.index < index && !n.judged })
}

func (l *laws) outOfTime(ctx context.Context, index uint64, set tribune.Hash, at time.Time, named []*lawLeaf) *finding {
	var why string
	for _, n := range named {
		r := n.ruling
		switch by := l.ended(n, index); {
		case r.Never:
			why = fmt.Sprintf("Leaf %d was decided under the policy set %s of leaf %d, which never came into force: %s.", index, set, n.index, l.why(ctx, n))
		case by != nil:
			why = fmt.Sprintf("Leaf %d was decided under the policy set %s of leaf %d, which leaf %d had withdrawn.", index, set, n.index, by.index)
		case r.Wait && r.From.After(at):
			if r.From.Sub(at) <= seenSlack {
				return nil
			}
			why = fmt.Sprintf("Leaf %d was decided at %s under the policy set %s of leaf %d, which permits more than the law before it and cannot be in force before %s.",
				index, at.Format(time.RFC3339), set, n.index, r.From.Format(time.RFC3339))
		default: // it was in force; since when not?
			if gone := l.replaced(n, index, at); gone != nil && at.Sub(gone.From) > grace(gone) {
				return &finding{LawStale, fmt.Sprintf("Leaf %d was decided at %s under the policy set %s, which that of leaf %d had replaced.", index, at.Format(time.RFC3339), set, gone.Index)}
			}
			return nil
		}
	}
	return &finding{LawEarly, why}
}

// ended is the leaf by which a set that waited was withdrawn: one that counted before the wait was over.
func (l *laws) ended(n *lawLeaf, index uint64) *lawLeaf {
	if !n.ruling.Wait {
		return nil
	}
	for _, o := range l.leaves {
		if o.index > n.index && o.index < index && o.judged && !o.ruling.Never && o.ruling.From.Before(n.ruling.From) {
			return o
		}
	}
	return nil
}

// replaced is the first law that came into force after n.
func (l *laws) replaced(n *lawLeaf, index uint64, at time.Time) *policy.Ruling {
	for _, o := range l.leaves {
		if o.index > n.index && o.index < index && o.judged && !o.ruling.Never && !o.ruling.From.After(at) && o.public.Set != n.public.Set && l.ended(o, index) == nil {
			return &o.ruling
		}
	}
	return nil
}

func grace(r *policy.Ruling) time.Duration {
	if r.Wait {
		return looseGrace
	}
	return tightGrace
}
