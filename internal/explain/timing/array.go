package timing

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"tribune/internal/durable"
)

// array is a NumPy file, version 1.0: magic, the length of a header, the header padded to 64 bytes, the numbers in C order, little-endian.
func array[T float32 | float64 | int32 | uint8](kind string, values []T, shape ...int) ([]byte, error) {
	size := 1
	text := ""
	for _, n := range shape {
		size *= n
		text += fmt.Sprintf("%d,", n)
	}
	if size != len(values) {
		return nil, fmt.Errorf("an array of %v from %d numbers", shape, len(values))
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, text)
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(header))))
	b.WriteString(header)
	if err := binary.Write(&b, binary.LittleEndian, values); err != nil {
		return nil, fmt.Errorf("writing an array: %w", err)
	}
	return b.Bytes(), nil
}

// keep writes an array into the folder, if there is one.
func keep[T float32 | float64 | int32 | uint8](b *bench, name string, values []T, shape ...int) error {
	if b.Dir == "" {
		return nil
	}
	kind := map[any]string{float32(0): "<f4", float64(0): "<f8", int32(0): "<i4", uint8(0): "|u1"}[any(T(0))]
	data, err := array(kind, values, shape...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return durable.Write(filepath.Join(b.Dir, name+".npy"), data)
}
