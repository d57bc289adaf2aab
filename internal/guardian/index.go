package guardian

import (
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// seenFor is how long we remember when a size was co-signed: longer than any act may be released.
const seenFor = 2 * releaseWindow

// index is what the leaves of the mirror say, as far as a release needs it. It is rebuilt from the mirror at start.
// Memory: some 50 bytes a tag, 16 bytes an act of the last two hours, one word an appointment.
type index struct {
	mu     sync.RWMutex           // guards all
	tags   map[tribune.Tag]uint64 // the first leaf that carries it: the one that counts
	again  []protocol.IndexEntry  // later ones: for the daily index, which reports them
	counts *actCounts
	erased erasures

	represented representations

	heads []seenHead
	now   func() time.Time
}

// seenHead says when we first held a tree of that size; a zero time: before this start.
type seenHead struct {
	size uint64
	at   time.Time
}

func newIndex(now func() time.Time) *index {
	return &index{tags: map[tribune.Tag]uint64{}, counts: newActCounts(), now: now}
}

// leaf takes each mirrored leaf once, in order. What does not decode is on record but means nothing: it releases
// nothing, and its tags mark no use.
func (g *Guardian) leaf(i uint64, raw []byte, live bool) {
	l, err := protocol.DecodeLeaf(raw)
	if err != nil {
		return
	}
	g.index.add(i, l)
	g.hidden.Leaf(i, l)
	g.law.time(l)
	switch l.Act.Kind {
	case tribune.ActCeremony:
		g.ceremony.Leaf(i, l.Public)
	case tribune.ActLaw:
		g.law.leaf(i, l)
	case tribune.ActErase: // when it was first seen must rest
	case tribune.ActIndex:
		g.traceIndex.leaf(i, l)
		return
	default:
		return
	}
	g.wake()
}

func (x *index) add(i uint64, l protocol.Leaf) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.erased.add(i, l, x.now())
	x.represented.add(i, l)
	for _, t := range l.Tags {
		if first, used := x.tags[t]; !used {
			x.tags[t] = i
		} else if first != i {
			x.again = append(x.again, protocol.IndexEntry{Tag: t, Leaf: i})
		}
	}
	if at, err := l.Act.When(); err == nil && l.Decision.Permit && counts(l.Act.Kind) {
		x.counts.add(i, l.Act, at, x.now())
	}
}

// first is the leaf in which a tag first occurs.
func (x *index) first(t tribune.Tag) (uint64, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, ok := x.tags[t]
	return i, ok
}

// advance remembers when a size was reached.
func (x *index) advance(size uint64, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.heads); n > 0 && x.heads[n-1].size >= size {
		return
	}
	keep := 0
	for keep+1 < len(x.heads) && at.Sub(x.heads[keep+1].at) > seenFor {
		keep++
	}
	x.heads = append(x.heads[keep:], seenHead{size, at})
}

// seen is when we held the leaf at the latest; zero where it was before this start.
func (x *index) seen(leaf uint64) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, h := range x.heads {
		if h.size > leaf {
			return h.at
		}
	}
	return time.Time{}
}
