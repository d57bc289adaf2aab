package model

import (
	"fmt"
	"strings"

	"tribune"
)

// Shape is what one record looks like between two layers: {features}, or {channels, height, width}, channels first as in ONNX. The number of records
// is not part of it.
type Shape []int

// maxRecord bounds the numbers of one record between two layers (16 MB), maxKernel those of one layer's weights (512 MB).
const (
	maxRecord = 1 << 22
	maxKernel = 1 << 27
)

// Size is how many numbers one record has.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}

func (s Shape) check() error {
	if len(s) == 0 || len(s) > 8 {
		return fmt.Errorf("%w: a record of %d dimensions; 1 to 8 are possible", tribune.ErrInvalid, len(s))
	}
	_, err := volume(maxRecord, s...)
	return err
}

// volume multiplies dimensions, each at least 1, and refuses what is above most before it overflows.
func volume(most int, dims ...int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 1 {
			return 0, fmt.Errorf("%w: dimensions %v: each must be at least 1", tribune.ErrInvalid, dims)
		}
		if d > most/n {
			return 0, fmt.Errorf("%w: dimensions %v are more than %d numbers", tribune.ErrTooLarge, dims, most)
		}
		n *= d
	}
	return n, nil
}
