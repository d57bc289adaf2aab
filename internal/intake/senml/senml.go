// Package senml reads Sensor Measurement Lists (RFC 8428) in JSON and CBOR, and the COSE_Sign1 envelope (RFC 9052) around
// them. The desk is its caller.
//
// A pack is an array of records; a record is a map of these fields, with their CBOR labels:
//
//	bn -2, bt -3, bu -4, bv -5, bs -6, bver -1   base name, time, unit, value, sum; version
//	n 0, u 1, t 6, ut 7                          name, unit, time, update time
//	v 2, vs 3, vb 4, vd 8                        value: number, text, boolean, data (base64url; in CBOR bytes)
//	s 5                                          sum
//
// Base fields hold from their record on. The parser resolves them (4.6): a name is base name and name, a time the sum of
// both, likewise value and sum; the unit is the record's or else the base's.
//
// It is strict where the standard leaves room for two readings of one pack: a field twice, a value of the wrong type, two
// values, none and no sum, a name with other characters than the standard's, another version within a pack or one above
// 10, numbers that are no finite double, integer labels the standard does not have, texts of indefinite length are
// refused. Fields it does not know are ignored, unless they end in _ (4.4). Bytes after the pack are refused.
//
// Errors name the record and the field, and quote nothing: what they are about may be personal.
package senml

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"tribune"
)

// Kind is the type of a record's value.
type Kind uint8

// The types of values. None is a record that has a sum only.
const (
	None Kind = iota
	Number
	Text
	Bool
	Data
)

// MaxName bounds a resolved name in bytes.
const MaxName = 256

const (
	version      = 10
	maxDepth     = 16      // of what is skipped
	absoluteFrom = 1 << 28 // seconds: less is relative to now (4.5.3)
	maxSeconds   = 1 << 35 // the year 3058
	maxLiteral   = 32      // bytes of a number that is passed on as it was written
)

// Record is one resolved record. Its bytes belong to the pack and last until its next Parse.
type Record struct {
	Name   []byte
	Unit   []byte // empty = none
	Kind   Kind
	JSON   []byte  // the value as JSON: number, string, true or false; data as a string of base64url
	Number float64 // of a Number
	HasSum bool
	Sum    float64
	micros int64 // of its time: since 1970, or from now where relative
	abs    bool
}

// Absolute reports whether the record says when it was measured by a clock, rather than "now" or "so long ago".
func (r *Record) Absolute() bool { return r.abs }

// At is when it was measured, given when it was received.
func (r *Record) At(received time.Time) time.Time {
	if r.abs {
		return time.UnixMicro(r.micros).UTC()
	}
	// Not received.Add: a time.Duration holds 292 years, and what a record says more would wrap around into the present.
	rest := time.Duration(received.Nanosecond()%1000) * time.Nanosecond
	return time.UnixMicro(received.UnixMicro() + r.micros).Add(rest).UTC()
}

// Error is what is wrong with a pack. It matches tribune.ErrInvalid.
type Error struct {
	Record int // from 1; 0 = the pack
	What   string
}

func (e *Error) Error() string {
	if e.Record == 0 {
		return "SenML: " + e.What
	}
	return fmt.Sprintf("SenML: record %d: %s", e.Record, e.What)
}

// Is matches tribune.ErrInvalid.
func (e *Error) Is(target error) bool { return target == tribune.ErrInvalid }

// Pack is a parser and what it has read. It may be used again; it is not safe for concurrent use.
type Pack struct {
	Records []Record
	Max     int // records; 0 = no bound but the length of the input

	arena []byte
	base  base
	json  jsonReader
}

// base is the base fields in force.
type base struct {
	name, unit       []byte
	time, value, sum float64
	version          int64
	valued, summed   bool
}

// fields is one record as it is written. set has a bit for each field that was there.
type fields struct {
	set     uint32
	name    []byte
	unit    []byte
	kind    Kind
	json    []byte
	value   float64
	sum     float64
	time    float64
	version int64
}

// Bits of fields.set.
const (
	fieldBaseName = 1 << iota
	fieldBaseTime
	fieldBaseUnit
	fieldBaseValue
	fieldBaseSum
	fieldVersion
	fieldName
	fieldUnit
	fieldValue
	fieldText
	fieldBool
	fieldData
	fieldSum
	fieldTime
	fieldUpdate

	fieldsValue = fieldValue | fieldText | fieldBool | fieldData
)

