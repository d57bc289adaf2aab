package data

import (
	"fmt"
	"math"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Scale says how numbers are brought to one size. What it needs is learnt from the rows given to Fit and from no other.
type Scale uint8

// The scales.
const (
	Standard Scale = iota // (v - mean) / standard deviation
	MinMax                // (v - min) / (max - min): 0..1 on the rows fitted
	Raw                   // as it is: the paper's Hospital
	HalfMean              // v / (2 mean): the paper's Adult
)

// FitOptions are how Fit reads a table.
type FitOptions struct {
	Scale    Scale
	Constant bool // a feature of one value alone is kept (it teaches nothing), not refused
	Rare     bool // a class of fewer than two rows is kept, not refused: shadow models on small samples
	Unknown  bool // a word that the fitted rows do not have becomes all zeros, not an error
}

// Encoding turns rows of a Table into rows of a Set.
type Encoding struct {
	options FitOptions
	columns []encoded
	width   int
}

type encoded struct {
	name     string
	kind     Kind
	shift    float64
	factor   float64
	values   []string
	slot     map[string]int // word -> column counted from at; -1 encodes as zeros
	at, cols int
}

// Fit learns an encoding from some rows of a table (their indices, from 0). Its errors name what would make a model meaningless: a feature of one value,
// a class of one row.
func Fit(t *Table, rows []int, o FitOptions) (*Encoding, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("fitting an encoding: no rows: %w", tribune.ErrInvalid)
	}
	e := &Encoding{options: o}
	for i := range t.Columns {
		c := &t.Columns[i]
		var err error
		switch c.Kind {
		case Numeric:
			err = e.number(c, rows)
		case Category:
			err = e.category(c, rows)
		case Label:
			err = c.classes(rows, o.Rare)
		}
		if err != nil {
			return nil, fmt.Errorf("fitting an encoding: column %q: %w", c.Name, err)
		}
	}
	return e, e.fits(len(rows))
}

// maxEncoded bounds the numbers of one Set (512 MB): a category of ten thousand words makes ten thousand columns of one.
const maxEncoded = 1 << 27

func (e *Encoding) fits(rows int) error {
	if e.width == 0 || rows <= maxEncoded/e.width {
		return nil
	}
	widest := slices.MaxFunc(e.columns, func(a, b encoded) int { return a.cols - b.cols })
	return tribune.Hint(fmt.Errorf("encoding: %d rows of %d numbers are more than %d; column %q alone makes %d of each row: %w", rows, e.width, maxEncoded, widest.name, widest.cols, tribune.ErrTooLarge),
		`kind "ignore" leaves a column out; or sample the rows, or join rare words`)
}

func (e *Encoding) add(n encoded) {
	n.at = e.width
	e.width += n.cols
	e.columns = append(e.columns, n)
}

func (e *Encoding) number(c *Column, rows []int) error {
	first := c.Numbers[rows[0]]
	low, high, sum := first, first, 0.0
	for _, r := range rows {
		v := c.Numbers[r]
		low, high, sum = min(low, v), max(high, v), sum+v
	}
	if low == high && !e.options.Constant {
		return constant(rows)
	}
	mean := sum / float64(len(rows))
	var square float64
	for _, r := range rows {
		d := c.Numbers[r] - mean
		square += d * d
	}
	n := encoded{name: c.Name, kind: Numeric, cols: 1, factor: 1}
	switch e.options.Scale {
	case Standard:
		n.shift, n.factor = mean, math.Sqrt(float64(len(rows))/square)
	case MinMax:
		n.shift, n.factor = low, 1/(high-low)
	case HalfMean:
		n.factor = 1 / (2 * mean)
	}
	if math.IsInf(n.factor, 0) || math.IsNaN(n.factor) { // of a constant that may stay, or of numbers too close to tell apart
		n.factor = 0
	}
	e.add(n)
	return nil
}

func constant(rows []int) error {
	return tribune.Hint(fmt.Errorf("the same value in all %d training rows: %w", len(rows), tribune.ErrInvalid),
		"leave the column out: it teaches a model nothing")
}

// category keeps declared words even where the training rows lack them: that they exist is public. Words found in the data are kept as far as the
// training rows have them.
func (e *Encoding) category(c *Column, rows []int) error {
	seen := make([]bool, len(c.Values))
	kinds := 0
	missing := false
	for _, r := range rows {
		if code := c.Codes[r]; code < 0 {
			missing = true
		} else if !seen[code] {
			seen[code] = true
			kinds++
		}
	}
	if kinds < 2 && !(kinds == 1 && missing) && !e.options.Constant {
		return constant(rows)
	}
	n := encoded{name: c.Name, kind: Category, slot: make(map[string]int)}
	for i, v := range c.Values {
		if c.Declared || seen[i] {
			n.slot[v], n.values = len(n.values), append(n.values, v)
		}
	}
	if len(n.values) == 2 { // two words need one column, of the second
		n.slot[n.values[0]], n.slot[n.values[1]] = -1, 0
		n.values = n.values[1:]
	}
	n.cols = len(n.values)
	e.add(n)
	return nil
}

