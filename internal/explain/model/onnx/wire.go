package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"tribune"
)

// field is one field of a protocol buffer message, as it travels: of a varint or fixed number only n counts, of bytes only b.
type field struct {
	num  protowire.Number
	kind protowire.Type
	n    uint64
	b    []byte
}

// fields calls take for each field of msg, in its order. Groups, which no ONNX message has, are refused.
func fields(msg []byte, take func(field) error) error {
	for len(msg) > 0 {
		num, kind, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return fmt.Errorf("%w: a broken protocol buffer: %w", tribune.ErrInvalid, protowire.ParseError(n))
		}
		msg = msg[n:]
		f := field{num: num, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.n, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(msg)
			f.n = uint64(v)
		case protowire.Fixed64Type:
			f.n, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(msg)
		default:
			return fmt.Errorf("%w: a protocol buffer field of wire type %d", tribune.ErrInvalid, kind)
		}
		if n < 0 {
			return fmt.Errorf("%w: a broken or truncated protocol buffer: %w", tribune.ErrInvalid, protowire.ParseError(n))
		}
		msg = msg[n:]
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}

func (f field) is(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("%w: field %d has wire type %d, not %d", tribune.ErrInvalid, f.num, f.kind, kind)
	}
	return nil
}

func (f field) message() ([]byte, error) { return f.b, f.is(protowire.BytesType) }

// text is a name: bounded, because it comes back in errors.
func (f field) text() (string, error) {
	if err := f.is(protowire.BytesType); err != nil {
		return "", err
	}
	if len(f.b) > maxName {
		return "", fmt.Errorf("%w: a name of %d bytes", tribune.ErrTooLarge, len(f.b))
	}
	return string(f.b), nil
}

func (f field) integer() (int64, error) { return int64(f.n), f.is(protowire.VarintType) }

func (f field) float() (float32, error) {
	return math.Float32frombits(uint32(f.n)), f.is(protowire.Fixed32Type)
}

// appendIntegers adds a repeated integer, packed or not; most bounds the result.
func (f field) appendIntegers(to []int64, most int) ([]int64, error) {
	if f.kind == protowire.VarintType {
		to = append(to, int64(f.n))
	} else if err := f.is(protowire.BytesType); err != nil {
		return nil, err
	}
	for b := f.b; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: truncated numbers: %w", tribune.ErrInvalid, protowire.ParseError(n))
		}
		if to, b = append(to, int64(v)), b[n:]; len(to) > most {
			break
		}
	}
	return to, within(len(to), most)
}

// appendFloats adds a repeated float, packed or not.
func (f field) appendFloats(to []float32, most int) ([]float32, error) {
	if f.kind == protowire.Fixed32Type {
		to = append(to, math.Float32frombits(uint32(f.n)))
		return to, within(len(to), most)
	}
	if err := f.is(protowire.BytesType); err != nil {
		return nil, err
	}
	if err := within(len(to)+len(f.b)/4, most); err != nil {
		return nil, err
	}
	if len(f.b)%4 != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no whole float32 numbers", tribune.ErrInvalid, len(f.b))
	}
	for b := f.b; len(b) > 0; b = b[4:] {
		to = append(to, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return to, nil
}

// appendDoubles is appendFloats of float64, rounded to float32.
func (f field) appendDoubles(to []float32, most int) ([]float32, error) {
	if f.kind == protowire.Fixed64Type {
		to = append(to, float32(math.Float64frombits(f.n)))
		return to, within(len(to), most)
	}
	if err := f.is(protowire.BytesType); err != nil {
		return nil, err
	}
	if err := within(len(to)+len(f.b)/8, most); err != nil {
		return nil, err
	}
	if len(f.b)%8 != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no whole float64 numbers", tribune.ErrInvalid, len(f.b))
	}
	for b := f.b; len(b) > 0; b = b[8:] {
		to = append(to, float32(math.Float64frombits(binary.LittleEndian.Uint64(b))))
	}
	return to, nil
}

func within(n, most int) error {
	if n > most {
		return fmt.Errorf("%w: more than %d values", tribune.ErrTooLarge, most)
	}
	return nil
}
