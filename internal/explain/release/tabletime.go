package release

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"tribune"
)

// Since takes an earlier publication of the same table from this one. What is left is a table about those who came between the two dates, less those who
// went: of each cell that both publish, how many more, and the mean of those who came, where only they changed it. It is attacked as any other table, with
// those who came as members; margins in it give back cells that either publication suppressed. Counts may be below nothing, where more went than came.
//
// ErrInvalid where no cell is published in both.
func (t Table) Since(earlier Table) (Table, error) {
	before := make(map[string]Cell, len(earlier.Cells))
	for _, c := range earlier.Cells {
		before[c.key()] = c
	}
	var out Table
	both := 0
	for _, c := range t.Cells {
		old, known := before[c.key()]
		d := Cell{Where: c.Where, Count: math.NaN()}
		if known && !math.IsNaN(c.Count) && !math.IsNaN(old.Count) {
			both++
			d.Count = c.Count - old.Count
			d.Means = c.came(old)
		}
		out.Cells = append(out.Cells, d)
	}
	if both == 0 {
		return out, tribune.Hint(fmt.Errorf("taking one publication from another: %w: no cell is published in both", tribune.ErrInvalid), "two publications of one table, the earlier first, with the same attributes")
	}
	return out, nil
}

// came are the means of those who came, where somebody did.
func (c Cell) came(old Cell) (out []Mean) {
	more := c.Count - old.Count
	if more < 1 {
		return nil
	}
	for _, m := range c.Means {
		if i := slices.IndexFunc(old.Means, func(o Mean) bool { return o.Of == m.Of }); i >= 0 {
			out = append(out, Mean{m.Of, (c.Count*m.Value - old.Count*old.Means[i].Value) / more})
		} else if old.Count == 0 {
			out = append(out, m)
		}
	}
	return out
}

// key is a cell's conditions, in one order.
func (c Cell) key() string {
	words := make([]string, len(c.Where))
	for i, w := range c.Where {
		b, _ := json.Marshal([2]string{w.Attribute, w.Value}) // two strings are always JSON
		words[i] = string(b)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
