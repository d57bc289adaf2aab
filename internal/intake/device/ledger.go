package device

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what became of a device's messages since this hub started. It never holds anything of a payload.
type Stats struct {
	Seen        time.Time // the last message, whatever became of it
	Accepted    uint64    // messages
	Readings    uint64    // in accepted messages
	Quarantined uint64    // messages
	Refused     uint64    // messages that were not taken: too many, ended, the store is down
	Waiting     int       // messages on their way
	LastRefusal Refusal   // or quarantine
}

// Refusal is when and why a message was not taken, in words that quote nothing of it.
type Refusal struct {
	At  time.Time
	Why string
}

// ledger is what all documents of one id share.
type ledger struct {
	newest  atomic.Pointer[Device]
	waiting atomic.Int64

	mu sync.Mutex // guards s
	s  Stats
}

// Stats is what became of the device's messages.
func (l *ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.s
	s.Waiting = int(l.waiting.Load())
	return s
}

// Arrived counts a message on its way until left is called.
func (l *ledger) Arrived(at time.Time) (left func()) {
	l.mu.Lock()
	if at.After(l.s.Seen) {
		l.s.Seen = at
	}
	l.mu.Unlock()
	l.waiting.Add(1)
	return func() { l.waiting.Add(-1) }
}

// Accepted counts a message that is durable in the twin.
func (l *ledger) Accepted(readings int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s.Accepted++
	l.s.Readings += uint64(readings)
}

// Quarantined counts a message that is in quarantine. why quotes nothing of it.
func (l *ledger) Quarantined(at time.Time, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s.Quarantined++
	l.s.LastRefusal = Refusal{at, why}
}

// Refused counts a message that was not taken; edges call it for what they refuse themselves (a wrong topic). why
// quotes nothing of the message.
func (l *ledger) Refused(at time.Time, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s.Refused++
	l.s.LastRefusal = Refusal{at, why}
}
