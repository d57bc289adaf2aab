package notify

import (
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// state is what changes of a subscription while it is the same: counters, and what is on its way. Updates keep it.
type state struct {
	mu sync.Mutex // guards all below

	counts counts
	dirty  bool // to be saved

	// behind is the number of the first change that must be looked at again for this subscription after a restart, while something
	// is on its way to its endpoint or waits for throttling; 0 = nothing is, and the hub's own position counts.
	behind uint64
	flying int // posts whose outcome is not known

	start    atomic.Uint64 // changes up to here are not this subscription's, or have been looked at for it
	catching bool          // the change log is being read for it: its position stays

	told told // of whom a standing subscription has been told today

	posted  time.Time                     // of the last notification that was sent off, for throttling
	waiting map[tribune.EntityID]*changed // for throttling to end
}

// counts are the output only members of clause 5.2.14.2.
type counts struct {
	Sent         int64     `json:"sent,omitempty"`
	Failed       int64     `json:"failed,omitempty"`
	Notification time.Time `json:"notification,omitzero"`
	Success      time.Time `json:"success,omitzero"`
	Failure      time.Time `json:"failure,omitzero"`
	LastFailed   bool      `json:"lastFailed,omitempty"`
}

// changed is one entity's change as a subscription sees it.
type changed struct {
	before, after *model.Entity // nil = it was not there, is not there any more; before is also nil where it is not known
	whole         trigger       // entityCreated, entityDeleted or 0
	at            time.Time
	attrs         []change

	from string // the context source that notified of it; "" = here
	size int64  // of what came from there, in bytes
}

// change is one attribute's.
type change struct {
	name tribune.Name
	on   trigger
}

// begin notes that a notification is on its way; position is where the change log stood before its changes.
func (s *state) begin(position uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying++; s.behind == 0 {
		s.behind = position + 1
		s.dirty = true
	}
}

// sent notes that a notification goes to its endpoint, whatever that will say (clause 5.8.6).
func (s *state) sent(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Sent++
	s.counts.Notification, s.dirty = at, true
}

// ended notes an outcome (clause 5.8.6), and says whether more waits to be sent.
func (s *state) ended(at time.Time, err error, tried bool) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying--
	s.settle()
	s.dirty = true
	switch {
	case err == nil:
		s.counts.Success, s.counts.LastFailed = at, false
	case tried || err == ErrOverrun:
		s.counts.Failed++
		s.counts.Failure, s.counts.LastFailed = at, true
	}
	return len(s.waiting) > 0
}

// settle forgets the position where nothing is on its way any more; mu is held.
func (s *state) settle() {
	if s.flying == 0 && len(s.waiting) == 0 && !s.catching && s.behind != 0 {
		s.behind, s.dirty = 0, true
	}
}

// caughtUp notes that the change log has been read for it up to here.
func (s *state) caughtUp(to uint64) {
	s.start.Store(max(s.start.Load(), to))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catching = false
	s.settle()
}

// progress is what is kept of the state; false where nothing has changed since it was last asked.
func (s *state) progress() (progress, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirty := s.dirty
	s.dirty = false
	return progress{s.counts, s.behind}, dirty
}
