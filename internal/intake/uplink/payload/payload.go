// Package payload turns the bytes that a LoRaWAN end device sends into named values, where its network server has not done
// so already. Package uplink calls it. There are two ways:
//
//   - Cayenne LPP (cayenne.go), in which the bytes name their own types;
//   - a layout (layout.go), which says where in the bytes which value stands.
//
// Layouts are part of what a device says about itself, so they are public and signed by the city's steward like its
// document (register.go). The package promises: a value comes out exactly as the format defines it or not at all; no
// input, however short or hostile, makes it panic or take more than its own length in time; no error quotes a value.
package payload

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"tribune"
)

// MaxPayload is the longest payload of a LoRaWAN frame in bytes (regional parameters, EU868 data rates 4 to 7, without
// options).
const MaxPayload = 242

// Field is one value of a payload. Value is JSON.
type Field struct {
	Name  string
	Value json.RawMessage
}

// bad is the error of a payload. No argument may come from its bytes.
func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)
}

// decimal is n/divisor as the shortest decimal number that is nearest to it.
func decimal(n int64, divisor float64) json.RawMessage {
	if divisor == 1 {
		return strconv.AppendInt(nil, n, 10)
	}
	return strconv.AppendFloat(nil, float64(n)/divisor, 'f', -1, 64)
}

// significant is how many digits of a scaled value are kept: more than any sensor has, fewer than where the binary fractions
// of 0.1 begin to show.
const significant = 12

// number is a float as a decimal number of at most significant digits; ok is false where it is none.
func number(x float64) (json.RawMessage, bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, false
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', significant, 64), 64)
	if err != nil { // rounding up the largest number
		return nil, false
	}
	if rounded == 0 {
		rounded = 0 // -0 is 0
	}
	return json.RawMessage(strconv.AppendFloat(nil, rounded, 'f', -1, 64)), true
}

// bigEndian reads up to eight bytes.
func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func littleEndian(b []byte) (n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// extend is the value of the lowest bits of n in two's complement.
func extend(n uint64, bits int) int64 {
	return int64(n<<(64-bits)) >> (64 - bits)
}
