package data

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"tribune"
)

// WriteCSV writes rows of a table (their indices, from 0) as CSV reads them under the schema the table was read by. What a table does not keep is left empty:
// columns of kind ignore, and whose a record is.
func (t *Table) WriteCSV(w io.Writer, s Schema, rows []int) error {
	out := csv.NewWriter(w)
	cells := make([]string, len(s.Columns))
	from := make([]*Column, len(s.Columns))
	for i, f := range s.Columns {
		cells[i] = f.Name
		for c := range t.Columns {
			if t.Columns[c].Name == f.Name {
				from[i] = &t.Columns[c]
			}
		}
		if from[i] == nil && f.Kind != Ignore {
			return fmt.Errorf("writing CSV: %w: the table has no column %q", tribune.ErrInvalid, f.Name)
		}
	}
	if err := out.Write(cells); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for _, r := range rows {
		for i, c := range from {
			cells[i] = ""
			switch {
			case c == nil || c.Kind == Person:
			case c.Kind == Numeric:
				cells[i] = strconv.FormatFloat(c.Numbers[r], 'g', -1, 64)
			case c.Codes[r] >= 0:
				cells[i] = c.Values[c.Codes[r]]
			case len(c.Missing) > 0:
				cells[i] = c.Missing[0]
			}
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("writing CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}
