package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tribune/internal/intake/device"
)

const (
	// maxSigned is how old a signed reading may be. The twin remembers change IDs for a week at least (twin.DedupeSpan), and a
	// reading may come that much before its own time: so a copy of it changes nothing.
	maxSigned = 7*24*time.Hour - maxAhead

	maxID = 180 // bytes of a reading's own id: with device and name it stays under the twin's 512
)

// null stands for "delete this" in NGSI-LD (clause 4.5.0); a device reports, it does not delete.
const null = "urn:ngsi-ld:null"

// bad is a message for the quarantine. No argument may come from the message.
func bad(format string, args ...any) error { return &Quarantined{Reason: fmt.Sprintf(format, args...)} }

// check says in words what does not fit the document, "" where all does.
func check(t *device.Target, g *reading) string {
	if len(g.unit) > 0 && string(g.unit) != t.Unit && device.UnitCode(string(g.unit)) != t.UnitCode {
		if t.Unit == "" {
			return "it has a unit, and the document says none"
		}
		return "its unit is not " + t.Unit
	}
	switch g.value[0] {
	case 'n':
		return "it has no value"
	case '"':
		if len(g.value) < 8*len(null) && isNull(g.value) {
			return "it has no value"
		}
	case '{':
		if isPlace(g.value) && !isPoint(g.value) {
			return "its place is not a GeoJSON Point"
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if t.Minimum == nil && t.Maximum == nil && len(g.value) < 300 && bytes.IndexByte(g.value, 'e') < 0 && bytes.IndexByte(g.value, 'E') < 0 {
			return "" // a finite double, however many digits
		}
		x, err := strconv.ParseFloat(string(g.value), 64)
		if err != nil || math.IsInf(x, 0) {
			return "it is no finite number"
		}
		if t.Minimum != nil && x < *t.Minimum || t.Maximum != nil && x > *t.Maximum {
			return "it is out of the range that the document gives"
		}
		return ""
	}
	if t.Minimum != nil || t.Maximum != nil || t.Unit != "" {
		return "it is not a number"
	}
	return ""
}

func isNull(value []byte) bool {
	text, err := jsontext.AppendUnquote(nil, value)
	return err == nil && string(bytes.TrimSpace(text)) == null
}

// isPlace reports whether an object is meant as GeoJSON.
func isPlace(value []byte) bool { return bytes.Contains(value, []byte(`"coordinates"`)) }

// isPoint reports whether an object is a GeoJSON Point (RFC 7946, 3.1.2) on the earth.
func isPoint(value []byte) bool {
	var p struct {
		Type        string    `json:"type"`
		Coordinates []float64 `json:"coordinates"`
	}
	if json.Unmarshal(value, &p) != nil || p.Type != "Point" || len(p.Coordinates) != 2 && len(p.Coordinates) != 3 {
		return false
	}
	return math.Abs(p.Coordinates[0]) <= 180 && math.Abs(p.Coordinates[1]) <= 90
}

// flatten is one byte string for a list of readings, to know it again.
func flatten(list []Reading) []byte {
	var b []byte
	field := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(append(b, ':'), s...)
	}
	for i := range list {
		field(list[i].Name)
		field(string(list[i].Value))
		field(list[i].Unit)
		field(list[i].At.UTC().Format(time.RFC3339Nano))
		field(list[i].ID)
	}
	return b
}
