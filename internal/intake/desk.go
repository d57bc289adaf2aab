package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/intake/quarantine"
)

// Times and bounds of the desk.
const (
	// patience is how long a sender waits for a place in its own device's queue, or for its rate, before it is told that the
	// desk is busy: shorter than any client's own time-out, so that it hears an answer.
	patience = 5 * time.Second

	// maxAhead is how far a device's clock may run ahead of the hub's.
	maxAhead = time.Hour

	maxWaiting = 16 // messages of one device; an edge hands over one a connection
)

// Desk is the one entrance of readings. It is safe for concurrent use.
type Desk struct {
	cfg     Config
	readers sync.Pool // of *reader
	serving sync.WaitGroup

	messages, readings, quarantined, refused, batches atomic.Uint64
	waiting                                           atomic.Int64
	logged                                            atomic.Int64 // second of the last line in the log

	mu     sync.Mutex
	work   sync.Cond        // something is ready, or closed
	lanes  map[string]*lane // by device; as many as devices have sent
	ready  []*lane          // with messages and no worker at them, in turn
	slow   int              // workers at batches of lanes in trouble
	closed bool
}

// NewDesk opens a desk. Close it when its edges are closed.
func NewDesk(cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Clock == nil {
		cfg.Clock = cfg.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{cfg: cfg, lanes: make(map[string]*lane)}
	d.readers.New = func() any { return newReader() }
	d.work.L = &d.mu
	for range workers {
		d.serving.Go(d.serve)
	}
	return d
}

// Close takes nothing more, finishes what waits, and returns.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	d.work.Broadcast()
	d.mu.Unlock()
	d.serving.Wait()
}

// Stats is what passed the desk.
func (d *Desk) Stats() Stats {
	s := Stats{Messages: d.messages.Load(), Readings: d.readings.Load(), Quarantined: d.quarantined.Load(),
		Refused: d.refused.Load(), Batches: d.batches.Load(), Waiting: int(d.waiting.Load())}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		if len(l.slots) == cap(l.slots) {
			s.Full++
		}
	}
	return s
}

// Take takes a message. Nil means that every reading in it is durable. A *Quarantined means that it was bad and its entry in
// quarantine is durable; readings of it that the city's model did not refuse may have been stored. After any other error nothing is
// promised and the message should be sent again: tribune.ErrBusy (the device sends more than its document allows, or
// faster than the hub stores), tribune.ErrExpired (its document ended or was withdrawn), ctx, a store that is down.
func (d *Desk) Take(ctx context.Context, m Message) (Taken, error) {
	if m.Device == nil {
		return Taken{}, fmt.Errorf("taking message: no device: %w", tribune.ErrInvalid)
	}
	if m.Received.IsZero() {
		m.Received = d.cfg.Now()
	}
	return d.take(ctx, m.Device, m.Received, func(r *reader, l *lane) (letter, error) {
		bad := letter{topic: m.Topic, size: len(m.Body), fingerprint: d.cfg.Quarantine.Fingerprint(m.Body)}
		r.occasion = l.occasion(bad.fingerprint, m.Received)
		return bad, r.message(mediaType(m.ContentType), m.Body)
	})
}

// TakeReadings takes readings that an edge has parsed itself: all of them or none, as Take.
func (d *Desk) TakeReadings(ctx context.Context, dev *device.Device, list []Reading) (Taken, error) {
	if dev == nil {
		return Taken{}, fmt.Errorf("taking readings: no device: %w", tribune.ErrInvalid)
	}
	received := d.cfg.Now()
	return d.take(ctx, dev, received, func(r *reader, l *lane) (letter, error) {
		flat := flatten(list)
		bad := letter{size: len(flat), fingerprint: d.cfg.Quarantine.Fingerprint(flat)}
		r.occasion = l.occasion(bad.fingerprint, received)
		return bad, r.list(list)
	})
}

// Reject puts a message in quarantine that an edge has found bad itself, for a reason that quotes nothing of it. Its error
// is a *Quarantined, or any other of Take's: then nothing is durable.
func (d *Desk) Reject(ctx context.Context, m Message, reason string) error {
	if m.Device == nil {
		return fmt.Errorf("rejecting message: no device: %w", tribune.ErrInvalid)
	}
	if m.Received.IsZero() {
		m.Received = d.cfg.Now()
	}
	_, err := d.take(ctx, m.Device, m.Received, func(*reader, *lane) (letter, error) {
		return letter{topic: m.Topic, size: max(m.Size, len(m.Body)), fingerprint: d.cfg.Quarantine.Fingerprint(m.Body)}, &Quarantined{Reason: reason}
	})
	return err
}

// letter is what quarantine is told of a message.
type letter struct {
	topic       string
	size        int
	fingerprint tribune.Hash
}