var (
	errTwice   = errors.New("a field is there twice")
	errType    = errors.New("a field has a value of the wrong type")
	errNumber  = errors.New("a number is not a finite double")
	errUnknown = errors.New("a field that must be understood is not known")
)

func (p *Pack) reset() {
	p.Records, p.arena, p.base = p.Records[:0], p.arena[:0], base{}
}

// keep copies b into the pack.
func (p *Pack) keep(b []byte) []byte {
	n := len(p.arena)
	p.arena = append(p.arena, b...)
	return p.arena[n:len(p.arena):len(p.arena)]
}

func (p *Pack) fail(err error) error {
	return &Error{len(p.Records) + 1, err.Error()}
}

// room refuses a record too many.
func (p *Pack) room() error {
	if p.Max > 0 && len(p.Records) >= p.Max {
		return &Error{0, fmt.Sprintf("more than %d records", p.Max)}
	}
	return nil
}

// resolve makes a record of what is written and the base fields. f's base fields have been taken over already.
func (p *Pack) resolve(f *fields) error {
	if f.set&fieldVersion != 0 {
		if f.version < 1 || f.version > version || p.base.version != 0 && p.base.version != f.version {
			return errors.New("the version is not one that is understood, or changes within the pack")
		}
		p.base.version = f.version
	}
	r := Record{Name: f.name, Unit: f.unit, Kind: f.kind, JSON: f.json, Number: f.value}
	if len(p.base.name) > 0 {
		n := len(p.arena)
		p.arena = append(append(p.arena, p.base.name...), f.name...)
		r.Name = p.arena[n:len(p.arena):len(p.arena)]
	}
	if !validName(r.Name) {
		return errors.New("the name is missing, too long, or has characters that names do not have")
	}
	if len(r.Unit) == 0 {
		r.Unit = p.base.unit
	}
	switch values := f.set & fieldsValue; {
	case values&(values-1) != 0:
		return errors.New("more than one value")
	case values == 0 && f.set&fieldSum == 0:
		return errors.New("neither a value nor a sum")
	case values == fieldValue && p.base.valued:
		r.Number += p.base.value
		if !finite(r.Number) {
			return errNumber
		}
		r.JSON = p.number(r.Number)
	}
	if f.set&fieldSum != 0 || p.base.summed {
		r.HasSum, r.Sum = true, f.sum+p.base.sum
		if !finite(r.Sum) {
			return errNumber
		}
	}
	seconds := p.base.time + f.time
	if math.Abs(seconds) > maxSeconds {
		return errors.New("the time is out of range")
	}
	// Microseconds: a double holds no more of a time of today, and both encodings then give the same.
	r.micros, r.abs = int64(math.Round(p.base.time*1e6))+int64(math.Round(f.time*1e6)), seconds >= absoluteFrom
	p.Records = append(p.Records, r)
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// number appends a double as JSON.
func (p *Pack) number(x float64) []byte {
	n := len(p.arena)
	p.arena = strconv.AppendFloat(p.arena, x, 'g', -1, 64)
	return p.arena[n:len(p.arena):len(p.arena)]
}

// validName is 4.5.1: letters, digits and -:._/, beginning with a letter or digit.
func validName(name []byte) bool {
	if len(name) == 0 || len(name) > MaxName {
		return false
	}
	for i, c := range name {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case i > 0 && (c == '-' || c == ':' || c == '.' || c == '_' || c == '/'):
		default:
			return false
		}
	}
	return true
}

// take puts a field's bit and refuses a field twice.
func (f *fields) take(bit uint32) error {
	if f.set&bit != 0 {
		return errTwice
	}
	f.set |= bit
	return nil
}

// maxArena is what is kept for the next Parse.
const maxArena = 1 << 18

// Forget wipes what was read, which may be personal, and keeps the memory for the next Parse.
func (p *Pack) Forget() {
	if cap(p.arena) > maxArena {
		p.arena = nil
	}
	clear(p.arena)
	clear(p.Records)
	p.Records, p.arena, p.base = p.Records[:0], p.arena[:0], base{}
}
