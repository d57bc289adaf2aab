package outside

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"tribune"
	"tribune/internal/explain/data"
)

// A table travels as the line "tribune table 1", the length of a header (four bytes, little-endian), the header as JSON, and its columns one after the
// other, as the schema has them without those it ignores: float64, or int32 codes, or uint64 persons, little-endian. Nothing follows.
const (
	magic     = "tribune table 1\n"
	maxHeader = 32 << 20 // bytes of it: words of all categories
)

type header struct {
	Rows    int      `json:"rows"`
	Columns []column `json:"columns"`
}

type column struct {
	Values   []string `json:"values,omitempty"`
	Declared bool     `json:"declared,omitempty"`
}

func encode(out io.Writer, t *data.Table) error {
	h := header{Rows: t.Rows}
	for _, c := range t.Columns {
		h.Columns = append(h.Columns, column{c.Values, c.Declared})
	}
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("describing the table: %w", err)
	}
	if len(text) > maxHeader {
		return tribune.Hint(fmt.Errorf("%w: its categories have %d MB of words, at most %d are read", tribune.ErrTooLarge, len(text)>>20, maxHeader>>20), `such a column is no category: kind "ignore" leaves it out`)
	}
	b := bufio.NewWriterSize(out, 1<<20)
	b.WriteString(magic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	b.Write(text)
	var eight [8]byte
	for _, c := range t.Columns {
		for _, v := range c.Numbers {
			b.Write(binary.LittleEndian.AppendUint64(eight[:0], math.Float64bits(v)))
		}
		for _, v := range c.Codes {
			b.Write(binary.LittleEndian.AppendUint32(eight[:0], uint32(v)))
		}
		for _, v := range c.Persons {
			b.Write(binary.LittleEndian.AppendUint64(eight[:0], v))
		}
	}
	return b.Flush() // a bufio.Writer keeps its first error
}

// decode takes an answer apart and holds it against what was asked for.
func decode(answer []byte, q request) (*data.Table, error) {
	rest, ok := bytes.CutPrefix(answer, []byte(magic))
	if !ok || len(rest) < 4 || int64(binary.LittleEndian.Uint32(rest)) > int64(len(rest)-4) {
		return nil, fmt.Errorf("%w: it does not begin as one does", tribune.ErrInvalid)
	}
	n := binary.LittleEndian.Uint32(rest)
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", tribune.ErrTooLarge, n)
	}
	text, rest := rest[4:4+n], rest[4+n:]
	var h header
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return nil, fmt.Errorf("%w: its header: %w", tribune.ErrInvalid, err)
	}
	var fields []data.Field
	for _, f := range q.Schema.Columns {
		if f.Kind != data.Ignore {
			fields = append(fields, f)
		}
	}
	if h.Rows < 1 || h.Rows > q.Limits.Rows || len(h.Columns) != len(fields) || int64(h.Rows)*int64(len(fields)) > int64(q.Limits.Cells) {
		return nil, fmt.Errorf("%w: %d rows of %d columns; %d columns were asked for", tribune.ErrInvalid, h.Rows, len(h.Columns), len(fields))
	}
	t := &data.Table{Name: q.Schema.Name, Rows: h.Rows}
	for k, f := range fields {
		c := data.Column{Field: f, Values: h.Columns[k].Values, Declared: h.Columns[k].Declared}
		var err error
		if rest, err = fill(&c, rest, h.Rows, q); err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		t.Columns = append(t.Columns, c)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: something follows it", tribune.ErrInvalid)
	}
	return t, nil
}

// fill takes a column's numbers off b.
func fill(c *data.Column, b []byte, rows int, q request) ([]byte, error) {
	width := 8
	if c.Kind == data.Category || c.Kind == data.Label || c.Kind == data.Group {
		width = 4
	}
	if err := words(c, q); err != nil {
		return nil, err
	}
	if len(b) < rows*width {
		return nil, fmt.Errorf("%w: it is cut", tribune.ErrInvalid)
	}
	switch c.Kind {
	case data.Numeric:
		c.Numbers = make([]float64, 0, rows)
	case data.Person:
		c.Persons = make([]uint64, 0, rows)
	default:
		c.Codes = make([]int32, 0, rows)
	}
	for i := range rows {
		at := b[i*width:]
		switch c.Kind {
		case data.Numeric:
			v := math.Float64frombits(binary.LittleEndian.Uint64(at))
			if !(math.Abs(v) <= math.MaxFloat32) {
				return nil, fmt.Errorf("%w: row %d is no finite number", tribune.ErrInvalid, i+1)
			}
			c.Numbers = append(c.Numbers, v)
		case data.Person:
			c.Persons = append(c.Persons, binary.LittleEndian.Uint64(at))
		default:
			code := int32(binary.LittleEndian.Uint32(at))
			if code < -1 || int(code) >= len(c.Values) || code < 0 && c.Kind == data.Label {
				return nil, fmt.Errorf("%w: row %d is none of its words", tribune.ErrInvalid, i+1)
			}
			c.Codes = append(c.Codes, code)
		}
	}
	return b[rows*width:], nil
}

// words holds a column's words against the schema: those it declares, or different ones within the limits.
func words(c *data.Column, q request) error {
	worded := c.Kind == data.Category || c.Kind == data.Label || c.Kind == data.Group
	switch {
	case !worded && (len(c.Values) > 0 || c.Declared):
		return fmt.Errorf("%w: words in a column without", tribune.ErrInvalid)
	case worded && q.Reader == readCSV && c.Declared != (len(c.Field.Values) > 0),
		worded && q.Reader == readCSV && c.Declared && !slices.Equal(c.Values, c.Field.Values):
		return fmt.Errorf("%w: other words than the schema declares", tribune.ErrInvalid)
	case len(c.Values) > max(q.Limits.Values, len(c.Field.Values)):
		return fmt.Errorf("%w: %d words", tribune.ErrTooLarge, len(c.Values))
	}
	seen := make(map[string]bool, len(c.Values))
	for _, w := range c.Values {
		if seen[w] || len(w) > q.Limits.Record || !data.Printable(w) {
			return fmt.Errorf("%w: a word twice, too long, or not printable", tribune.ErrInvalid)
		}
		seen[w] = true
	}
	return nil
}
