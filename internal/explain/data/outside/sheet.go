package outside

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

// A sheet travels as the line "tribune sheet 1", the number of its columns (four bytes, little-endian) and its cells, the header's first: of each its length
// (a uvarint of no more bytes than it needs) and its bytes. Nothing follows.
const (
	readSheet  = "sheet"
	sheetMagic = "tribune sheet 1\n"
)

// Sheet is what a CSV file says whose columns no schema describes: words. Whatever a worker answers in its place, a file could have said.
type Sheet struct {
	Header []string
	cells  []byte // of the rows, as they travel; they have been checked
}

// ReadSheet reads CSV in a worker: a header and rows as wide as it, of printable text, within l's bytes, rows, columns and bytes of a record.
// Errors name the row and column, and never a cell's text.
func ReadSheet(ctx context.Context, w worker.Worker, file io.Reader, l data.Limits) (Sheet, error) {
	p, err := pack([]io.Reader{file})
	if err != nil {
		return Sheet{}, err
	}
	answer, err := p.read(ctx, w, request{Reader: readSheet, Limits: l}, worker.Limits{
		Output: l.Bytes + l.Bytes/64 + 64, // a comma pays for a length, but for those of long cells
		Memory: 256 << 20,                 // rows pass through
	})
	if err != nil {
		return Sheet{}, err
	}
	s, err := decodeSheet(answer, l)
	if err != nil {
		return Sheet{}, fmt.Errorf("decoding a sheet: %w", err)
	}
	return s, nil
}

// Rows gives each row's number, from 1, and its cells. The slice is good until the next row, the words for ever.
func (s Sheet) Rows() iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		row, rest := make([]string, len(s.Header)), s.cells
		for n := 1; len(rest) > 0; n++ {
			var cell []byte
			for i := range row {
				cell, rest, _ = cutCell(rest)
				row[i] = string(cell)
			}
			if !yield(n, row) {
				return
			}
		}
	}
}

// sheetJob is the worker's side.
func sheetJob(file io.Reader, l data.Limits, out io.Writer) error {
	limited := &io.LimitedReader{R: file, N: l.Bytes + 1}
	next := data.CSVRecords(limited, l.Record)
	b := bufio.NewWriterSize(out, 1<<20)
	for n := 0; ; n++ {
		row, err := next()
		switch {
		case limited.N <= 0:
			return tribune.Hint(fmt.Errorf("over %d bytes: %w", l.Bytes, tribune.ErrTooLarge), "a smaller file")
		case errors.Is(err, io.EOF) && n > 0:
			return b.Flush() // a bufio.Writer keeps its first error
		case errors.Is(err, io.EOF):
			return tribune.Hint(fmt.Errorf("the file is empty, it has no header: %w", tribune.ErrInvalid), "the first line names the columns")
		case err != nil:
			return fmt.Errorf("row %d: %w", n, err)
		case n == 0 && len(row) > l.Columns:
			return fmt.Errorf("%d columns, at most %d are read: %w", len(row), l.Columns, tribune.ErrTooLarge)
		case n == 0:
			b.WriteString(sheetMagic)
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(row))))
			row[0] = strings.TrimPrefix(row[0], "\ufeff") // spreadsheets put a byte order mark before it
		}
		if err := fits(n, row, l); err != nil {
			return err
		}
		for _, cell := range row {
			b.Write(binary.AppendUvarint(nil, uint64(len(cell))))
			b.WriteString(cell)
		}
	}
}

// fits holds row n, 0 being the header, against the limits. Both sides ask: the parent believes no worker.
func fits(n int, row []string, l data.Limits) error {
	size := 0
	for i, cell := range row {
		if !data.Printable(cell) {
			return tribune.Hint(fmt.Errorf("row %d, column %d: not printable text: %w", n, i+1, tribune.ErrInvalid), "UTF-8 without control characters; row 0 is the header")
		}
		size += len(cell)
	}
	if size > l.Record {
		return fmt.Errorf("row %d is over %d bytes: %w", n, l.Record, tribune.ErrTooLarge)
	}
	if n > l.Rows {
		return tribune.Hint(fmt.Errorf("over %d rows: %w", l.Rows, tribune.ErrTooLarge), "a smaller file")
	}
	return nil
}

// decodeSheet takes an answer apart and holds it against what was asked for.
func decodeSheet(answer []byte, l data.Limits) (Sheet, error) {
	rest, ok := bytes.CutPrefix(answer, []byte(sheetMagic))
	if !ok || len(rest) < 4 {
		return Sheet{}, fmt.Errorf("%w: it does not begin as one does", tribune.ErrInvalid)
	}
	columns := int64(binary.LittleEndian.Uint32(rest))
	if columns < 1 || columns > int64(l.Columns) {
		return Sheet{}, fmt.Errorf("%w: %d columns", tribune.ErrInvalid, columns)
	}
	s, row := Sheet{}, make([]string, columns)
	rest = rest[4:]
	for n := 0; n == 0 || len(rest) > 0; n++ {
		for i := range row {
			var cell []byte
			if cell, rest, ok = cutCell(rest); !ok {
				return Sheet{}, fmt.Errorf("%w: row %d is cut", tribune.ErrInvalid, n)
			}
			row[i] = string(cell)
		}
		if err := fits(n, row, l); err != nil {
			return Sheet{}, err
		}
		if n == 0 {
			s = Sheet{Header: slices.Clone(row), cells: rest}
		}
	}
	return s, nil
}

// cutCell takes a cell off b.
func cutCell(b []byte) (cell, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width < 1 || width > 1 && b[width-1] == 0 || n > uint64(len(b)-width) {
		return nil, nil, false
	}
	end := width + int(n)
	return b[width:end], b[end:], true
}
