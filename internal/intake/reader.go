package intake

import (
	"bytes"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/intake/senml"
)

// Bounds of a reader that is kept for the next message.
const maxKept = 4096 // readings

// reader turns one message into changes. It is used again and again; the changes are the message's own.
type reader struct {
	dev      *device.Device
	received time.Time
	latest   time.Time // beyond it no reading may lie
	occasion string    // see lane.occasion

	pack   senml.Pack
	json   jsonReader
	seed   maphash.Seed
	seen   map[uint64]struct{} // by hash: of two readings of one name and time in a message one would be lost
	values []byte
	ids    []byte
	made   []made
}

// made is a change whose id and value are still in the reader's buffers.
type made struct {
	target   device.Target
	at       time.Time
	idEnd    int
	valueEnd int
}

// reading is one value as a message has it.
type reading struct {
	name  []byte
	unit  []byte // empty = none given
	value []byte // JSON
	at    time.Time
	timed bool // at is the device's own, by its clock
	id    string
}

func newReader() *reader {
	return &reader{seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}), pack: senml.Pack{Max: MaxReadings}}
}

func (r *reader) begin(dev *device.Device, received, clock time.Time) {
	r.dev, r.received, r.latest = dev, received, clock.Add(maxAhead)
	if received.After(clock) { // what has no time of its own lies at received
		r.latest = received.Add(maxAhead)
	}
}

// rest gives the reader back, without anything personal in it, unless the message was so large that its buffers are not worth keeping.
func (r *reader) rest(pool *sync.Pool) {
	if cap(r.made) > maxKept || len(r.seen) > maxKept {
		return
	}
	r.pack.Forget()
	r.json.forget()
	clear(r.values)
	clear(r.ids)
	clear(r.made)
	clear(r.seen)
	r.values, r.ids, r.made = r.values[:0], r.ids[:0], r.made[:0]
	r.dev, r.occasion = nil, ""
	pool.Put(r)
}

// message reads a message. Its error is a *Quarantined.
func (r *reader) message(contentType string, body []byte) error {
	signed := len(r.dev.SigningKey) > 0
	switch {
	case len(body) > MaxMessage:
		return bad("more than %d bytes", MaxMessage)
	case signed && contentType != TypeCOSE:
		return bad("it is not signed, and the device's document has a signing key")
	case !signed && contentType == TypeCOSE:
		return bad("it is signed, and the device's document has no signing key")
	}
	var err error
	switch contentType {
	case TypeJSON:
		return r.object(body)
	case TypeSenML:
		err = r.pack.ParseJSON(body)
	case TypeSenMLCBOR:
		err = r.pack.ParseCBOR(body)
	case TypeCOSE:
		err = r.pack.ParseCOSE(body, r.dev.SigningKey)
	default:
		return bad("its content type is none that is taken")
	}
	if err != nil {
		return bad("%v", err) // quotes nothing
	}
	for i := range r.pack.Records {
		s := &r.pack.Records[i]
		switch {
		case s.Kind == senml.None:
			return bad("reading %d: a sum alone is not taken: let the device report its total as a value", i+1)
		case signed && !s.Absolute():
			return bad("reading %d: a signed reading needs a time of its own, or whoever has a copy could send it again", i+1)
		}
		err := r.add(i, &reading{name: s.Name, unit: s.Unit, value: s.JSON, at: s.At(r.received), timed: s.Absolute()})
		if err != nil {
			return err
		}
	}
	return nil
}

// list takes readings that an edge has parsed.
func (r *reader) list(list []Reading) error {
	switch {
	case len(r.dev.SigningKey) > 0:
		return bad("it is not signed, and the device's document has a signing key")
	case len(list) == 0:
		return bad("no readings")
	case len(list) > MaxReadings:
		return bad("more than %d readings", MaxReadings)
	}
	for i := range list {
		l := &list[i]
		value := jsontext.Value(l.Value)
		if len(value) == 0 || !value.IsValid() {
			return bad("reading %d: its value is not JSON", i+1)
		}
		g := reading{name: []byte(l.Name), unit: []byte(l.Unit), value: bytes.TrimSpace(value), at: l.At, timed: !l.At.IsZero(), id: l.ID}
		if !g.timed {
			g.at = r.received
		}
		if err := r.add(i, &g); err != nil {
			var q *Quarantined
			if errors.As(err, &q) {
				q.Reading = i + 1
			}
			return err
		}
	}
	return nil
}

