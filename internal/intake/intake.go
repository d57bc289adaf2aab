// Package intake is the desk: the one entrance of readings, behind MQTT, HTTP and every other edge.
//
// A message comes from a device that an edge has authenticated. The desk reads it, checks every reading against the
// device's public document (what it may sense, unit, range, signature), turns readings into changes of the city's model,
// and returns when they are durable there. It promises:
//
//   - nil means durable, and only then: an edge that acknowledges on nil and on *Quarantined loses nothing;
//   - a redelivered message changes nothing (see Message for what a message without a time can and cannot promise);
//   - one device never stalls another: each has its own bounded queue, served in turn, and its own rate;
//   - a bad message leaves an entry in quarantine that quotes nothing of it; values reach no log, error or count.
package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/intake/quarantine"
)

// The content types of messages. Parameters after ; are ignored.
const (
	TypeJSON      = "application/json"       // {"name": value, ..., "time"?: RFC 3339}
	TypeSenML     = "application/senml+json" // RFC 8428
	TypeSenMLCBOR = "application/senml+cbor" // RFC 8428
	TypeCOSE      = "application/cose"       // COSE_Sign1 (RFC 9052) around SenML in JSON or CBOR
)

// MaxMessage bounds the body of a message in bytes, MaxReadings its readings.
const (
	MaxMessage  = 1 << 20
	MaxReadings = 8192
)

// Message is what an authenticated device sent.
//
// A reading with a time of its own is known by device, name and time: delivered again, a week later still, it changes
// nothing. A message without is known by its bytes for ten minutes: the same bytes again are taken for the same
// message, unless the device has sent something else in between. So a value that stays the same is stored once in ten
// minutes, and a redelivery after that counts as new. Devices should send times.
type Message struct {
	Device      *device.Device
	ContentType string // "" = application/json
	Topic       string // for the quarantine, in words of the device's document or the edge's own: never as it was sent
	Body        []byte // not kept, not changed
	Size        int    // for Reject: the message's bytes where Body is only a hash of them; 0 = Body is the message
	Received    time.Time
}

// Reading is one value that an edge has parsed itself.
type Reading struct {
	Name  string
	Value json.RawMessage
	Unit  string    // "" = as the document says
	At    time.Time // zero = not known: the time of arrival, and known by its bytes as a Message is
	ID    string    // stable across redelivery; "" = from name and time
}

// Taken is what became of a message.
type Taken struct {
	Readings int
}

// Quarantined is the error of a message that was authenticated but bad: its entry in quarantine is durable, so its sender
// may be answered as if it had been taken. Reason quotes nothing of it.
type Quarantined struct {
	Reason  string
	Reading int // which one of a list of readings is bad, counted from 1; 0 = not known, or all of them
}

func (q *Quarantined) Error() string        { return "message in quarantine: " + q.Reason }
func (q *Quarantined) Is(target error) bool { return target == tribune.ErrInvalid }

// Config says what the desk stands on.
type Config struct {
	// Apply makes changes durable: the twin's Apply. Where it refuses some the others are applied all the same.
	Apply func(context.Context, []tribune.Change) error

	// Quarantine keeps what is known of bad messages. Its key also names messages that carry no time: where it is new with
	// every start, such a message delivered again after a restart counts as another.
	Quarantine *quarantine.Store

	Now   func() time.Time // nil = time.Now
	Clock func() time.Time // what the clocks of devices are held against; nil = Now. A demo's devices run ahead, with its drivers
	Log   *slog.Logger     // nil = none; it never sees a value
}

// Stats counts what passed the desk since it was opened.
type Stats struct {
	Messages    uint64 // taken
	Readings    uint64 // in them
	Quarantined uint64 // messages
	Refused     uint64 // messages: busy, ended, store down
	Batches     uint64 // calls of Apply
	Waiting     int    // messages on their way
	Full        int    // devices whose queue is full
}
