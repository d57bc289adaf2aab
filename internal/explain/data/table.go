package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"tribune"
)

// Limits bound what a reader takes before it gives up with tribune.ErrTooLarge.
type Limits struct {
	Rows    int   // records
	Columns int   // of the header
	Cells   int   // rows x columns kept; eight bytes each at most
	Values  int   // different words of one category
	Record  int   // bytes of one record, quotes and line ends within cells included
	Bytes   int64 // of the file, unpacked
}

// DefaultLimits hold a quarter of a gigabyte of table at most. A file of two gigabytes streams: only its cells stay.
func DefaultLimits() Limits {
	return Limits{Rows: 1_000_000, Columns: 4_096, Cells: 32 << 20, Values: 10_000, Record: 1 << 20, Bytes: 8 << 30}
}

// Table is what was read, before any encoding.
type Table struct {
	Name    string
	Columns []Column
	Rows    int
	Source  tribune.Hash // SHA-256 of the bytes that were read, as they arrived (packed, where they were packed)
}

// Column is one column of a Table; which slices it has depends on its kind, and those it has are Rows long.
type Column struct {
	Field
	Numbers  []float64 // Numeric
	Values   []string  // Category, Label, Group: the words, declared or sorted
	Codes    []int32   // Category, Label, Group: index into Values; -1 is missing
	Persons  []uint64  // Person; 0 is missing
	Declared bool      // Values stood in the schema
}

// column finds the first column of a kind.
func (t *Table) column(k Kind) *Column {
	for i := range t.Columns {
		if t.Columns[i].Kind == k {
			return &t.Columns[i]
		}
	}
	return nil
}

// Labels are the classes of all rows, for splits that keep classes in balance.
func (t *Table) Labels() []int32 {
	if c := t.column(Label); c != nil {
		return c.Codes
	}
	return nil
}

// Persons says whose each row is; nil where the table does not know.
func (t *Table) Persons() []uint64 {
	if c := t.column(Person); c != nil {
		return c.Persons
	}
	return nil
}

// builder grows a Table record by record; it is what all tabular readers share.
type builder struct {
	table  Table
	words  []map[string]int32 // per column; nil where it has no words
	from   []int              // column -> cell of the record
	limits Limits
	kept   int
}

// newBuilder lays the schema over a header; every column of either must be in both.
func newBuilder(s Schema, header []string, l Limits) (*builder, error) {
	if len(header) > l.Columns {
		return nil, fmt.Errorf("header has %d columns, at most %d are read: %w", len(header), l.Columns, tribune.ErrTooLarge)
	}
	if err := headed(header); err != nil {
		return nil, err
	}
	at := make(map[string]int, len(header))
	for i, name := range header {
		if _, twice := at[name]; twice {
			return nil, tribune.Hint(fmt.Errorf("column %q stands twice in the header: %w", name, tribune.ErrInvalid), "give each column a name of its own")
		}
		at[name] = i
	}
	b := &builder{table: Table{Name: s.Name}, limits: l}
	for _, f := range s.Columns {
		cell, ok := at[f.Name]
		if !ok {
			return nil, tribune.Hint(fmt.Errorf("column %q of the schema is not in the header: %w", f.Name, tribune.ErrInvalid),
				"the first line of the file must name its columns, spelled as in the schema, with commas between")
		}
		delete(at, f.Name)
		if f.Kind != Ignore {
			b.column(f, cell)
		}
	}
	for _, name := range header { // in the header's order: the same error for the same file
		if _, left := at[name]; left {
			return nil, tribune.Hint(fmt.Errorf("column %q of the header is not in the schema: %w", name, tribune.ErrInvalid),
				`name it there; kind "ignore" leaves it out`)
		}
	}
	return b, nil
}

func (b *builder) column(f Field, cell int) {
	c := Column{Field: f}
	var words map[string]int32
	if f.Kind == Category || f.Kind == Label || f.Kind == Group {
		words = make(map[string]int32)
		for i, v := range f.Values {
			words[v] = int32(i)
		}
		c.Values, c.Declared = slices.Clone(f.Values), len(f.Values) > 0
	}
	b.table.Columns = append(b.table.Columns, c)
	b.words = append(b.words, words)
	b.from = append(b.from, cell)
}

// add takes one record. Its cells are only borrowed.
func (b *builder) add(cells []string) error {
	row := b.table.Rows + 1
	if row > b.limits.Rows {
		return tribune.Hint(fmt.Errorf("row %d: at most %d rows are read: %w", row, b.limits.Rows, tribune.ErrTooLarge),
			"sample the file: an audit of fewer records says as much")
	}
	if b.kept += len(b.from); b.kept > b.limits.Cells {
		return tribune.Hint(fmt.Errorf("row %d: at most %d cells are kept: %w", row, b.limits.Cells, tribune.ErrTooLarge),
			"leave columns out (kind \"ignore\"), or sample the file")
	}
	for i := range b.table.Columns {
		c := &b.table.Columns[i]
		if err := b.cell(c, b.words[i], cells[b.from[i]]); err != nil {
			return fmt.Errorf("row %d, column %q: %w", row, c.Name, err)
		}
	}
	b.table.Rows = row
	return nil
}

