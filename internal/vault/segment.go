package vault

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/ibe"
)

// subject is whose segments are opened and closed together.
type subject struct {
	class tribune.ClassID
	p     tribune.Pseudonym
}

// segment is one open segment: one data key, for the values of one partition.
type segment struct {
	subject   subject
	partition uint16
	id        tribune.Identity
	start     int64         // Unix second, its name
	opened    time.Time     // with its monotonic reading: a clock that is set back does not prolong a segment
	entry     *list.Element // in table.order

	mu       sync.RWMutex // guards the rest; readers seal, the writer makes or wipes the key
	made     bool
	closed   bool
	dek      [ibe.DEKSize]byte
	header   tribune.Write // the header row, until it is written
	written  bool          // it is durable
	announce bool          // the subject had no trace key when the segment was made; does not change after that
}

// close wipes the key once those who are sealing have finished.
func (s *segment) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	clear(s.dek[:])
}

// expired reports whether nothing more may be sealed to s.
func (s *segment) expired(now time.Time) bool {
	return now.Sub(s.opened) >= tribune.SegmentMax ||
		now.Unix() >= s.start+int64(tribune.SegmentMax/time.Second) ||
		tribune.DayOf(now) > s.id.Day
}

// table holds the open segments and decides what new ones are called.
type table struct {
	maxOpen, maxClosed int

	mu    sync.Mutex             // guards the rest; taken before a segment's own lock
	open  map[subject][]*segment // one for each partition in use
	order *list.List             // of *segment, the oldest first
	last  int64                  // the latest second seen
	after map[subject]int64      // the last name of closed segments: the next must be later
	least int64                  // no segment may be named earlier: stands in for what after forgot
}

func newTable(now time.Time, maxOpen, maxClosed int) *table {
	return &table{
		maxOpen: maxOpen, maxClosed: maxClosed,
		open: map[subject][]*segment{}, order: list.New(), after: map[subject]int64{},
		last: now.Unix(), least: now.Unix() + 1, // a process that ended within this second may have named segments by it
	}
}

// get returns the open segment of a subject in a partition, opening one where there is none.
func (t *table) get(now time.Time, of subject, partition uint16) *segment {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tick(now)
	for _, s := range slices.Clone(t.open[of]) {
		if s.partition != partition {
			continue
		}
		if !s.expired(now) {
			return s
		}
		t.drop(s) // tick stops at the first that has not expired; a name taken ahead can upset the order
	}
	if t.order.Len() >= t.maxOpen {
		t.drop(t.order.Front().Value.(*segment))
	}
	start := max(now.Unix(), t.least)
	if last, ok := t.after[of]; ok {
		start = max(start, last+1)
	}
	at := time.Unix(start, 0)
	s := &segment{
		subject: of, partition: partition, start: start, opened: now,
		id: tribune.Identity{
			Kind: tribune.IdentitySubject, Pseudonym: of.p, Class: of.class,
			Day: tribune.DayOf(at), Segment: tribune.SecondOf(at),
		},
	}
	s.entry = t.order.PushBack(s)
	t.open[of] = append(t.open[of], s)
	return s
}

// tick closes what time has ended. Segments opened before a clock was set back are from the future for everyone else:
// they are closed too, lest more values go where guardians will not follow for a while. Called with mu held.
func (t *table) tick(now time.Time) {
	const wobble = 2 // seconds that are not worth it
	if now.Unix() < t.last-wobble {
		for t.order.Len() > 0 {
			t.drop(t.order.Front().Value.(*segment))
		}
	}
	t.last = now.Unix()
	for e := t.order.Front(); e != nil && e.Value.(*segment).expired(now); e = t.order.Front() {
		t.drop(e.Value.(*segment))
	}
}

// drop closes a segment and remembers its name. Called with mu held.
func (t *table) drop(s *segment) {
	if s.entry == nil {
		return
	}
	t.order.Remove(s.entry)
	s.entry = nil
	rest := slices.DeleteFunc(t.open[s.subject], func(o *segment) bool { return o == s })
	if len(rest) == 0 {
		delete(t.open, s.subject)
	} else {
		t.open[s.subject] = rest
	}
	if len(t.after) >= t.maxClosed {
		for _, last := range t.after {
			t.least = max(t.least, last+1)
		}
		clear(t.after)
	}
	t.after[s.subject] = max(t.after[s.subject], s.start)
	s.close()
}

// close closes the segments of the given subjects.
func (t *table) close(of []subject) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range of {
		for _, s := range slices.Clone(t.open[o]) {
			t.drop(s)
		}
	}
}

// begins returns the latest start of the given subjects' open segments, 0 where none is open.
func (t *table) begins(of []subject) (latest int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range of {
		for _, s := range t.open[o] {
			latest = max(latest, s.start)
		}
	}
	return latest
}

func (t *table) closeOne(s *segment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(s)
}

func (t *table) closeExpired(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tick(now)
}

func (t *table) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.order.Len() > 0 {
		t.drop(t.order.Front().Value.(*segment))
	}
}

// CloseSegments ends the open segments of the given subjects: nothing is sealed to them any more. Where one of them is
// named by the coming second it waits until that has begun, so that guardians do not take it to be from the future.
func (v *Vault) CloseSegments(class tribune.ClassID, subjects []tribune.Pseudonym) {
	of := make([]subject, len(subjects))
	for i, p := range subjects {
		of[i] = subject{class, p}
	}
	if wait := time.Unix(v.open.begins(of), 0).Sub(v.now()); wait > 0 && wait <= ahead {
		time.Sleep(wait)
	}
	v.open.close(of)
}
