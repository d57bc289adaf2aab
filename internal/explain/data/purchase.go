package data

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"

	"tribune"
	"tribune/internal/explain/matrix"
)

// What privacytrustlab publishes of Purchase-100 and Texas-100 (Shokri et al. 2017), and how much of it there is.
const (
	purchaseFeatures = 600
	texasFeatures    = 6_169
	hundred          = 100 // classes of either
	// MaxBits are the numbers that Purchase and Texas read: 67,330 rows of 6,169 are there.
	MaxBits     = 500_000_000
	maxBitsRows = 250_000
)

// Purchase reads Purchase-100 as privacytrustlab publishes it: a row is a class 1..100 and 600 zeros or ones.
func Purchase(r io.Reader, l Limits) (Set, error) {
	s, err := purchase(r, l)
	if err != nil {
		return Set{}, fmt.Errorf("reading Purchase-100: %w", err)
	}
	return s, nil
}

func purchase(r io.Reader, l Limits) (Set, error) {
	s := Set{Name: "purchase", Classes: counted(hundred)}
	in, err := newInput(r, l.Bytes)
	if err != nil {
		return s, err
	}
	read, err := bits(in, 1+purchaseFeatures)
	if err != nil {
		return s, err
	}
	s.X = matrix.New(read.Rows, purchaseFeatures)
	for i := range read.Rows {
		row := read.Row(i)
		y, err := classOf(row[0], i)
		if err != nil {
			return s, err
		}
		s.Y, s.Row = append(s.Y, y), append(s.Row, i+1)
		copy(s.X.Row(i), row[1:])
	}
	s.Source, err = in.source()
	return s, err
}

// Texas reads Texas-100 as privacytrustlab publishes it: texas/100/feats with 6,169 zeros or ones a row, texas/100/labels with a class 1..100. Its Source is
// of labels and feats, in that order.
func Texas(feats, labels io.Reader, l Limits) (Set, error) {
	s, err := texas(feats, labels, l)
	if err != nil {
		return Set{}, fmt.Errorf("reading Texas-100: %w", err)
	}
	return s, nil
}

func texas(feats, labels io.Reader, l Limits) (Set, error) {
	s := Set{Name: "texas", Classes: counted(hundred)}
	y, err := newInput(labels, l.Bytes)
	if err != nil {
		return s, fmt.Errorf("labels: %w", err)
	}
	classes, err := bits(y, 1)
	if err != nil {
		return s, fmt.Errorf("labels: %w", err)
	}
	x, err := newInput(feats, l.Bytes)
	if err != nil {
		return s, fmt.Errorf("feats: %w", err)
	}
	if s.X, err = bits(x, texasFeatures); err != nil {
		return s, fmt.Errorf("feats: %w", err)
	}
	if classes.Rows != s.X.Rows {
		return s, fmt.Errorf("%d rows of feats, %d labels: %w", s.X.Rows, classes.Rows, tribune.ErrInvalid)
	}
	for i, v := range classes.Data {
		class, err := classOf(v, i)
		if err != nil {
			return s, fmt.Errorf("labels: %w", err)
		}
		s.Y, s.Row = append(s.Y, class), append(s.Row, i+1)
	}
	a, err := y.source()
	if err != nil {
		return s, err
	}
	b, err := x.source()
	s.Source = join(a, b)
	return s, err
}

func classOf(v float32, row int) (int, error) {
	if v < 1 || v > hundred {
		return 0, fmt.Errorf("row %d: not a class 1..%d: %w", row+1, hundred, tribune.ErrInvalid)
	}
	return int(v) - 1, nil
}

// counted are the names of classes that have none: "1", "2", ...
func counted(n int) (names []string) {
	for i := range n {
		names = append(names, strconv.Itoa(i+1))
	}
	return names
}

// bits reads rows of whole numbers to 127, so many columns in each.
func bits(r io.Reader, columns int) (matrix.Matrix, error) {
	m := matrix.Matrix{Cols: columns}
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 64<<10), 64<<10)
	for scan.Scan() {
		if m.Rows >= maxBitsRows || len(m.Data)+columns > MaxBits {
			return m, fmt.Errorf("more than %d rows or %d numbers: %w", maxBitsRows, MaxBits, tribune.ErrTooLarge)
		}
		line := scan.Bytes()
		if got := bytes.Count(line, []byte(",")) + 1; got != columns {
			return m, fmt.Errorf("row %d: %d columns, %d are needed: %w", m.Rows+1, got, columns, tribune.ErrInvalid)
		}
		for column := 1; column <= columns; column++ {
			cell, rest, _ := bytes.Cut(line, []byte(","))
			line = rest
			v, err := strconv.ParseUint(string(bytes.Trim(cell, "\" \r")), 10, 7)
			if err != nil {
				return m, fmt.Errorf("row %d, column %d: not a whole number to 127: %w", m.Rows+1, column, tribune.ErrInvalid)
			}
			m.Data = append(m.Data, float32(v))
		}
		m.Rows++
	}
	if err := scan.Err(); err != nil {
		return m, fmt.Errorf("row %d: %w: %w", m.Rows+1, err, tribune.ErrInvalid)
	}
	if m.Rows == 0 {
		return m, fmt.Errorf("no rows: %w", tribune.ErrInvalid)
	}
	return m, nil
}
