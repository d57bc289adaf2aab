package data

import (
	"fmt"
	"io"
	"strconv"

	"tribune"
	"tribune/internal/explain/matrix"
)

// A record of CIFAR-10's binary version (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): a class 0..9 and three planes of
// 32 x 32, 10,000 to a file.
const (
	planes       = 3 * 32 * 32
	pictureBytes = 1 + planes
	inBatch      = 10_000
	// CIFARBatch are the bytes of one file.
	CIFARBatch = inBatch * pictureBytes
)

// CIFAR reads files of CIFAR-10's binary version, in that order. Brightness becomes 0..1.
func CIFAR(batches []io.Reader, l Limits) (Set, error) {
	s := Set{Name: "cifar-10", X: matrix.Matrix{Cols: planes}}
	for c := range digits {
		s.Classes = append(s.Classes, strconv.Itoa(c))
	}
	var sources []tribune.Hash
	for i, r := range batches {
		source, err := s.addBatch(r, l)
		if err != nil {
			return Set{}, fmt.Errorf("reading CIFAR-10: file %d: %w", i+1, err)
		}
		sources = append(sources, source)
	}
	if s.X.Rows == 0 {
		return Set{}, fmt.Errorf("reading CIFAR-10: no pictures: %w", tribune.ErrInvalid)
	}
	s.Source = join(sources...)
	return s, nil
}

func (s *Set) addBatch(r io.Reader, l Limits) (tribune.Hash, error) {
	in, err := newInput(r, min(l.Bytes, CIFARBatch+1))
	if err != nil {
		return tribune.Hash{}, err
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return tribune.Hash{}, err
	}
	if len(raw) == 0 || len(raw)%pictureBytes != 0 {
		return tribune.Hash{}, fmt.Errorf("%d bytes are not up to %d pictures of %d: %w", len(raw), inBatch, pictureBytes, tribune.ErrInvalid)
	}
	for at := 0; at < len(raw); at += pictureBytes {
		if raw[at] >= digits {
			return tribune.Hash{}, fmt.Errorf("picture %d: not a class 0..9: %w", at/pictureBytes+1, tribune.ErrInvalid)
		}
		s.Y = append(s.Y, int(raw[at]))
		for _, v := range raw[at+1 : at+pictureBytes] {
			s.X.Data = append(s.X.Data, float32(v)/255)
		}
		s.X.Rows++
		s.Row = append(s.Row, s.X.Rows)
	}
	return in.source()
}
