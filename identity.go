package tribune

import (
	"encoding/binary"
	"time"
)

// IdentityKind is the kind of thing a key opens (protocol 3).
type IdentityKind uint8

// The kinds of identity of version 1.
const (
	IdentitySubject IdentityKind = 1 // pseudonym, class, day, segment
	IdentityTender  IdentityKind = 2 // id (reserved)
	IdentityTrace   IdentityKind = 3 // pseudonym
	IdentityHidden  IdentityKind = 4 // pseudonym, quarter
	IdentityDraw    IdentityKind = 5 // id (reserved)
	IdentityLens    IdentityKind = 6 // class, day (reserved)
)

// WholeDay is the segment that stands for the whole day.
const WholeDay uint32 = 0xffffffff

// SegmentMax is the longest a segment may last.
const SegmentMax = 15 * time.Minute

// Identity is what one threshold key opens. Which fields count depends on Kind; the others are zero.
type Identity struct {
	Kind      IdentityKind `json:"kind"`
	Pseudonym Pseudonym    `json:"subject,omitzero"`
	Class     ClassID      `json:"class,omitempty"`
	Day       uint32       `json:"day,omitempty"`
	Segment   uint32       `json:"segment,omitempty"`
	ID        string       `json:"id,omitempty"`
	Quarter   uint32       `json:"quarter,omitempty"`
}

// Bytes is the identity as it is hashed to the curve for the given city:
// L(id) || kind u8 || lp(city) || lp(field) for each field of its kind, integers big-endian.
func (i Identity) Bytes(city string) []byte {
	b := append([]byte("tribune/v1/id\x00"), byte(i.Kind))
	b = appendLP(b, []byte(city))
	switch i.Kind {
	case IdentitySubject:
		b = appendLP(b, i.Pseudonym[:])
		b = appendLP(b, []byte(i.Class))
		b = appendLP(b, binary.BigEndian.AppendUint32(nil, i.Day))
		b = appendLP(b, binary.BigEndian.AppendUint32(nil, i.Segment))
	case IdentityTrace:
		b = appendLP(b, i.Pseudonym[:])
	case IdentityHidden:
		b = appendLP(b, i.Pseudonym[:])
		b = appendLP(b, binary.BigEndian.AppendUint32(nil, i.Quarter))
	case IdentityTender, IdentityDraw:
		b = appendLP(b, []byte(i.ID))
	case IdentityLens:
		b = appendLP(b, []byte(i.Class))
		b = appendLP(b, binary.BigEndian.AppendUint32(nil, i.Day))
	}
	return b
}

// appendLP appends lp(x) = u16 length || x. Fields are bounded to 65,535 bytes where they enter.
func appendLP(b, x []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(x)))
	return append(b, x...)
}

// DayOf is the number of whole days from 1970-01-01 UTC to t.
func DayOf(t time.Time) uint32 { return uint32(t.Unix() / 86400) }

// SecondOf is the UTC second of t's day.
func SecondOf(t time.Time) uint32 { return uint32(t.Unix() % 86400) }

// SegmentStart is the instant at which a segment of a day was opened.
func SegmentStart(day, segment uint32) time.Time {
	return time.Unix(int64(day)*86400+int64(segment), 0).UTC()
}
