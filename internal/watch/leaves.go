package watch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

const (
	// outOfOrder is how far an act may be dated before its neighbour: prepared acts live a minute, and a restart takes minutes.
	outOfOrder   = 15 * time.Minute
	maxUnchecked = 1 << 16 // leaves whose law is not to be had yet
	maxStanding  = 1 << 20
)

// reading is what the leaves say, read in order, from the first at each start. Memory: some 30 bytes a tag, 24 bytes a standing act,
// 16 KB an office and purpose.
type reading struct {
	w        *Watcher
	next     uint64 // the first leaf that has not been read
	laws     *laws
	tags     *tags
	volumes  *volumes
	standing map[[16]byte]uint64 // act to leaf

	last          time.Time // of the leaf before
	unchecked     []uint64
	dropped       uint64
	vitals        vitals
	publications  []publication
	publicationAt int                 // the next to be looked at
	rightly       map[uint64]bool     // publications that t guardians were seen to find right
	releases      []uint64            // leaves whose statements are to be looked at
	hourFrom      map[useKey]uint64   // the first leaf of the newest hour
	index         *protocol.IndexLeaf // the newest, not yet held against the record
	indexLeaf     uint64
}

func newReading(w *Watcher) *reading {
	r := &reading{w: w, tags: newTags(), volumes: newVolumes(), standing: map[[16]byte]uint64{}, rightly: map[uint64]bool{}, hourFrom: map[useKey]uint64{}}
	pins := w.cfg.Pins
	if pins.Steward == "" {
		pins = w.state.Pins
	}
	r.laws = newLaws(w.Copy, pins, &w.state, w.cfg.Now)
	return r
}

// leaves reads what is new in the copy. before is the head that was held before this round; nil where there was none, or at a start.
func (w *Watcher) leaves(ctx context.Context, before *verify.Checkpoint) error {
	head := w.Copy.head()
	if head == nil {
		return nil
	}
	for w.read.next < head.Size {
		if ctx.Err() != nil {
			return nil
		}
		n := w.read.next / layout.EntryBundleWidth
		entries, err := w.Copy.mirror.Entries(n)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		for i := w.read.next % layout.EntryBundleWidth; i < uint64(len(entries)) && w.read.next < head.Size; i++ {
			w.read.leaf(ctx, w.read.next, entries[i], bounds(w.read.next, before, head))
			w.read.next++
		}
	}
	w.read.settle(ctx)
	w.read.vitalSettle(ctx)
	if err := w.read.checkIndex(ctx); err != nil {
		return err
	}
	w.state.Pins = w.read.laws.pins
	return nil
}

// span is when a leaf can have been put on record: between the co-signatures that did not cover it and those that did.
type span struct{ after, before time.Time }

func bounds(index uint64, before, head *verify.Checkpoint) span {
	if before == nil || index < before.Size {
		return span{}
	}
	return span{cosigned(before), cosigned(head)}
}

// leaf reads one leaf.
func (r *reading) leaf(ctx context.Context, index uint64, raw []byte, when span) {
	l, err := protocol.DecodeLeaf(raw)
	if err != nil {
		r.say(index, Unreadable, fmt.Sprintf("Leaf %d cannot be read: %v.", index, err), nil)
		return
	}
	at, _ := l.Act.When()
	r.inTime(index, at, when)
	if !known(l.Act.Kind) {
		r.w.report(UnknownKind, string(l.Act.Kind), fmt.Sprintf("Leaf %d is the first of kind %q, which this program does not know.", index, string(l.Act.Kind)), nil)
	}
	switch l.Act.Kind {
	case tribune.ActCeremony:
		r.ceremony(index, l)
	case tribune.ActLaw:
		if !when.after.IsZero() {
			r.w.state.Laws[index] = when.after
		}
		r.law(ctx, r.laws.add(index, l, r.w.state.Laws[index]))
	case tribune.ActIndex:
		if public, err := protocol.DecodeIndexLeaf(l.Public); err == nil && l.Decision.Permit && public.Size <= index {
			r.index, r.indexLeaf = &public, index
		}
	case tribune.ActStanding:
		if id, ok := actID(l.Act.ID); ok && l.Decision.Permit && len(r.standing) < maxStanding {
			r.standing[id] = index
		}
	case tribune.ActDelivery:
		r.delivery(index, l)
	}
	r.duplicates(index, l)
	r.vital(ctx, index, l)
	r.published(index, l)
	if !r.check(ctx, index, l, false) {
		r.later(index)
	}
	r.count(index, l, at)
	if l.Decision.Permit && handled[l.Act.Kind].opens {
		r.releases = append(r.releases, index)
		if len(r.releases) > maxReleases {
			r.releases = slices.Delete(r.releases, 0, len(r.releases)-maxReleases)
		}
	}
}

// say reports something about one leaf, with the leaf as evidence.
func (r *reading) say(index uint64, k Kind, text string, add func(*Evidence)) {
	r.w.report(k, fmt.Sprintf("leaf %d", index), text, func() *Evidence {
		receipt, err := r.w.Copy.receipt(index)
		if err != nil {
			return nil
		}
		e := &Evidence{Version: 1, Receipts: []string{receipt}, Leaves: []uint64{index}}
		if add != nil {
			add(e)
		}
		return e
	})
}

// inTime holds an act's own time against its neighbours and against the co-signatures around it.
func (r *reading) inTime(index uint64, at time.Time, when span) {
	text := ""
	switch {
	case !r.last.IsZero() && at.Before(r.last.Add(-outOfOrder)):
		text = fmt.Sprintf("Leaf %d is dated %s, and the leaf before it %s: one of the two is wrong.", index, protocol.Time(at), protocol.Time(r.last))
	case !when.after.IsZero() && at.Before(when.after.Add(-outOfOrder)):
		text = fmt.Sprintf("Leaf %d is dated %s, and was not on record at %s.", index, protocol.Time(at), protocol.Time(when.after))
	case !when.before.IsZero() && at.After(when.before.Add(maxAhead)):
		text = fmt.Sprintf("Leaf %d is dated %s, and was on record at %s.", index, protocol.Time(at), protocol.Time(when.before))
	}
	r.last = at
	if text != "" {
		r.say(index, BadTime, text, nil)
	}
}

// duplicates finds tags that an earlier leaf carries.
func (r *reading) duplicates(index uint64, l protocol.Leaf) {
	for _, t := range l.Tags {
		earlier, maybe := r.tags.add(t, index)
		if !maybe {
			continue
		}
		first, err := r.w.Copy.leaf(earlier)
		if err != nil || !slices.Contains(first.Tags, t) {
			continue // eight bytes in common, no more
		}
		r.say(index, DuplicateTag, fmt.Sprintf("The tag %s stands in leaf %d and again in leaf %d.", t, earlier, index), func(e *Evidence) {
			if receipt, err := r.w.Copy.receipt(earlier); err == nil {
				e.Receipts, e.Leaves = []string{receipt, e.Receipts[0]}, []uint64{earlier, index}
			}
		})
	}
}
