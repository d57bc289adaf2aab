package guardian

import (
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// erasures are the erased tags on record (protocol 32). Whose they are shows only once the hub, which asks for that person's keys, shows
// the person's trace key: then every identity of theirs up to the day of the last erasure is refused, whoever asks and by whatever act.
// An enrolment opens none of them, so whoever comes back is traced and opened again from the next day on.
//
// A leaf alone refuses for protocol.ErasureGrace: whether it is lawful must be shown (eraseproof.go), else a hub that was taken over could have
// anybody refused for ever.
//
// The same leaf once more is no erasure: what was proven of the first would be taken for proven of it, up to its own, later, day.
//
// Memory: some 300 bytes an erasure. The lock is the index's.
type erasures struct {
	days   map[tribune.Tag][]erasedDay
	leaves map[uint64]*erasureLeaf
	byHash map[tribune.Hash]uint64
	kept   map[uint64]keptErasure // as read back from disk, until their leaves are
	newest uint32                 // the latest day of any act on record so far
	dirty  bool                   // leaves have changes that are not on disk
}

// erasedDay is one leaf's word: this tag's subject is erased up to that day.
type erasedDay struct {
	leaf uint64
	day  uint32
}

// verdict is what a guardian thinks of an erasure on record.
type verdict string

const (
	pending verdict = ""       // nobody has shown it; obeyed for ErasureGrace
	proven  verdict = "proven" // obeyed
	forged  verdict = "forged" // what the leaf itself commits to does not carry it; not obeyed
)

// erasureLeaf is one erasure on record.
type erasureLeaf struct {
	keptErasure
	act protocol.Act
}

// keptErasure is what is on disk of it.
type keptErasure struct {
	Hash    tribune.Hash `json:"hash"` // of the leaf
	Seen    int64        `json:"seen"` // Unix second at which we first held it
	Verdict verdict      `json:"verdict,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	At      int64        `json:"at,omitempty"` // of the verdict
}

// obeyed reports whether an erasure refuses anybody.
func (l *erasureLeaf) obeyed(now time.Time) bool {
	return l.Verdict == proven || l.Verdict == pending && now.Before(time.Unix(l.Seen, 0).Add(protocol.ErasureGrace))
}

// add takes each leaf in order. An erasure counts for the day of its own act, or for the latest day that any leaf before it names, if that
// is later: who dates one back leaves nothing open. The clock bounds what a leaf from the future could do to those after it.
func (e *erasures) add(i uint64, l protocol.Leaf, now time.Time) {
	at, err := l.Act.When()
	if err != nil || at.Unix() < 0 {
		return
	}
	day := tribune.DayOf(at)
	if day <= tribune.DayOf(now.Add(maxSkew)) {
		e.newest = max(e.newest, day)
	} else {
		day = e.newest // who dates one ahead erases no years to come
	}
	if l.Act.Kind != tribune.ActErase {
		return
	}
	public, err := protocol.ErasureOf(l)
	if err != nil {
		return // on record, and no erasure: the person it was promised to sees that, too
	}
	if e.days == nil {
		e.days, e.leaves, e.byHash = map[tribune.Tag][]erasedDay{}, map[uint64]*erasureLeaf{}, map[tribune.Hash]uint64{}
	}
	if !e.note(i, l, now) {
		return
	}
	for _, tag := range public.Erased {
		e.days[tag] = append(e.days[tag], erasedDay{i, max(day, e.newest)})
	}
}

// note keeps when a leaf was first held, and says whether it is the first of its bytes. Where a crash lost the moment, now is later than it was: it is
// obeyed longer, never shorter.
func (e *erasures) note(i uint64, l protocol.Leaf, now time.Time) (first bool) {
	raw, err := l.Encode()
	if err != nil {
		return true
	}
	one := &erasureLeaf{keptErasure{Hash: protocol.LeafHash(raw), Seen: now.Unix()}, l.Act}
	if _, again := e.byHash[one.Hash]; again {
		return false
	}
	e.byHash[one.Hash] = i
	if k, ok := e.kept[i]; ok && k.Hash == one.Hash {
		one.keptErasure = k
	} else {
		e.dirty = true
	}
	e.leaves[i] = one
	return true
}

// until is the last day that is erased for the subject whose trace key is k; ok is false where none is. Numbers that were left out are
// passed over, protocol.ErasedAhead of them.
func (e *erasures) until(k []byte, now time.Time) (day uint32, ok bool) {
	if len(e.days) == 0 {
		return 0, false
	}
	for m, absent := uint64(1), 0; absent <= protocol.ErasedAhead; m++ {
		all := e.days[protocol.ErasedTag(k, m)]
		if len(all) == 0 {
			absent++
			continue
		}
		absent = 0
		for _, d := range all {
			if l := e.leaves[d.leaf]; l == nil || l.obeyed(now) {
				day, ok = max(day, d.day), true
			}
		}
	}
	return day, ok
}

// hour is how many acts of erasure an office has done for a purpose in the hour of one of them, with that one, and about how many people. Only those
// that were proven count: who has the hub puts others on record as they like, and would use up the hour of a real one.
func (e *erasures) hour(i uint64) (acts, subjects int64) {
	one := e.leaves[i]
	at, err := one.act.When()
	if err != nil {
		return 0, 0
	}
	for j, l := range e.leaves {
		if j != i && l.Verdict != proven {
			continue
		}
		then, err := l.act.When()
		if err == nil && l.act.Office == one.act.Office && l.act.Purpose == one.act.Purpose && hourOf(then) == hourOf(at) {
			acts++
			subjects += int64(l.act.Count)
		}
	}
	return acts, subjects
}

// unerased refuses identities of days that are erased for the subject whose trace key is k. Where the erasure stands in the record does not
// matter, before or after the act: what is mirrored counts.
func (x *index) unerased(k []byte, ids []tribune.Identity) error {
	x.mu.RLock()
	day, ok := x.erased.until(k, x.now())
	x.mu.RUnlock()
	if !ok {
		return nil
	}
	for _, id := range ids {
		if id.Kind == tribune.IdentitySubject && id.Day <= day {
			return fmt.Errorf("what is held of them was erased, on record, up to %s", tribune.SegmentStart(day, 0).Format(time.DateOnly))
		}
	}
	return nil
}
