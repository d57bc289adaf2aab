package onnx

import (
	"fmt"

	"tribune"
)

// readPort reads a ValueInfoProto. What is neither a tensor nor a sequence keeps its name alone.
func readPort(msg []byte) (port, error) {
	var p port
	err := fields(msg, func(x field) (err error) {
		switch x.num {
		case 1:
			p.name, err = x.text()
		case 2:
			var b []byte
			if b, err = x.message(); err == nil {
				err = p.readType(b)
			}
		}
		return err
	})
	if err != nil {
		return p, fmt.Errorf("input or output %q: %w", p.name, err)
	}
	return p, nil
}

func (p *port) readType(msg []byte) error {
	return fields(msg, func(x field) error {
		switch x.num {
		case 1:
			b, err := x.message()
			if err != nil {
				return err
			}
			return p.readTensor(b)
		case 4:
			p.sequence = true
		}
		return nil
	})
}

func (p *port) readTensor(msg []byte) error {
	return fields(msg, func(x field) (err error) {
		switch x.num {
		case 1:
			p.elem, err = x.integer()
		case 2:
			var b []byte
			if b, err = x.message(); err == nil {
				p.dims, err = readDims(b)
			}
		}
		return err
	})
}

// readDims reads a TensorShapeProto; a dimension that is named, or absent, or below 1 is -1.
func readDims(msg []byte) ([]int64, error) {
	var dims []int64
	err := fields(msg, func(x field) error {
		if x.num != 1 {
			return nil
		}
		b, err := x.message()
		if err != nil {
			return err
		}
		size := int64(-1)
		err = fields(b, func(x field) (err error) {
			if x.num == 1 {
				size, err = x.integer()
			}
			return err
		})
		if err != nil {
			return err
		}
		if size < 1 {
			size = -1
		}
		dims = append(dims, size)
		if len(dims) > maxDims {
			return fmt.Errorf("%w: more than %d dimensions", tribune.ErrTooLarge, maxDims)
		}
		return nil
	})
	return dims, err
}
