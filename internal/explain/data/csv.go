package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"tribune"
)

// CSV reads RFC 4180 with a header, packed by gzip or not, in bounded memory: nothing is kept but the cells that the schema wants.
func CSV(r io.Reader, s Schema, l Limits) (*Table, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("reading CSV: schema: %w", err)
	}
	in, err := newInput(r, l.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading CSV: %w", err)
	}
	t, err := readCSV(in, s, l)
	if err != nil {
		return nil, fmt.Errorf("reading CSV: %w", err)
	}
	return t, nil
}

func readCSV(in *input, s Schema, l Limits) (*Table, error) {
	records := newRecords(in, l.Record)
	header, err := records.next()
	if err == io.EOF {
		return nil, tribune.Hint(fmt.Errorf("the file is empty, it has no header: %w", tribune.ErrInvalid), "the first line names the columns, as in the schema")
	} else if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if len(header) > 0 && len(header[0]) >= 3 && header[0][:3] == "\ufeff" { // spreadsheets put a byte order mark before it
		header[0] = header[0][3:]
	}
	b, err := newBuilder(s, append([]string(nil), header...), l)
	if err != nil {
		return nil, err
	}
	for width := len(header); ; {
		cells, err := records.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", b.table.Rows+1, err)
		}
		if len(cells) != width {
			return nil, quoted(fmt.Errorf("row %d: %d cells, the header has %d: %w", b.table.Rows+1, len(cells), width, tribune.ErrInvalid))
		}
		if err := b.add(cells); err != nil {
			return nil, err
		}
	}
	source, err := in.source()
	if err != nil {
		return nil, err
	}
	return b.finish(source)
}

// records reads CSV records of bounded length: a quote that is never closed must not draw the file into memory.
type records struct {
	csv   *csv.Reader
	guard *guard
	limit int64
}

// CSVRecords gives what Read of an encoding/csv.Reader gives, of records that are all as wide as the first and each of at most limit bytes: a line without end,
// or of nothing but commas, is an error and not as many cells. A record is good until the next is read.
func CSVRecords(r io.Reader, limit int) func() ([]string, error) {
	in := newRecords(r, limit)
	in.csv.FieldsPerRecord = 0
	return in.next
}

func newRecords(r io.Reader, limit int) *records {
	g := &guard{r: r}
	c := csv.NewReader(g)
	c.ReuseRecord, c.FieldsPerRecord = true, -1 // ragged rows are counted by us: the error of csv names a line, not a row
	return &records{csv: c, guard: g, limit: int64(limit)}
}

// readAhead is more than the buffer inside csv.Reader.
const readAhead = 64 << 10

func (r *records) next() ([]string, error) {
	r.guard.until = r.csv.InputOffset() + r.limit + readAhead
	cells, err := r.csv.Read()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		if errors.Is(err, tribune.ErrTooLarge) {
			return nil, err
		}
		return nil, quoted(fmt.Errorf("line %d, byte %d: %w: %w", parse.Line, parse.Column, parse.Err, tribune.ErrInvalid))
	}
	return cells, err
}

func quoted(err error) error {
	return tribune.Hint(err, "a cell that holds commas, quotes or line ends stands in quotes, a quote within it twice (RFC 4180)")
}

// guard lets through as many bytes as one record may have.
type guard struct {
	r           io.Reader
	read, until int64
}

func (g *guard) Read(p []byte) (int, error) {
	if g.read >= g.until {
		return 0, quoted(fmt.Errorf("record without end: %w", tribune.ErrTooLarge))
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.until-g.read)])
	g.read += int64(n)
	return n, err
}
