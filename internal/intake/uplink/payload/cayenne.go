package payload

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Cayenne Low Power Payload, versions 1 and 2, with the types that its common libraries have added. A payload is a sequence
// of values, each one byte channel, one byte type, and the type's bytes, most significant first. Types 0 to 136 of the
// original are numbered as the objects of the IPSO Alliance from 3200 on.
//
// A value's name is its type's and its channel's, as The Things Stack spells them: temperature_1. A value of several parts
// gives one for each, accelerometer_2.x; a position also gives a GeoJSON Point under gps_1.

// CayenneName is what a document, a layout and a query call this format.
const CayenneName = "cayenne-lpp"

// cayenneType is what stands behind one type byte. Parts follow one another in the payload.
type cayenneType struct {
	name   string
	parts  []string // "" = the value itself
	bytes  int      // of one part
	signed bool
	per    float64 // steps in one unit
}

var (
	one  = []string{""}
	axes = []string{".x", ".y", ".z"}
	rgb  = []string{".r", ".g", ".b"}
)

// cayenneOf is the type of a type byte; ok is false for one that is not known, whose length is not known either.
func cayenneOf(code byte) (t cayenneType, ok bool) {
	switch code {
	case 0:
		t = cayenneType{"digital_in", one, 1, false, 1}
	case 1:
		t = cayenneType{"digital_out", one, 1, false, 1}
	case 2:
		t = cayenneType{"analog_in", one, 2, true, 100}
	case 3:
		t = cayenneType{"analog_out", one, 2, true, 100}
	case 100:
		t = cayenneType{"generic", one, 4, false, 1}
	case 101: // lux
		t = cayenneType{"luminosity", one, 2, false, 1}
	case 102:
		t = cayenneType{"presence", one, 1, false, 1}
	case 103: // degrees Celsius
		t = cayenneType{"temperature", one, 2, true, 10}
	case 104: // percent
		t = cayenneType{"relative_humidity", one, 1, false, 2}
	case 113: // standard gravity
		t = cayenneType{"accelerometer", axes, 2, true, 1000}
	case 115: // hectopascal
		t = cayenneType{"barometric_pressure", one, 2, false, 10}
	case 116: // volt
		t = cayenneType{"voltage", one, 2, false, 100}
	case 117: // ampere
		t = cayenneType{"current", one, 2, false, 1000}
	case 118: // hertz
		t = cayenneType{"frequency", one, 4, false, 1}
	case 120:
		t = cayenneType{"percentage", one, 1, false, 1}
	case 121: // metre
		t = cayenneType{"altitude", one, 2, true, 1}
	case 125: // parts per million
		t = cayenneType{"concentration", one, 2, false, 1}
	case 128: // watt
		t = cayenneType{"power", one, 2, false, 1}
	case 130: // metre
		t = cayenneType{"distance", one, 4, false, 1000}
	case 131: // kilowatt-hour
		t = cayenneType{"energy", one, 4, false, 1000}
	case 132: // degree
		t = cayenneType{"direction", one, 2, false, 1}
	case 133: // seconds since 1970
		t = cayenneType{"unixtime", one, 4, false, 1}
	case 134: // degrees a second
		t = cayenneType{"gyrometer", axes, 2, true, 100}
	case 135:
		t = cayenneType{"colour", rgb, 1, false, 1}
	case 136: // its parts have different steps: see position
		t = cayenneType{name: "gps", bytes: 9}
	case 142:
		t = cayenneType{"switch", one, 1, false, 1}
	default:
		return t, false
	}
	return t, true
}

// Cayenne reads a Cayenne LPP payload.
func Cayenne(b []byte) ([]Field, error) {
	var fields []Field
	for i := 1; len(b) > 0; i++ {
		if len(b) < 2 {
			return nil, bad("Cayenne LPP: value %d is cut off", i)
		}
		t, ok := cayenneOf(b[1])
		if !ok {
			return nil, bad("Cayenne LPP: value %d is of a type that is not known", i)
		}
		name := t.name + "_" + strconv.Itoa(int(b[0]))
		b = b[2:]
		size := t.bytes * max(1, len(t.parts))
		if len(b) < size {
			return nil, bad("Cayenne LPP: value %d is cut off", i)
		}
		if t.name == "gps" {
			fields = append(fields, position(name, b)...)
		}
		for j, part := range t.parts {
			n := bigEndian(b[j*t.bytes : (j+1)*t.bytes])
			value := int64(n)
			if t.signed {
				value = extend(n, 8*t.bytes)
			}
			fields = append(fields, Field{name + part, decimal(value, t.per)})
		}
		b = b[size:]
	}
	return fields, nil
}

// position reads latitude and longitude in steps of 0.0001 degrees and altitude in steps of 0.01 m, three bytes each.
func position(name string, b []byte) []Field {
	part := func(i int, per float64) json.RawMessage { return decimal(extend(bigEndian(b[3*i:3*i+3]), 24), per) }
	latitude, longitude, altitude := part(0, 10000), part(1, 10000), part(2, 100)
	return []Field{
		{name, Point(longitude, latitude)}, {name + ".latitude", latitude}, {name + ".longitude", longitude}, {name + ".altitude", altitude},
	}
}

// Point is a GeoJSON Point (RFC 7946, 3.1.2).
func Point(longitude, latitude json.RawMessage) json.RawMessage {
	return fmt.Appendf(nil, `{"type":"Point","coordinates":[%s,%s]}`, longitude, latitude)
}
