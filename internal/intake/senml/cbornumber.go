package senml

import (
	"math"
	"strconv"
)

const (
	tagDecimal  = 4   // decimal fraction: [exponent, mantissa]
	maxExponent = 400 // beyond it every decimal is 0 or infinite
)

// cborNumber reads an integer, a float or a decimal fraction. Of a value the literal is kept: integers beyond 2^53 are
// exact in it.
func (p *Pack) cborNumber(f *fields, bit uint32, r *cborReader) error {
	major, info, n, err := r.head()
	if err != nil {
		return err
	}
	if bit == fieldVersion && major != majorUint {
		return errType
	}
	var x float64
	start := len(p.arena)
	switch {
	case major == majorUint:
		x = float64(n)
		p.arena = strconv.AppendUint(p.arena, n, 10)
	case major == majorNegative && n < math.MaxInt64:
		x = -1 - float64(n)
		p.arena = strconv.AppendInt(p.arena, -1-int64(n), 10)
	case major == majorSimple && info >= 25 && info <= 27:
		x = float(info, n)
		if !finite(x) {
			return errNumber
		}
		p.number(x)
	case major == majorTag && n == tagDecimal:
		if x, err = r.decimal(); err != nil {
			return err
		}
		p.number(x)
	default:
		return errType
	}
	if bit == fieldValue {
		f.json = p.arena[start:len(p.arena):len(p.arena)]
	}
	return p.setNumber(f, bit, x)
}

func float(info byte, n uint64) float64 {
	switch info {
	case 25:
		return half(uint16(n))
	case 26:
		return float64(math.Float32frombits(uint32(n)))
	}
	return math.Float64frombits(n)
}

// half is a float of 16 bits (RFC 8949, appendix D).
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&31), float64(h&0x3ff)
	var x float64
	switch exponent {
	case 0:
		x = math.Ldexp(mantissa, -24)
	case 31:
		if x = math.Inf(1); mantissa != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h&0x8000 != 0 {
		return -x
	}
	return x
}

// decimal reads the content of a decimal fraction.
func (r *cborReader) decimal() (float64, error) {
	major, info, n, err := r.head()
	if err != nil {
		return 0, err
	}
	if major != majorArray || info == indefinite || n != 2 {
		return 0, errType
	}
	exponent, err := r.integer()
	if err != nil {
		return 0, err
	}
	mantissa, err := r.integer()
	if err != nil {
		return 0, err
	}
	if exponent < -maxExponent || exponent > maxExponent {
		return 0, errNumber
	}
	b := strconv.AppendInt(nil, mantissa, 10)
	b = strconv.AppendInt(append(b, 'e'), exponent, 10)
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, errNumber
	}
	return x, nil
}

func (r *cborReader) integer() (int64, error) {
	major, _, n, err := r.head()
	switch {
	case err != nil:
		return 0, err
	case n > math.MaxInt64-1:
		return 0, errNumber
	case major == majorUint:
		return int64(n), nil
	case major == majorNegative:
		return -1 - int64(n), nil
	}
	return 0, errType
}
