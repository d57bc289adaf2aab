// Package uplink reads what LoRaWAN network servers hand on by HTTP: ChirpStack 4 (chirpstack.go) and The Things Stack 3
// (thingsstack.go). Package gateway calls it. What comes out is a list of readings, each named END-DEVICE/FIELD, which a
// network server's document covers with a sense named */FIELD.
//
// END-DEVICE is the DevEUI in lower-case hex, or The Things Stack's device_id where it sends none. FIELD is the path of a
// value in the object that the network server's own payload formatter made, joined with dots; an object with the members
// latitude and longitude is also a GeoJSON Point under its own path (the outermost one: "position"). Where the network server has not decoded the payload
// a formatter of package payload does.
//
// The package promises: an uplink has one time, the network server's of its reception, and one ID that stays the same
// when it is delivered again; no input makes it panic or take more than a bounded multiple of its own length; no error
// quotes a value.
package uplink

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/uplink/payload"
)

// Bounds of an uplink.
const (
	maxFields  = 256
	maxDepth   = 8   // nesting of a decoded object
	maxPath    = 160 // bytes of a field's name: with the end device it stays under a sense's 256
	maxSegment = 64  // bytes of an end device's name
	maxID      = 160 // bytes: the desk takes 180
)

// Uplink is one frame of one end device, as its network server tells of it.
type Uplink struct {
	EndDevice string
	ID        string    // the same when it is delivered again; "" = not known
	At        time.Time // when the network server received it; zero = not known
	Port      int
	Payload   []byte
	Decoded   jsontext.Value // an object; nil = the network server has not decoded the payload
}

// Empty reports whether the frame carries nothing for the application: LoRaWAN sends such frames for its own sake.
func (u *Uplink) Empty() bool { return len(u.Payload) == 0 && u.Decoded == nil }

// Formatter reads a payload; *payload.Layout is one.
type Formatter interface {
	Decode([]byte) ([]payload.Field, error)
}

// Readings are the values of an uplink, decoded by the network server or else by f, which may be nil.
func (u *Uplink) Readings(f Formatter) ([]intake.Reading, error) {
	var fields []payload.Field
	var err error
	switch {
	case u.Decoded != nil:
		fields, err = flatten(u.Decoded)
	case f == nil:
		err = bad("its payload is not decoded: let the network server decode it, or give it a payload layout")
	default:
		fields, err = f.Decode(u.Payload)
	}
	if err != nil {
		return nil, err
	}
	list := make([]intake.Reading, len(fields))
	for i, field := range fields {
		list[i] = intake.Reading{Name: u.EndDevice + "/" + field.Name, Value: field.Value, At: u.At, ID: u.ID}
	}
	return list, nil
}

// bad is the error of an uplink that cannot be used. No argument may come from it.
func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)
}

// check is what both network servers' uplinks must hold.
func (u *Uplink) check() error {
	switch {
	case u.EndDevice == "":
		return bad("it names no end device")
	case len(u.EndDevice) > maxSegment:
		return bad("the name of its end device is too long")
	case len(u.Payload) > payload.MaxPayload:
		return bad("a payload of more than %d bytes is none of LoRaWAN", payload.MaxPayload)
	case len(u.ID) > maxID:
		return bad("its id is too long")
	}
	if kind := u.Decoded.Kind(); u.Decoded != nil && (kind == 'n' || kind == '{' && empty(u.Decoded)) {
		u.Decoded = nil
	} else if u.Decoded != nil && kind != '{' {
		return bad("what the network server has decoded is not an object")
	}
	return nil
}

func empty(object jsontext.Value) bool {
	return len(strings.Trim(string(object), "{} \t\r\n")) == 0
}

// instant reads an RFC 3339 time; one that is missing or broken is not known.
func instant(s string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// devEUI is a DevEUI in lower case; "" where it is none.
func devEUI(s string) string {
	if len(s) != 16 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return strings.ToLower(s)
}
