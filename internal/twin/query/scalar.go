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
	Text     Kind = 0x40
	Opaque   Kind = 0x50 // in indexes only: there is a value that must be looked at in the document
)

func (k Kind) String() string {
	switch k {
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case DateTime:
		return "date-time"
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
	case DateTime:
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
	case DateTime:
		b = binary.BigEndian.AppendUint64(b, uint64(s.Time.Unix())^1<<63)
		return binary.BigEndian.AppendUint32(b, uint32(s.Time.Nanosecond()))
	case Text:
		return append(b, s.Text...)
	}
	return b
}

// Scalars are the comparable readings of a JSON value: a scalar is itself, a text that is a date-time also a date-time,
// {"@type": ..., "@value": v} is v, an array is all its elements, an object has none. They are appended to out.
func Scalars(raw json.RawMessage, out []Scalar) []Scalar {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return out
	}
	switch c := raw[0]; {
	case c == '"':
		if s, ok := unquote(raw); ok {
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
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) == nil {
			for _, v := range all {
				if v = bytes.TrimLeft(v, " \t\r\n"); len(v) > 0 && v[0] != '[' { // arrays of arrays are not searched
					out = Scalars(v, out)
				}
			}
		}
	case c == '{':
		if !bytes.Contains(raw, []byte(`"@value"`)) {
			return out
		}
		var typed struct {
			Value json.RawMessage `json:"@value"`
		}
		if json.Unmarshal(raw, &typed) == nil && len(typed.Value) > 0 && typed.Value[0] != '{' {
			return Scalars(typed.Value, out)
		}
	}
	return out
}

func unquote(raw []byte) (string, bool) {
	raw = bytes.TrimRight(raw, " \t\r\n")
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 && raw[len(raw)-1] == '"' {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

func textScalars(s string, out []Scalar) []Scalar {
	if t, ok := dateTime(s); ok {
		out = append(out, Scalar{Kind: DateTime, Time: t})
	}
	return append(out, Scalar{Kind: Text, Text: s})
}

// dateTime reads the date-times of the standard: RFC 3339, with at most nine digits of fraction.
func dateTime(s string) (time.Time, bool) {
	if len(s) < 20 || len(s) > 35 || s[4] != '-' || s[10] != 'T' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}