func (d *Desk) take(ctx context.Context, dev *device.Device, received time.Time, read func(*reader, *lane) (letter, error)) (Taken, error) {
	defer dev.Arrived(received)()
	d.waiting.Add(1)
	defer d.waiting.Add(-1)
	current, err := d.inForce(dev)
	if err != nil {
		return Taken{}, d.refuse(dev, err)
	}
	dev = current
	l := d.lane(dev.ID)
	if err := l.enter(ctx, d.cfg.Now, dev.PerMinute); err != nil {
		return Taken{}, d.refuse(dev, err)
	}
	r := d.readers.Get().(*reader)
	r.begin(dev, received, d.cfg.Clock())
	about, err := read(r, l)
	changes := r.finish()
	r.rest(&d.readers)
	var bad *Quarantined
	if errors.As(err, &bad) {
		l.leave()
		return Taken{}, d.quarantine(ctx, dev, about, bad)
	}
	j := &job{lane: l, changes: changes, done: make(chan error, 1)}
	if err := d.push(j); err != nil {
		l.leave()
		return Taken{}, d.refuse(dev, err)
	}
	select {
	case err = <-j.done:
	case <-ctx.Done(): // it may become durable all the same; the redelivery then changes nothing
		return Taken{}, d.refuse(dev, fmt.Errorf("taking message: %w", ctx.Err()))
	}
	switch {
	case err == nil:
		d.messages.Add(1)
		d.readings.Add(uint64(len(changes)))
		dev.Accepted(len(changes))
		return Taken{Readings: len(changes)}, nil
	case permanent(err):
		return Taken{}, d.quarantine(ctx, dev, about, &Quarantined{Reason: "the city's model refuses a value"})
	}
	return Taken{}, d.refuse(dev, &unstored{err})
}

// inForce is the document that a device's messages are judged by.
func (d *Desk) inForce(dev *device.Device) (*device.Device, error) {
	current := dev.Current()
	switch {
	case current == nil:
		return nil, fmt.Errorf("device %s was withdrawn, or its token was changed: %w", dev.ID, tribune.ErrExpired)
	case !current.InForce(d.cfg.Now()):
		return nil, tribune.Hint(fmt.Errorf("device %s is not in force: %w", dev.ID, tribune.ErrExpired), "register a document that is, if the device is still needed")
	}
	return current, nil
}

// quarantine makes the entry of a bad message durable.
func (d *Desk) quarantine(ctx context.Context, dev *device.Device, about letter, bad *Quarantined) error {
	at := d.cfg.Now()
	err := d.cfg.Quarantine.Add(ctx, quarantine.Entry{Device: dev.ID, At: at, Topic: about.topic, Size: about.size,
		Fingerprint: about.fingerprint, Reason: bad.Reason})
	if err != nil {
		return d.refuse(dev, &unstored{err})
	}
	d.quarantined.Add(1)
	dev.Quarantined(at, bad.Reason)
	return bad
}

// refuse counts a message that was not taken.
func (d *Desk) refuse(dev *device.Device, err error) error {
	d.refused.Add(1)
	dev.Refused(d.cfg.Now(), publicReason(err))
	var failed *unstored
	if now := d.cfg.Now().Unix(); errors.As(err, &failed) && d.logged.Swap(now) != now { // once a second is enough
		d.cfg.Log.Error("readings could not be stored", "device", dev.ID, "error", failed.Error())
	}
	return err
}

// publicReason says why a message was not taken, on the device's page.
func publicReason(err error) string {
	switch {
	case errors.Is(err, tribune.ErrExpired):
		return "the device's document has ended, has not begun or was withdrawn"
	case errors.Is(err, ErrRate):
		return "more messages than its document allows"
	case errors.Is(err, tribune.ErrBusy):
		return "more messages than could be stored in time"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "the sender did not wait"
	case errors.Is(err, tribune.ErrNoQuorum):
		return "too few guardians could be reached to seal what is personal"
	}
	return "the hub could not store it"
}

// unstored is the error of readings that are not durable. The twin's own text names entities, and an entity may be named
// by the message; so only the innermost text is shown, of the disk or the network.
type unstored struct{ err error }

func (u *unstored) Error() string { return "storing readings: " + innermost(u.err).Error() }
func (u *unstored) Unwrap() error { return u.err }

func innermost(err error) error {
	for {
		var next error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			next = e.Unwrap()
		case interface{ Unwrap() []error }:
			if list := e.Unwrap(); len(list) > 0 {
				next = list[0]
			}
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// permanent reports whether every part of an error of Apply would be the same the next time.
func permanent(err error) bool {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if !permanent(e) {
				return false
			}
		}
		return true
	}
	for _, target := range [...]error{tribune.ErrInvalid, tribune.ErrTooLarge, tribune.ErrUnsupported, tribune.ErrDenied} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	switch contentType {
	case "":
		return TypeJSON
	case TypeJSON, TypeSenML, TypeSenMLCBOR, TypeCOSE:
		return contentType
	}
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		return t
	}
	return strings.ToLower(contentType)
}