func (b *builder) cell(c *Column, words map[string]int32, cell string) error {
	missing := slices.Contains(c.Missing, cell)
	switch c.Kind {
	case Numeric:
		v, err := strconv.ParseFloat(cell, 64)
		switch {
		case cell == "":
			return noNumber("missing value")
		case err != nil: // the error of strconv would quote the cell
			return noNumber("not a number")
		case math.IsNaN(v), math.Abs(v) > math.MaxFloat32: // an infinity too
			return noNumber("not a finite number (NaN, infinite or over 3.4e38)")
		}
		c.Numbers = append(c.Numbers, v)
	case Person:
		if missing || cell == "" {
			c.Persons = append(c.Persons, 0)
			return nil
		}
		c.Persons = append(c.Persons, personOf(cell))
	default:
		code, err := b.word(c, words, cell, missing)
		if err != nil {
			return err
		}
		c.Codes = append(c.Codes, code)
	}
	return nil
}

func noNumber(what string) error {
	return tribune.Hint(fmt.Errorf("%s: %w", what, tribune.ErrInvalid), `put a number there (a point before decimals, no thousands), or leave the row out; a column in which numbers are missing can be a category with "missing" words`)
}

func (b *builder) word(c *Column, words map[string]int32, cell string, missing bool) (int32, error) {
	if missing {
		if c.Kind == Label {
			return 0, fmt.Errorf("missing label: %w", tribune.ErrInvalid)
		}
		return -1, nil
	}
	if code, ok := words[cell]; ok {
		return code, nil
	}
	switch {
	case cell == "":
		return 0, tribune.Hint(fmt.Errorf("missing value: %w", tribune.ErrInvalid), `leave the row out, or name the empty word among the column's "missing" words in the schema`)
	case !Printable(cell):
		return 0, notText()
	case c.Declared:
		return 0, tribune.Hint(fmt.Errorf("unknown category: %w", tribune.ErrInvalid), `name it among the column's "values" in the schema, or correct the row`)
	case len(c.Values) >= b.limits.Values:
		return 0, tribune.Hint(fmt.Errorf("more than %d different values: %w", b.limits.Values, tribune.ErrTooLarge), `such a column is no category: kind "ignore" leaves it out, kind "person" says whose the record is`)
	}
	code := int32(len(c.Values))
	word := string([]byte(cell)) // a record's cells share one string: keeping a word must not keep the record
	words[word], c.Values = code, append(c.Values, word)
	return code, nil
}

// finish sorts the words that were not declared, so that the order of rows does not order the columns of the encoding.
func (b *builder) finish(source tribune.Hash) (*Table, error) {
	if b.table.Rows == 0 {
		return nil, tribune.Hint(fmt.Errorf("no rows: %w", tribune.ErrInvalid), "one row a record after the header")
	}
	for i := range b.table.Columns {
		if c := &b.table.Columns[i]; !c.Declared && len(c.Values) > 0 {
			c.sort()
		}
	}
	b.table.Source = source
	return &b.table, nil
}

func (c *Column) sort() {
	order := make([]int, len(c.Values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(c.Values[a], c.Values[b]) })
	to, values := make([]int32, len(order)), make([]string, len(order))
	for at, old := range order {
		to[old], values[at] = int32(at), c.Values[old]
	}
	for i, code := range c.Codes {
		if code >= 0 {
			c.Codes[i] = to[code]
		}
	}
	c.Values = values
}

// compare puts 9 before 10 where words are numbers, as identifiers often are.
func compare(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 63)
	y, errY := strconv.ParseUint(b, 10, 63)
	switch {
	case errX == nil && errY == nil && x != y:
		if x < y {
			return -1
		}
		return 1
	case errX == nil && errY != nil:
		return -1
	case errX != nil && errY == nil:
		return 1
	}
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

// personOf names a person by a hash: an audit compares persons and never shows one.
func personOf(id string) uint64 {
	h := sha256.Sum256([]byte(id))
	if n := binary.BigEndian.Uint64(h[:]); n != 0 {
		return n
	}
	return 1
}

// Distinct are the rows (from 0) without those whose features and label repeat an earlier row's.
func (t *Table) Distinct() []int {
	seen := make(map[[sha256.Size]byte]bool, t.Rows)
	var out []int
	var line []byte
	for r := range t.Rows {
		line = line[:0]
		for i := range t.Columns {
			switch c := &t.Columns[i]; c.Kind {
			case Numeric:
				line = binary.LittleEndian.AppendUint64(line, math.Float64bits(c.Numbers[r]+0))
			case Category, Label:
				line = binary.LittleEndian.AppendUint32(line, uint32(c.Codes[r]))
			}
		}
		if key := sha256.Sum256(line); !seen[key] {
			seen[key] = true
			out = append(out, r)
		}
	}
	return out
}
