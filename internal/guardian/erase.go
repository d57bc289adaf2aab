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
// Memory: some 60 bytes an erased subject. The lock is the index's.
type erasures struct {
	days   map[tribune.Tag]uint32
	newest uint32 // the latest day of any act on record so far
}

// add takes each leaf in order. An erasure counts for the day of its own act, or for the latest day that any leaf before it names, if that
// is later: who dates one back leaves nothing open. The clock bounds what a leaf from the future could do to those after it.
func (e *erasures) add(l protocol.Leaf, now time.Time) {
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
		e.days = map[tribune.Tag]uint32{}
	}
	for _, tag := range public.Erased {
		e.days[tag] = max(e.days[tag], day, e.newest)
	}
}

// until is the last day that is erased for the subject whose trace key is k; ok is false where none is. Numbers that were left out are
// passed over, protocol.ErasedAhead of them.
func (e *erasures) until(k []byte) (day uint32, ok bool) {
	if len(e.days) == 0 {
		return 0, false
	}
	for m, absent := uint64(1), 0; absent <= protocol.ErasedAhead; m++ {
		d, erased := e.days[protocol.ErasedTag(k, m)]
		if !erased {
			absent++
			continue
		}
		day, ok, absent = max(day, d), true, 0
	}
	return day, ok
}

// unerased refuses identities of days that are erased for the subject whose trace key is k. Where the erasure stands in the record does not
// matter, before or after the act: what is mirrored counts.
func (x *index) unerased(k []byte, ids []tribune.Identity) error {
	x.mu.RLock()
	day, ok := x.erased.until(k)
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
