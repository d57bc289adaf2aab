package notify

import (
	"sync/atomic"

	"tribune/internal/twin"
)

// feedLength is how many changes may wait to be looked at: some seconds of a full write load. What is beyond is read from the
// change log later.
const feedLength = 1 << 14

// Feed is the queue between the twin's writers and the notifier: a twin.Observer. It costs a writer one atomic load while nobody
// subscribes, and never blocks.
type Feed struct {
	open   atomic.Bool   // somebody subscribes
	tells  atomic.Bool   // somebody under a standing act: events say what arrives sealed, too
	lost   atomic.Uint64 // the queue was full: the change log has what is missing, up to here; 0 = nothing is
	events chan event
}

// event is a change, or a mark: everything up to its number of the change log stands before it in the queue.
type event struct {
	twin.Event
	mark bool
}

// NewFeed is an empty feed.
func NewFeed() *Feed { return &Feed{events: make(chan event, feedLength)} }

// Watches reports whether anybody subscribes.
func (f *Feed) Watches() bool { return f.open.Load() }

// Tells reports whether events are to say what arrives sealed.
func (f *Feed) Tells() bool { return f.tells.Load() }

// Observe takes a change.
func (f *Feed) Observe(e twin.Event) {
	if !f.open.Load() {
		return
	}
	select {
	case f.events <- event{Event: e}:
	default:
		for {
			lost := f.lost.Load()
			if e.Seq <= lost || f.lost.CompareAndSwap(lost, e.Seq) {
				return
			}
		}
	}
}
