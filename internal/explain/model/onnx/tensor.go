package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"tribune"
)

// The element types of TensorProto that are read.
const (
	typeFloat  = 1
	typeInt32  = 6
	typeInt64  = 7
	typeString = 8
	typeBool   = 9
	typeDouble = 11
)

// batch stands in an integer tensor for the number of records, which a graph may compute with but no network knows.
const batch = math.MinInt64

// tensor is a constant: numbers (float32; float64 is rounded) or integers.
type tensor struct {
	dims []int
	f    []float32 // nil: it has integers
	i    []int64
}

func (t *tensor) size() int { return max(len(t.f), len(t.i)) }

// rawTensor is a TensorProto before its parts are held against each other.
type rawTensor struct {
	kind     int64
	dims     []int64
	floats   []float32
	doubles  []float32
	i32, i64 []int64
	raw      []byte
	hasRaw   bool
	external bool
}

func (d *decoder) tensor(msg []byte) (*tensor, string, error) {
	var r rawTensor
	var name string
	err := fields(msg, func(x field) (err error) {
		switch x.num {
		case 1:
			r.dims, err = x.appendIntegers(r.dims, maxDims)
		case 2:
			r.kind, err = x.integer()
		case 3:
			err = fmt.Errorf("%w: a tensor in segments", tribune.ErrUnsupported)
		case 4:
			r.floats, err = x.appendFloats(r.floats, maxNumbers)
		case 5:
			r.i32, err = x.appendIntegers(r.i32, maxIntegers)
		case 7:
			r.i64, err = x.appendIntegers(r.i64, maxIntegers)
		case 8:
			name, err = x.text()
		case 9:
			if err = once(&r.hasRaw, "raw data"); err == nil {
				r.raw, err = x.message()
			}
		case 10:
			r.doubles, err = x.appendDoubles(r.doubles, maxNumbers)
		case 13:
			r.external = true
		case 14:
			var where int64
			where, err = x.integer()
			r.external = r.external || where != 0
		}
		return err
	})
	if err != nil {
		return nil, name, err
	}
	t, err := r.tensor()
	if err == nil {
		err = d.count(len(t.f))
	}
	return t, name, err
}

func (r *rawTensor) tensor() (*tensor, error) {
	if r.external {
		return nil, tribune.Hint(fmt.Errorf("%w: its numbers lie in another file (external data)", tribune.ErrUnsupported), "export the model as one file, as torch.onnx.export(..., external_data=False) does")
	}
	t := &tensor{dims: make([]int, len(r.dims))}
	n := 1
	for k, dim := range r.dims {
		if dim < 0 || dim > maxNumbers || n > 0 && int(dim) > maxNumbers/n {
			return nil, fmt.Errorf("%w: dimensions %v", tribune.ErrTooLarge, r.dims)
		}
		t.dims[k], n = int(dim), n*int(dim)
	}
	var err error
	switch r.kind {
	case typeFloat:
		t.f, err = r.numbers(r.floats, 4)
	case typeDouble:
		t.f, err = r.numbers(r.doubles, 8)
	case typeInt64:
		t.i, err = r.integers(r.i64, 8)
	case typeInt32:
		t.i, err = r.integers(r.i32, 4)
	case typeBool:
		t.i, err = r.integers(r.i32, 1)
	case typeString:
		t.i = make([]int64, 0) // labels; nothing computes with them
		return t, nil
	default:
		err = fmt.Errorf("%w: numbers of type %d; float, double, int32, int64 and bool are read", tribune.ErrUnsupported, r.kind)
	}
	if err == nil && t.size() != n {
		err = fmt.Errorf("%w: %d numbers for dimensions %v", tribune.ErrInvalid, t.size(), r.dims)
	}
	for k, v := range t.f {
		if v-v != 0 {
			err = fmt.Errorf("%w: number %d is %v", tribune.ErrInvalid, k, v)
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// numbers is raw, or what is listed; a tensor that has both is refused.
func (r *rawTensor) numbers(listed []float32, width int) ([]float32, error) {
	if !r.hasRaw {
		return append([]float32{}, listed...), nil
	}
	if len(listed) > 0 || len(r.raw)%width != 0 {
		return nil, fmt.Errorf("%w: %d bytes of raw data and %d numbers", tribune.ErrInvalid, len(r.raw), len(listed))
	}
	out := make([]float32, len(r.raw)/width)
	for k := range out {
		if width == 4 {
			out[k] = math.Float32frombits(binary.LittleEndian.Uint32(r.raw[4*k:]))
		} else {
			out[k] = float32(math.Float64frombits(binary.LittleEndian.Uint64(r.raw[8*k:])))
		}
	}
	return out, nil
}

func (r *rawTensor) integers(listed []int64, width int) ([]int64, error) {
	out := append([]int64{}, listed...)
	if r.hasRaw {
		if len(listed) > 0 || len(r.raw)%width != 0 || len(r.raw)/width > maxIntegers {
			return nil, fmt.Errorf("%w: %d bytes of raw data and %d integers", tribune.ErrInvalid, len(r.raw), len(listed))
		}
		for b := r.raw; len(b) > 0; b = b[width:] {
			switch width {
			case 8:
				out = append(out, int64(binary.LittleEndian.Uint64(b)))
			case 4:
				out = append(out, int64(int32(binary.LittleEndian.Uint32(b))))
			default:
				out = append(out, int64(b[0]))
			}
		}
	}
	for _, v := range out {
		if v == batch {
			return nil, fmt.Errorf("%w: the integer %d", tribune.ErrInvalid, v)
		}
	}
	return out, nil
}
