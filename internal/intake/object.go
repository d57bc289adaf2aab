package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads plain JSON messages.
type jsonReader struct {
	dec     *jsontext.Decoder
	buf     bytes.Buffer
	arena   []byte
	members []member
}

// member is a name and a value, by where they end in the arena.
type member struct{ nameEnd, valueEnd int }

func (j *jsonReader) forget() {
	clear(j.arena)
	j.arena, j.members = j.arena[:0], j.members[:0]
}

// object reads {"name": value, ..., "time": RFC 3339}. "time" is optional and counts for all.
func (r *reader) object(body []byte) error {
	at, timed, err := r.json.read(body)
	if err != nil {
		return bad("%v", err)
	}
	if !timed {
		at = r.received
	}
	begin := 0
	for i, m := range r.json.members {
		g := reading{name: r.json.arena[begin:m.nameEnd], value: r.json.arena[m.nameEnd:m.valueEnd], at: at, timed: timed}
		if err := r.add(i, &g); err != nil {
			return err
		}
		begin = m.valueEnd
	}
	return nil
}

// What is wrong with a plain JSON message: the decoder's own words may quote it.
var (
	errObject = errors.New("not a JSON object with each name once")
	errTime   = errors.New(`"time" is not a time like 2026-11-22T10:00:00Z`)
	errEmpty  = errors.New("no readings")
	errMany   = fmt.Errorf("more than %d readings", MaxReadings)
)

// read fills arena and members.
func (j *jsonReader) read(body []byte) (at time.Time, timed bool, err error) {
	j.buf = *bytes.NewBuffer(body) // read, never written
	if j.dec == nil {
		j.dec = jsontext.NewDecoder(&j.buf)
	} else {
		j.dec.Reset(&j.buf)
	}
	defer func() { // the body is the caller's
		j.buf = bytes.Buffer{}
		j.dec.Reset(&j.buf)
	}()
	j.forget()
	if j.dec.PeekKind() != '{' {
		return at, false, errObject
	}
	if _, err := j.dec.ReadToken(); err != nil {
		return at, false, errObject
	}
	for j.dec.PeekKind() != '}' {
		raw, err := j.dec.ReadValue()
		if err != nil {
			return at, false, errObject
		}
		begin := len(j.arena)
		if j.arena, err = jsontext.AppendUnquote(j.arena, raw); err != nil {
			return at, false, errObject
		}
		nameEnd := len(j.arena)
		value, err := j.dec.ReadValue()
		if err != nil {
			return at, false, errObject
		}
		if string(j.arena[begin:nameEnd]) == "time" {
			j.arena = j.arena[:begin]
			if at, err = parseTime(value); err != nil {
				return at, false, errTime
			}
			timed = true
			continue
		}
		if len(j.members) == MaxReadings {
			return at, false, errMany
		}
		j.arena = append(j.arena, value...)
		j.members = append(j.members, member{nameEnd, len(j.arena)})
	}
	if _, err := j.dec.ReadToken(); err != nil {
		return at, false, errObject
	}
	if _, err := j.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return at, false, errObject
	}
	if len(j.members) == 0 {
		return at, false, errEmpty
	}
	return at, timed, nil
}

func parseTime(value jsontext.Value) (time.Time, error) {
	if value.Kind() != '"' {
		return time.Time{}, errTime
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return time.Time{}, errTime
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return at.UTC(), err
}
