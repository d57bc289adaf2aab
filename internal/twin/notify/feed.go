package notify

import (
	"sync/atomic"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

// How many changes may wait to be looked at, some seconds of a full write load, and how many bytes they may hold: an entity can have
// megabytes, and each of its changes holds it before and after. What is beyond is read from the change log later.
const (
	feedLength = 1 << 14
	feedBytes  = 64 << 20
)

// Feed is the queue between the twin's writers and the notifier: a twin.Observer. It costs a writer one atomic load while nobody
// subscribes, and never blocks.
type Feed struct {
	open   atomic.Bool   // somebody subscribes
	tells  atomic.Bool   // somebody under a standing act: events say what arrives sealed, too
	lost   atomic.Uint64 // the queue was full: the change log has what is missing, up to here; 0 = nothing is
	bytes  atomic.Int64  // of what is in the queue, about
	events chan event
}

// event is a change, or a mark: everything up to its number of the change log stands before it in the queue.
type event struct {
	twin.Event
	mark bool
	size int64 // in bytes, about
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
	size := sizeOf(&e)
	if all := f.bytes.Add(size); all <= feedBytes || all == size { // one alone always fits
		select {
		case f.events <- event{Event: e, size: size}:
			return
		default:
		}
	}
	f.bytes.Add(-size)
	for {
		lost := f.lost.Load()
		if e.Seq <= lost || f.lost.CompareAndSwap(lost, e.Seq) {
			return
		}
	}
}

// taken gives back the room of an event that is out of the queue.
func (f *Feed) taken(e *event) { f.bytes.Add(-e.size) }

// sizeOf estimates the memory that an event keeps from being freed. What an entity shares with its successor is counted twice: the estimate
// is a bound, and looks at no value.
func sizeOf(e *twin.Event) int64 {
	n := int64(256 + 32*len(e.Touched))
	for i := range e.Arrived {
		n += int64(len(e.Arrived[i].Value.Value)) + 256
	}
	return n + weigh(e.Before) + weigh(e.After)
}

func weigh(e *model.Entity) (n int64) {
	if e == nil {
		return 0
	}
	return 256 + weighAttrs(e.Attrs)
}

func weighAttrs(attrs map[tribune.Name][]model.Attr) (n int64) {
	for _, list := range attrs {
		n += 64
		for i := range list {
			a := &list[i]
			n += int64(len(a.Value)) + 256
			if a.Sealed != nil {
				n += int64(len(a.Sealed.Value))
			}
			if len(a.Sub) > 0 {
				n += weighAttrs(a.Sub)
			}
		}
	}
	return n
}