const few = "nothing can be learnt of such a class: add records of it, join it to another one, or leave it out"

func (c *Column) classes(rows []int, rare bool) error {
	count, last := make([]int, len(c.Values)), make([]int, len(c.Values))
	for _, r := range rows {
		count[c.Codes[r]]++
		last[c.Codes[r]] = r
	}
	if len(c.Values) < 2 {
		return tribune.Hint(fmt.Errorf("one class alone: %w", tribune.ErrInvalid), "a model tells classes apart: the records need two at least")
	}
	for class, n := range count {
		switch {
		case rare || n > 1:
		case n == 1:
			return tribune.Hint(fmt.Errorf("class %q has one training row (row %d): %w", c.Values[class], last[class]+1, tribune.ErrInvalid), few)
		default:
			return tribune.Hint(fmt.Errorf("class %q has no training row: %w", c.Values[class], tribune.ErrInvalid), few)
		}
	}
	return nil
}

// Apply encodes rows of a table (their indices, from 0); the table may be another one of the same schema.
func (e *Encoding) Apply(t *Table, rows []int) (Set, error) {
	if err := e.fits(len(rows)); err != nil {
		return Set{}, err
	}
	s := Set{Name: t.Name, Source: t.Source, X: matrix.New(len(rows), e.width), Y: make([]int, len(rows)), Row: make([]int, len(rows))}
	for i, r := range rows {
		s.Row[i] = r + 1
	}
	features := 0
	for i := range t.Columns {
		c := &t.Columns[i]
		var err error
		switch c.Kind {
		case Numeric, Category:
			if features == len(e.columns) || e.columns[features].name != c.Name || e.columns[features].kind != c.Kind {
				return Set{}, fmt.Errorf("encoding: column %q is not where it was: %w", c.Name, tribune.ErrInvalid)
			}
			err = e.columns[features].write(&s, c, rows, e.options.Unknown)
			features++
		case Label:
			s.Classes = c.Values
			for i, r := range rows {
				s.Y[i] = int(c.Codes[r])
			}
		case Person:
			s.Person = pick(c.Persons, rows)
		}
		if err != nil {
			return Set{}, fmt.Errorf("encoding: %w", err)
		}
		if g, ok := c.grouping(rows); ok {
			s.Groups = append(s.Groups, g)
		}
	}
	if features != len(e.columns) {
		return Set{}, fmt.Errorf("encoding: column %q is missing: %w", e.columns[features].name, tribune.ErrInvalid)
	}
	return s, nil
}

func (n *encoded) write(s *Set, c *Column, rows []int, unknown bool) error {
	if n.kind == Numeric {
		s.Features = append(s.Features, n.name)
		for i, r := range rows {
			v := (c.Numbers[r] - n.shift) * n.factor
			if math.Abs(v) > math.MaxFloat32 {
				return fmt.Errorf("row %d, column %q: too far from the training rows to be encoded: %w", r+1, n.name, tribune.ErrInvalid)
			}
			s.X.Row(i)[n.at] = float32(v)
		}
		return nil
	}
	for _, v := range n.values {
		s.Features = append(s.Features, n.name+"="+v)
	}
	slots := make([]int, len(c.Values))
	for code, v := range c.Values {
		slot, known := n.slot[v]
		if !known {
			slot = -2
		}
		slots[code] = slot
	}
	for i, r := range rows {
		if c.Codes[r] < 0 {
			continue
		}
		switch slot := slots[c.Codes[r]]; {
		case slot >= 0:
			s.X.Row(i)[n.at+slot] = 1
		case slot == -2 && !unknown:
			return tribune.Hint(fmt.Errorf("row %d, column %q: a category that the training rows do not have: %w", r+1, n.name, tribune.ErrInvalid),
				"declare the column's values in the schema, or let unknown ones be zeros")
		}
	}
	return nil
}

// Split encodes a split of one table: what the numbers are scaled by is learnt from its training rows.
func (t *Table) Split(s Split, o FitOptions) (train, test Set, err error) {
	e, err := Fit(t, s.Train, o)
	if err != nil {
		return train, test, err
	}
	if train, err = e.Apply(t, s.Train); err != nil {
		return train, test, err
	}
	test, err = e.Apply(t, s.Test)
	return train, test, err
}

// All are the indices of all rows.
func (t *Table) All() []int {
	rows := make([]int, t.Rows)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