// add checks a reading against the document and makes a change of it.
func (r *reader) add(i int, g *reading) error {
	t, ok := r.dev.Target(g.name)
	if !ok {
		return bad("reading %d: the device's document does not say that it senses this", i+1)
	}
	if why := check(&t, g); why != "" {
		return bad("reading %d (%s): %s", i+1, t.Title, why)
	}
	switch { // also where the time is only so long from now
	case g.at.After(r.latest):
		return bad("reading %d (%s): its time lies ahead: set the device's clock", i+1, t.Title)
	case g.at.Year() < 2000:
		return bad("reading %d (%s): its time lies before the year 2000: set the device's clock", i+1, t.Title)
	case len(r.dev.SigningKey) > 0 && g.at.Before(r.received.Add(-maxSigned)):
		return bad("reading %d (%s): signed about a week ago, too old to tell from a copy", i+1, t.Title)
	case len(g.id) > maxID:
		return bad("reading %d (%s): an id of more than %d bytes", i+1, t.Title, maxID)
	}
	if g.timed || g.id != "" {
		if sum := r.hash(g); !r.once(sum) {
			return bad("reading %d (%s): the same name and time as another in this message", i+1, t.Title)
		}
	}
	r.appendID(i, g)
	r.appendValue(&t, g)
	r.made = append(r.made, made{t, g.at, len(r.ids), len(r.values)})
	return nil
}

// hash stands for what the change will be called.
func (r *reader) hash(g *reading) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.Write(g.name)
	if g.id != "" {
		h.WriteString("\x00" + g.id)
	} else {
		maphash.WriteComparable(&h, g.at.UnixNano())
	}
	return h.Sum64()
}

func (r *reader) once(sum uint64) bool {
	before := len(r.seen)
	r.seen[sum] = struct{}{}
	return len(r.seen) > before
}

// appendID names the change: device/name/nanoseconds since 1970; without a time device/name/occasion.index.
func (r *reader) appendID(i int, g *reading) {
	b := append(append(r.ids, r.dev.ID...), '/')
	b = append(append(b, g.name...), '/')
	switch {
	case g.id != "":
		b = append(append(b, '='), g.id...)
	case g.timed:
		b = strconv.AppendInt(b, g.at.UnixNano(), 10)
	default:
		b = append(append(append(b, '~'), r.occasion...), '.')
		b = strconv.AppendInt(b, int64(i), 10)
	}
	r.ids = b
}

// appendValue writes the attribute instance. When it was observed is in the change, where the twin takes it from.
func (r *reader) appendValue(t *device.Target, g *reading) {
	b := r.values
	if g.value[0] == '{' && isPlace(g.value) {
		b = append(b, `{"type":"GeoProperty","value":`...)
	} else {
		b = append(b, `{"type":"Property","value":`...)
	}
	b = append(b, g.value...)
	if t.UnitCode != "" {
		b = append(b, `,"unitCode":`...)
		b, _ = jsontext.AppendQuote(b, t.UnitCode) // of a document, which is UTF-8
	}
	r.values = append(b, '}')
}

// finish makes the changes, in memory of their own: the twin may keep what it is given.
func (r *reader) finish() []tribune.Change {
	if len(r.made) == 0 {
		return nil
	}
	changes := make([]tribune.Change, len(r.made))
	values, ids := bytes.Clone(r.values), string(r.ids)
	id, value := 0, 0
	for i := range r.made {
		m := &r.made[i]
		changes[i] = tribune.Change{ID: ids[id:m.idEnd], Entity: m.target.Entity, Types: m.target.Types, Attr: m.target.Attribute,
			Value: values[value:m.valueEnd:m.valueEnd], ObservedAt: m.at, Source: r.dev.ID}
		id, value = m.idEnd, m.valueEnd
	}
	return changes
}
