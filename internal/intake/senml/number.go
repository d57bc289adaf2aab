package senml

import (
	"math"
	"strconv"
)

// setText takes over a text field.
func (p *Pack) setText(f *fields, bit uint32, text []byte) {
	switch bit {
	case fieldName:
		f.name = text
	case fieldUnit:
		f.unit = text
	case fieldBaseName:
		p.base.name = text
	case fieldBaseUnit:
		p.base.unit = text
	}
}

// setNumber takes over a number field, which is finite. The literal of a value has been set.
func (p *Pack) setNumber(f *fields, bit uint32, x float64) error {
	switch bit {
	case fieldValue:
		f.kind, f.value = Number, x
	case fieldSum:
		f.sum = x
	case fieldTime:
		f.time = x
	case fieldBaseTime:
		p.base.time = x
	case fieldBaseValue:
		p.base.value, p.base.valued = x, true
	case fieldBaseSum:
		p.base.sum, p.base.summed = x, true
	case fieldVersion:
		if x != math.Trunc(x) || x < 0 || x > 1000 {
			return errType
		}
		f.version = int64(x)
	}
	return nil // of the update time nothing is kept
}

// pow10 are the powers that a double holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseNumber reads a JSON number as a finite double. A plain decimal of up to 15 digits is read here, exactly (Clinger's
// fast path) and without the copy that strconv needs.
func parseNumber(v []byte) (float64, bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	digits, point, mantissa := 0, -1, int64(0)
	rest := v
	if v[0] == '-' {
		rest = v[1:]
	}
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			digits++
			if digits > 15 {
				return slowNumber(v)
			}
			mantissa = mantissa*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return slowNumber(v)
		}
	}
	x := float64(mantissa)
	if point >= 0 {
		x /= pow10[len(rest)-point-1]
	}
	if v[0] == '-' {
		x = -x
	}
	return x, true
}

func slowNumber(v []byte) (float64, bool) {
	x, err := strconv.ParseFloat(string(v), 64)
	return x, err == nil && finite(x)
}

// isBase64URL reports whether text is base64url without padding (4.3).
func isBase64URL(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(text)%4 != 1
}
