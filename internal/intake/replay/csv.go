package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tribune"
)

// Bounds of a feed file: a hostile or broken file ends in an error, not in memory.
const (
	MaxLine = 4 << 10   // bytes; the widest real row has under 120
	MaxRows = 2_000_000 // the parking feed has 35,717
)

// RowError says which row and column of which feed does not fit. Row 1 is the header; Column is "" where the whole row is meant.
type RowError struct {
	Feed   string
	Row    int
	Column string
	Err    error
}

func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("feed %s, row %d: %v", e.Feed, e.Row, e.Err)
	}
	return fmt.Sprintf("feed %s, row %d, column %s: %v", e.Feed, e.Row, e.Column, e.Err)
}
func (e *RowError) Unwrap() error { return e.Err }

// row is one data row with as many fields as the header; it is valid until the next one is read.
type row struct {
	feed    string
	number  int
	columns []string
	fields  []string
}

func (r *row) fail(column int, format string, args ...any) error {
	return &RowError{r.feed, r.number, r.columns[column], fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)}
}

// text is a field that must not be empty. It does not keep the line alive.
func (r *row) text(column int) (string, error) {
	if r.fields[column] == "" {
		return "", r.fail(column, "empty")
	}
	return strings.Clone(r.fields[column]), nil
}

func (r *row) integer(column int) (int, error) {
	n, err := strconv.ParseInt(r.fields[column], 10, 32)
	if err != nil {
		return 0, r.fail(column, "%.40q is not a whole number", r.fields[column])
	}
	return int(n), nil
}

// decimal reads a decimal number; known is false for the feed's word for a missing value.
func (r *row) decimal(column int) (value float64, known bool, err error) {
	s := r.fields[column]
	if s == missing {
		return 0, false, nil
	}
	// ParseFloat also takes NaN, Inf, hexadecimal and underscores, none of which is a measurement.
	if strings.Trim(s, "0123456789.-+eE") != "" {
		return 0, false, r.fail(column, "%.40q is not a number", s)
	}
	value, err = strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false, r.fail(column, "%.40q is not a number", s)
	}
	return value, true, nil
}

// wall reads a wall-clock time. It bears no zone: the result is labelled UTC and means the clock on the city's wall.
func (r *row) wall(column int, layout string) (time.Time, error) {
	t, err := time.Parse(layout, r.fields[column])
	if err != nil {
		return time.Time{}, r.fail(column, "%.40q is not a time like %s", r.fields[column], layout)
	}
	return t, nil
}

// readRows reads a CSV file strictly: the header is exactly columns, every row has as many fields, no line is longer than
// MaxLine, a quoted field is quoted whole and holds neither quote nor line break. It stops at the first error.
func readRows(src io.Reader, feed string, columns []string, each func(*row) error) error {
	lines := bufio.NewScanner(src)
	lines.Buffer(make([]byte, 0, MaxLine), MaxLine)
	r := row{feed: feed, columns: columns, fields: make([]string, 0, len(columns))}
	for lines.Scan() {
		r.number++
		if r.number > MaxRows {
			return &RowError{feed, r.number, "", fmt.Errorf("more than %d rows: %w", MaxRows, tribune.ErrTooLarge)}
		}
		var err error
		if r.fields, err = splitFields(r.fields[:0], lines.Text()); err != nil {
			return &RowError{feed, r.number, "", err}
		}
		if len(r.fields) != len(columns) {
			return &RowError{feed, r.number, "", fmt.Errorf("%d fields, want %d: %w", len(r.fields), len(columns), tribune.ErrInvalid)}
		}
		if r.number == 1 {
			for i, want := range columns {
				if r.fields[i] != want {
					return r.fail(i, "the header says %.40q", r.fields[i])
				}
			}
			continue
		}
		if err := each(&r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line longer than %d bytes: %w", MaxLine, tribune.ErrTooLarge)
		}
		return &RowError{feed, r.number + 1, "", err}
	}
	if r.number == 0 {
		return &RowError{feed, 1, "", fmt.Errorf("no header: %w", tribune.ErrInvalid)}
	}
	return nil
}

// splitFields appends the fields of one line to dst.
func splitFields(dst []string, line string) ([]string, error) {
	for {
		var field string
		if strings.HasPrefix(line, `"`) {
			end := strings.IndexByte(line[1:], '"')
			if end < 0 {
				return dst, fmt.Errorf("quote without end in field %d: %w", len(dst)+1, tribune.ErrInvalid)
			}
			field, line = line[1:end+1], line[end+2:]
			if line != "" && line[0] != ',' {
				return dst, fmt.Errorf("text after the quote in field %d: %w", len(dst)+1, tribune.ErrInvalid)
			}
		} else {
			end := strings.IndexByte(line, ',')
			if end < 0 {
				end = len(line)
			}
			field, line = line[:end], line[end:]
			if strings.Contains(field, `"`) {
				return dst, fmt.Errorf("quote inside field %d: %w", len(dst)+1, tribune.ErrInvalid)
			}
		}
		dst = append(dst, field)
		if line == "" {
			return dst, nil
		}
		line = line[1:]
	}
}
