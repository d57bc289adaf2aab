package reproduce

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

func openLocation(dir fs.FS) (*pool, error) {
	f, err := oneOf(dir, "Location-30", "dataset_location.tgz", "bangkok")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return poolOf(data.Location(f, data.DefaultLimits()))
}

func openMNIST(dir fs.FS) (*pool, error) {
	for _, at := range []string{".", "data", "package/data", "mnist"} {
		images, err := first(dir, path.Join(at, "train-images-idx3-ubyte"), path.Join(at, "train-images-idx3-ubyte.gz"))
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer images.Close()
		labels, err := first(dir, path.Join(at, "train-labels-idx1-ubyte"), path.Join(at, "train-labels-idx1-ubyte.gz"))
		if err != nil {
			return nil, err
		}
		defer labels.Close()
		limits := data.DefaultLimits()
		limits.Cells = max(limits.Cells, 60_000*28*28)
		return poolOf(data.MNIST(images, labels, limits))
	}
	return nil, missing("MNIST", "train-images-idx3-ubyte")
}

// openPurchase reads Purchase-100 as privacytrustlab publishes it: a class 1..100 and 600 zeros or ones a row.
func openPurchase(dir fs.FS) (*pool, error) {
	f, err := oneOf(dir, "Purchase-100", "purchase/purchase.csv", "purchase.csv", "dataset_purchase")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := bits(f, 600)
	if err != nil {
		return nil, fmt.Errorf("reading Purchase-100: %w", err)
	}
	s.Name, s.Y = "purchase", make([]int, s.X.Rows)
	x := matrix.New(s.X.Rows, 600)
	for i := range s.X.Rows {
		row := s.X.Row(i)
		if s.Y[i], err = classOf(row[0], i); err != nil {
			return nil, fmt.Errorf("reading Purchase-100: %w", err)
		}
		copy(x.Row(i), row[1:])
	}
	s.X = x
	return poolOf(s, nil)
}

// openTexas reads Texas-100 as privacytrustlab publishes it: texas/100/feats with 6,169 zeros or ones a row, texas/100/labels with a class 1..100.
func openTexas(dir fs.FS) (*pool, error) {
	f, err := oneOf(dir, "Texas-100", "texas/100/feats", "feats")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := oneOf(dir, "Texas-100", "texas/100/labels", "labels")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	s, err := bits(f, 6_168)
	if err != nil {
		return nil, fmt.Errorf("reading Texas-100: feats: %w", err)
	}
	classes, err := bits(l, 0)
	if err != nil {
		return nil, fmt.Errorf("reading Texas-100: labels: %w", err)
	}
	if classes.X.Rows != s.X.Rows {
		return nil, fmt.Errorf("reading Texas-100: %d rows of feats, %d labels: %w", s.X.Rows, classes.X.Rows, tribune.ErrInvalid)
	}
	s.Name = "texas"
	for i := range s.X.Rows {
		y, err := classOf(classes.X.Row(i)[0], i)
		if err != nil {
			return nil, fmt.Errorf("reading Texas-100: %w", err)
		}
		s.Y = append(s.Y, y)
	}
	return poolOf(s, nil)
}

func classOf(v float32, row int) (int, error) {
	if v < 1 || v > 100 {
		return 0, fmt.Errorf("row %d: not a class 1..100: %w", row+1, tribune.ErrInvalid)
	}
	return int(v) - 1, nil
}

// Bounds of what bits reads: Texas-100 has 67,330 rows of 6,169, Purchase-100 197,324 of 601.
const (
	mostRows  = 250_000
	mostCells = 500_000_000
)

// bits reads rows of small whole numbers, more commas than that in none.
func bits(r io.Reader, commas int) (data.Set, error) {
	s := data.Set{X: matrix.Matrix{Cols: commas + 1}}
	for i := range 100 {
		s.Classes = append(s.Classes, strconv.Itoa(i+1))
	}
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 64<<10), 64<<10)
	for scan.Scan() {
		if s.X.Rows >= mostRows || len(s.X.Data) > mostCells {
			return s, fmt.Errorf("more than %d rows or %d numbers: %w", mostRows, mostCells, tribune.ErrTooLarge)
		}
		line := scan.Bytes()
		if got := bytes.Count(line, []byte(",")); got != commas {
			return s, fmt.Errorf("row %d: %d columns, %d are needed: %w", s.X.Rows+1, got+1, commas+1, tribune.ErrInvalid)
		}
		for column := 1; column <= commas+1; column++ {
			cell, rest, _ := bytes.Cut(line, []byte(","))
			line = rest
			v, err := strconv.ParseUint(string(bytes.Trim(cell, "\" \r")), 10, 7)
			if err != nil {
				return s, fmt.Errorf("row %d, column %d: not a whole number to 127: %w", s.X.Rows+1, column, tribune.ErrInvalid)
			}
			s.X.Data = append(s.X.Data, float32(v))
		}
		s.X.Rows++
		s.Row = append(s.Row, s.X.Rows)
	}
	if err := scan.Err(); err != nil {
		return s, fmt.Errorf("row %d: %w: %w", s.X.Rows+1, err, tribune.ErrInvalid)
	}
	if s.X.Rows == 0 {
		return s, fmt.Errorf("no rows: %w", tribune.ErrInvalid)
	}
	return s, nil
}

// A record of CIFAR-10's binary version (Krizhevsky 2009): a class and three planes of 32 x 32.
const (
	planes  = 3 * 32 * 32
	batches = 5
	inBatch = 10_000
)

func openCIFAR(dir fs.FS) (*pool, error) {
	s := data.Set{Name: "cifar-10"}
	for c := range 10 {
		s.Classes = append(s.Classes, strconv.Itoa(c))
	}
	names := []string{"test_batch.bin"}
	for i := range batches {
		names = append(names, fmt.Sprintf("data_batch_%d.bin", i+1))
	}
	s.X = matrix.Matrix{Cols: planes}
	for _, name := range names {
		f, err := oneOf(dir, "CIFAR-10", "cifar-10-batches-bin/"+name, name)
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(f, inBatch*(planes+1)+1))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if err := addPictures(&s, raw); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return poolOf(s, nil)
}

func addPictures(s *data.Set, raw []byte) error {
	if len(raw) == 0 || len(raw)%(planes+1) != 0 || len(raw) > inBatch*(planes+1) {
		return fmt.Errorf("%d bytes are not up to %d pictures of %d: %w", len(raw), inBatch, planes+1, tribune.ErrInvalid)
	}
	for at := 0; at < len(raw); at += planes + 1 {
		if raw[at] > 9 {
			return fmt.Errorf("picture %d: not a class 0..9: %w", at/(planes+1)+1, tribune.ErrInvalid)
		}
		s.Y = append(s.Y, int(raw[at]))
		for _, v := range raw[at+1 : at+1+planes] {
			s.X.Data = append(s.X.Data, float32(v)/255)
		}
		s.X.Rows++
		s.Row = append(s.Row, s.X.Rows)
	}
	return nil
}

// oneOf opens the first of some names, or says which data set is not there.
func oneOf(dir fs.FS, what string, names ...string) (fs.File, error) {
	f, err := first(dir, names...)
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, missing(what, names[0])
	}
	return f, err
}

func missing(what, name string) error {
	return tribune.Hint(fmt.Errorf("%s is not in the folder, no file %s: %w", what, name, tribune.ErrNotFound),
		"%s is not shipped: get it from its publisher and name the folder that holds it with --data", what)
}
