package data

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"

	"tribune"
	"tribune/internal/explain/matrix"
)

const (
	locationFeatures = 446
	locationClasses  = 30
	maxLocationRows  = 100_000
)

// Location reads Location-30 (Shokri et al. 2017, from Bangkok's check-ins): dataset_location.tgz as its authors publish it, or the one file in it. A row
// is a class "1".."30" and 446 zeros or ones. No licence is stated for it: it is read from where its user put it, and shipped by nobody.
func Location(r io.Reader, l Limits) (Set, error) {
	s, err := location(r, l)
	if err != nil {
		return Set{}, fmt.Errorf("reading Location-30: %w", err)
	}
	return s, nil
}

func location(r io.Reader, l Limits) (Set, error) {
	in, err := newInput(r, l.Bytes)
	if err != nil {
		return Set{}, err
	}
	buffered := bufio.NewReader(in)
	var lines io.Reader = buffered
	if head, _ := buffered.Peek(262); len(head) == 262 && string(head[257:]) == "ustar" {
		archive := tar.NewReader(buffered)
		if _, err := archive.Next(); err != nil {
			return Set{}, fmt.Errorf("unpacking tar: %w: %w", err, tribune.ErrInvalid)
		}
		lines = archive
	}
	s := Set{Name: "location", X: matrix.Matrix{Cols: locationFeatures}}
	scan := bufio.NewScanner(lines)
	scan.Buffer(make([]byte, 0, 4096), 64<<10)
	for scan.Scan() {
		if err := s.room(l); err != nil {
			return Set{}, err
		}
		if err := s.addLocation(scan.Bytes()); err != nil {
			return Set{}, fmt.Errorf("row %d%w", s.X.Rows+1, err)
		}
	}
	if err := scan.Err(); err != nil {
		return Set{}, fmt.Errorf("row %d: %w: %w", s.X.Rows+1, err, tribune.ErrInvalid)
	}
	if s.X.Rows == 0 {
		return Set{}, fmt.Errorf("no rows: %w", tribune.ErrInvalid)
	}
	for c := range locationClasses {
		s.Classes = append(s.Classes, strconv.Itoa(c+1))
	}
	for f := range locationFeatures {
		s.Features = append(s.Features, "place "+strconv.Itoa(f+1))
	}
	s.Source, err = in.source()
	return s, err
}

func (s *Set) room(l Limits) error {
	if limit := min(l.Rows, maxLocationRows); s.X.Rows >= limit {
		return fmt.Errorf("row %d: at most %d rows are read: %w", s.X.Rows+1, limit, tribune.ErrTooLarge)
	}
	return nil
}

// addLocation's errors begin with what follows "row N".
func (s *Set) addLocation(line []byte) error {
	label, rest, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(","))
	class, err := strconv.Atoi(string(bytes.Trim(label, `"`)))
	if err != nil || class < 1 || class > locationClasses {
		return fmt.Errorf(", column 1: not a class 1..%d: %w", locationClasses, tribune.ErrInvalid)
	}
	if len(rest) != 2*locationFeatures-1 {
		return fmt.Errorf(": need %d zeros or ones after the class: %w", locationFeatures, tribune.ErrInvalid)
	}
	from := len(s.X.Data)
	for i, c := range rest {
		switch {
		case i%2 == 1 && c == ',':
		case i%2 == 0 && (c == '0' || c == '1'):
			s.X.Data = append(s.X.Data, float32(c-'0'))
		default:
			s.X.Data = s.X.Data[:from]
			return fmt.Errorf(", column %d: neither 0 nor 1: %w", i/2+2, tribune.ErrInvalid)
		}
	}
	s.X.Rows++
	s.Y, s.Row = append(s.Y, class-1), append(s.Row, s.X.Rows)
	return nil
}
