package watch

import (
	"context"
	"errors"
	"fmt"
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
)

// laws is which policy set was in force where, as far as it can be told from outside. It is the guardians' rule, by other clocks:
// where theirs may differ from ours, what follows is what cannot be called wrong.
type laws struct {
	copy *Copy
	pins policy.Trust // zero: those of the first law on record
	key  func(name string) ([]byte, bool)

	leaves []*lawLeaf
	t      int // approvals that a looser law needs; 0 = no roster seen yet
	sets   map[tribune.Hash]*policy.Set
}

// lawLeaf is one published set and what it does.
type lawLeaf struct {
	index  uint64
	public protocol.LawPublic
	at     time.Time // the leaf's own time, or, where the watcher saw it come, no earlier than that
	before *lawLeaf  // in force when it came
	judged bool
	dead   string    // why it never counts; "" = it does
	loose  bool      // it permits more
	from   time.Time // counts from then on
	ended  time.Time // withdrawn then, before it counted; zero = not
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
	return n
}

// judge settles what a law leaf does. An error: the text is not to be had yet.
func (l *laws) judge(ctx context.Context, n *lawLeaf) error {
	if n.judged {
		return nil
	}
	n.from = n.at
	set, err := l.set(ctx, n.public.Set)
	switch {
	case errors.Is(err, errVoid):
		n.judged, n.dead = true, "it does not verify"
		return nil
	case err != nil:
		return err
	}
	n.before = l.inForce(n.index, n.at)
	if n.before == nil || n.before.public.Set == n.public.Set {
		n.judged = true
		if n.public.Withdraws != (tribune.Hash{}) {
			l.withdraw(n)
		}
		return nil
	}
	old, err := l.set(ctx, n.before.public.Set)
	if err != nil {
		return err
	}
	n.judged = true
	if tight, _ := policy.Tightens(old, set); tight {
		return nil
	}
	n.loose, n.from = true, n.at.Add(protocol.LooseningWait)
	if yes := l.approved(n, old.Hash()); l.t == 0 || yes < l.t {
		n.dead = fmt.Sprintf("%d guardians have approved of it, and %d are needed", yes, l.t)
	}
	return nil
}

// withdraw ends an announced set that does not count yet.
func (l *laws) withdraw(by *lawLeaf) {
	for _, n := range l.leaves {
		if n.index < by.index && n.public.Set == by.public.Withdraws && n.from.After(by.at) && n.ended.IsZero() {
			n.ended = by.at
		}
	}
}

// approved counts the guardians of the trust file that approved.
func (l *laws) approved(n *lawLeaf, before tribune.Hash) int {
	yes := map[string]bool{}
	for _, a := range n.public.Approvals {
		key, ok := l.key(a.Guardian)
		if ok && a.Counts(n.public.Set, before, key, n.at) {
			yes[a.Guardian] = true
		}
	}
	return len(yes)
}

// inForce is the law that decides at a place of the record, at a time; nil before the first.
func (l *laws) inForce(index uint64, at time.Time) (now *lawLeaf) {
	for _, n := range l.leaves {
		if n.index < index && n.judged && n.dead == "" && n.ended.IsZero() && !n.from.After(at) {
			now = n
		}
	}
	return now
}

// check says what is wrong with the law under which a leaf was decided.
func (l *laws) check(index uint64, leaf protocol.Leaf) *finding {
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
	now := l.inForce(index, at)
	if now == nil || now.public.Set == set || leaf.Act.Kind == tribune.ActLaw {
		return nil
	}
	if slices.ContainsFunc(named, func(n *lawLeaf) bool { return !n.judged }) || l.unjudged(index) {
		return nil // LawUnshown says so
	}
	return l.outOfTime(index, set, at, named)
}

// unjudged: a law before this place whose text is not to be had may be the one in force.
func (l *laws) unjudged(index uint64) bool {
	return slices.ContainsFunc(l.leaves, func(n *lawLeaf) bool { return n.index < index && !n.judged })
}

func (l *laws) outOfTime(index uint64, set tribune.Hash, at time.Time, named []*lawLeaf) *finding {
	var why string
	for _, n := range named {
		switch {
		case n.dead != "":
			why = fmt.Sprintf("Leaf %d was decided under the policy set %s of leaf %d, which never came into force: %s.", index, set, n.index, n.dead)
		case !n.ended.IsZero():
			why = fmt.Sprintf("Leaf %d was decided under the policy set %s of leaf %d, which was withdrawn.", index, set, n.index)
		case n.from.After(at):
			if n.from.Sub(at) <= seenSlack {
				return nil
			}
			why = fmt.Sprintf("Leaf %d was decided at %s under the policy set %s of leaf %d, which permits more than the law before it and cannot be in force before %s.",
				index, at.Format(time.RFC3339), set, n.index, n.from.Format(time.RFC3339))
		default: // it was in force; since when not?
			if gone := l.replaced(n, index, at); gone != nil && at.Sub(gone.from) > grace(gone) {
				return &finding{LawStale, fmt.Sprintf("Leaf %d was decided at %s under the policy set %s, which that of leaf %d had replaced.", index, at.Format(time.RFC3339), set, gone.index)}
			}
			return nil
		}
	}
	return &finding{LawEarly, why}
}

// replaced is the first law that came into force after n.
func (l *laws) replaced(n *lawLeaf, index uint64, at time.Time) *lawLeaf {
	for _, o := range l.leaves {
		if o.index > n.index && o.index < index && o.judged && o.dead == "" && o.ended.IsZero() && !o.from.After(at) && o.public.Set != n.public.Set {
			return o
		}
	}
	return nil
}

func grace(n *lawLeaf) time.Duration {
	if n.loose {
		return looseGrace
	}
	return tightGrace
}
