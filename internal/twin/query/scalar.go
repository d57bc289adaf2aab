package query

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of a scalar; kinds do not compare with each other.
type Kind uint8

// The kinds of scalars. Their numbers are written in index keys: never change them.
const (
	Bool     Kind = 0x10
	Number   Kind = 0x20
	DateTime Kind = 0x30
	Date     Kind = 0x31 // of the calendar: its midnight in UTC
	Clock    Kind = 0x32 // a time of day: on the first day of 1970 in UTC
	Text     Kind = 0x40
	Opaque   Kind = 0x50 // in indexes only: there is a value that must be looked at in the document
	Unlisted Kind = 0x60 // in indexes only: there is a value, and it is no scalar
)

func (k Kind) String() string {
	switch k {
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case DateTime:
		return "date-time"
	case Date:
		return "date"
	case Clock:
		return "time"
	case Text:
		return "text"
	}
	return "value"
}

// Scalar is a comparable value; the field named by Kind counts.
type Scalar struct {
	Kind   Kind
	Bool   bool
	Number float64
	Time   time.Time
	Text   string
}

// Compare orders two scalars of one kind.
func (s Scalar) Compare(o Scalar) int {
	switch s.Kind {
	case Number:
		return cmp.Compare(s.Number, o.Number)
	case DateTime, Date, Clock:
		return s.Time.Compare(o.Time)
	case Text:
		return strings.Compare(s.Text, o.Text)
	case Bool:
		if s.Bool == o.Bool {
			return 0
		} else if o.Bool {
			return -1
		}
		return 1
	}
	return 0
}

// MaxIndexed is the longest text that is indexed, in bytes.
const MaxIndexed = 128

// Ordered is the scalar in bytes that order as the scalars do: the kind, then a boolean byte; the sortable bits of a
// float64; seconds and nanoseconds; or the text itself.
func (s Scalar) Ordered() []byte { return s.AppendOrdered(make([]byte, 0, 24)) }

// AppendOrdered appends Ordered to b.
func (s *Scalar) AppendOrdered(b []byte) []byte {
	b = append(b, byte(s.Kind))
	switch s.Kind {
	case Bool:
		if s.Bool {
			return append(b, 1)
		}
		return append(b, 0)
	case Number:
		bits := math.Float64bits(s.Number + 0) // -0 is 0
		if bits>>63 == 1 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return binary.BigEndian.AppendUint64(b, bits)
	case DateTime, Date, Clock:
		b = binary.BigEndian.AppendUint64(b, uint64(s.Time.Unix())^1<<63)
		return binary.BigEndian.AppendUint32(b, uint32(s.Time.Nanosecond()))
	case Text:
		return append(b, s.Text...)
	}
	return b
}

// Scalars are the comparable readings of a JSON value: a scalar is itself, a text that is a date-time, a date or a time also that,
// {"@type": ..., "@value": v} is v, an array is all its elements, an object has none. They are appended to out.
func Scalars(raw json.RawMessage, out []Scalar) []Scalar {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return out
	}
	switch c := raw[0]; {
	case c == '"':
		if s, ok := unquote(bytes.TrimRight(raw, " \t\r\n")); ok {
			return textScalars(s, out)
		}
	case c == '-' || c >= '0' && c <= '9':
		if f, err := strconv.ParseFloat(string(bytes.TrimRight(raw, " \t\r\n")), 64); err == nil {
			return append(out, Scalar{Kind: Number, Number: f})
		}
	case c == 't':
		return append(out, Scalar{Kind: Bool, Bool: true})
	case c == 'f':
		return append(out, Scalar{Kind: Bool})
	case c == '[':
		eachElement(raw, func(v []byte) bool {
			if v[0] != '[' { // arrays of arrays are not searched
				out = Scalars(v, out)
			}
			return true
		})
	case c == '{':
		eachMember(raw, func(name, v []byte) bool {
			if !named(name, "@value") {
				return true
			}
			if v[0] != '{' {
				out = Scalars(v, out)
			}
			return false
		})
	}
	return out
}

func textScalars(s string, out []Scalar) []Scalar {
	if t, ok := temporal(s); ok {
		out = append(out, t)
	}
	return append(out, Scalar{Kind: Text, Text: s})
}

// temporal reads the date-times, dates and times of clause 4.6.3. Other time zones than UTC are forgiven.
func temporal(s string) (Scalar, bool) {
	if len(s) < 8 || len(s) > 35 || s[0] < '0' || s[0] > '9' {
		return Scalar{}, false
	}
	switch {
	case len(s) == 10 && s[4] == '-' && s[7] == '-':
		t, err := time.Parse(time.DateOnly, s)
		return Scalar{Kind: Date, Time: t}, err == nil
	case len(s) >= 20 && s[4] == '-' && s[10] == 'T':
		t, err := time.Parse(time.RFC3339Nano, s)
		return Scalar{Kind: DateTime, Time: t.UTC()}, err == nil
	case len(s) <= 20 && s[2] == ':' && s[5] == ':':
		t, err := time.Parse(time.RFC3339Nano, "1970-01-01T"+strings.TrimSuffix(s, "Z")+"Z")
		return Scalar{Kind: Clock, Time: t.UTC()}, err == nil
	}
	return Scalar{}, false
}
