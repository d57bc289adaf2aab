package release

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
)

// What a published table may be.
const (
	MaxTable   = 16 << 20 // bytes
	maxCells   = 20_000
	maxColumns = 64
)

// Table is what was published: counts by cells, and means in them.
//
// Its file is CSV with a header: names of attributes, then "count", then any "mean NAME". A row is a cell; an attribute of "*" means anybody, of "20..30" a
// number from 20 to below 30, of anything else that word. A count or mean that is left empty was suppressed. Attributes are the features, groupings and, as
// "label", the classes of the records.
type Table struct {
	Cells []Cell
}

// Cell is one row of a table.
type Cell struct {
	Where []Condition // all must hold; in the order of the columns
	Count float64     // NaN: suppressed
	Means []Mean
}

// Condition is about one attribute. High is above Low for a band, else Value is the word.
type Condition struct {
	Attribute, Value string
	Low, High        float64
}

// Mean is of a number among the people of a cell.
type Mean struct {
	Of    string
	Value float64
}

// ReadTable reads a table in a worker; errors name the row and column.
func ReadTable(ctx context.Context, w worker.Worker, file io.Reader) (Table, error) {
	s, err := outside.ReadSheet(ctx, w, file, data.Limits{Bytes: MaxTable, Rows: maxCells, Columns: maxColumns, Record: maxRecord})
	if err != nil {
		return Table{}, fmt.Errorf("reading a published table: %w", err)
	}
	t, err := tableOf(s.Header, s.Rows())
	if err != nil {
		return Table{}, fmt.Errorf("reading a published table: %w", err)
	}
	return t, nil
}

// tableOf makes a table of a sheet.
func tableOf(header []string, rows iter.Seq2[int, []string]) (t Table, err error) {
	count := slices.Index(header, "count")
	if count < 0 {
		return t, tribune.Hint(fmt.Errorf("%w: none of %d columns is called count", tribune.ErrInvalid, len(header)), "attributes, then count, then means, as: district,age,count,mean income")
	}
	for i, name := range header {
		if name == "" || slices.Contains(header[:i], name) || i > count && !strings.HasPrefix(name, "mean ") {
			return t, fmt.Errorf("%w: column %d is called %q: empty, twice, or no mean after the count", tribune.ErrInvalid, i+1, name)
		}
	}
	for n, row := range rows {
		c, err := readCell(header, count, row)
		if err != nil {
			return t, fmt.Errorf("row %d, %w", n, err)
		}
		t.Cells = append(t.Cells, c)
	}
	if len(t.Cells) == 0 {
		return t, fmt.Errorf("%w: it has a header and no cell", tribune.ErrInvalid)
	}
	return t, nil
}

func readCell(header []string, count int, row []string) (Cell, error) {
	c := Cell{Count: math.NaN()}
	for i, text := range row {
		switch {
		case i < count && text == "*":
		case i < count:
			w := Condition{Attribute: header[i], Value: text}
			if low, high, band := strings.Cut(text, ".."); band {
				var err1, err2 error
				w.Low, err1 = strconv.ParseFloat(low, 64)
				w.High, err2 = strconv.ParseFloat(high, 64)
				if err1 != nil || err2 != nil || !(w.Low < w.High) {
					return c, fmt.Errorf("column %d: %w: no band of numbers", i+1, tribune.ErrInvalid)
				}
			}
			c.Where = append(c.Where, w)
		case text == "":
		default:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || i == count && (v < 0 || v > 1e15) {
				return c, fmt.Errorf("column %d: %w: no number of people and no mean", i+1, tribune.ErrInvalid)
			}
			if i == count {
				c.Count = v
			} else {
				c.Means = append(c.Means, Mean{strings.TrimPrefix(header[i], "mean "), v})
			}
		}
	}
	return c, nil
}

// holds finds for a condition a test on rows of a set.
func (w Condition) holds(s data.Set) (func(row int) bool, error) {
	column := func(name string) int { return slices.Index(s.Features, name) }
	switch j, k := column(w.Attribute), column(w.Attribute+"="+w.Value); {
	case w.High > w.Low && j >= 0:
		return func(row int) bool { v := float64(s.X.Row(row)[j]); return v >= w.Low && v < w.High }, nil
	case k >= 0:
		return func(row int) bool { return s.X.Row(row)[k] != 0 }, nil
	case j >= 0:
		v, err := strconv.ParseFloat(w.Value, 32)
		if err == nil {
			return func(row int) bool { return s.X.Row(row)[j] == float32(v) }, nil
		}
	}
	if w.Attribute == "label" {
		if class := slices.Index(s.Classes, w.Value); class >= 0 {
			return func(row int) bool { return s.Y[row] == class }, nil
		}
	}
	for _, g := range s.Groups {
		if v := slices.Index(g.Values, w.Value); g.Name == w.Attribute && v >= 0 {
			return func(row int) bool { return g.Of[row] == v }, nil
		}
	}
	return nil, fmt.Errorf("%w: the records know no %s of %q", tribune.ErrInvalid, w.Attribute, w.Value)
}

// in is which rows of a set a cell is about.
func (c Cell) in(s data.Set) ([]bool, error) {
	out := make([]bool, len(s.Y))
	for i := range out {
		out[i] = true
	}
	for _, w := range c.Where {
		holds, err := w.holds(s)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = out[i] && holds(i)
		}
	}
	return out, nil
}
