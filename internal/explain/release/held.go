package release

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/explain/data"
)

// Held is what somebody holds who has copied blind indexes: rows of tokens, each beside an entry (an entity, a leaf of the record) and the moment it arrived,
// but no value. The auditor joins the values to it that he knows, by the entries.
type Held struct {
	rows map[string][]heldRow // by which index it is
}

type heldRow struct {
	token, entry string
	seen         time.Time // zero = not known
}

// Add adds a row.
func (h *Held) Add(of, token, entry string, seen time.Time) error {
	if h.rows == nil {
		h.rows = map[string][]heldRow{}
	}
	if len(h.rows[of]) == maxRows {
		return fmt.Errorf("reading a blind index: over %d rows: %w", maxRows, tribune.ErrTooLarge)
	}
	h.rows[of] = append(h.rows[of], heldRow{token, entry, seen})
	return nil
}

// Of names the indexes.
func (h *Held) Of() (names []string) {
	for name := range h.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Size is how many rows one has, and how many different tokens.
func (h *Held) Size(of string) (rows, tokens int) {
	seen := map[string]bool{}
	for _, r := range h.rows[of] {
		seen[r.token] = true
	}
	return len(h.rows[of]), len(seen)
}

// Join gives each row its value, from CSV with a header: index,entry,value, then any groupings; index as Of names it. Rows without a value stay among what is held
// (their tokens and moments mislead an attacker), and are not attacked. left counts them, in indexes of which any value is known. Errors name the row and never a value.
func (h *Held) Join(values io.Reader) (all []Index, left int, err error) {
	limited := &io.LimitedReader{R: values, N: maxIndex + 1}
	next := data.CSVRecords(limited, maxRecord)
	header, err := next()
	if err != nil || len(header) < 3 || !slices.Equal(header[:3], []string{"index", "entry", "value"}) || len(header) > maxColumns {
		return nil, 0, tribune.Hint(fmt.Errorf("reading the values of blind indexes: %w: their header", tribune.ErrInvalid), "index,entry,value, then groupings")
	}
	names := slices.Clone(header[3:])
	known := map[[2]string][]string{}
	for n := 1; ; n++ {
		row, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if limited.N <= 0 || n > maxRows {
			return nil, 0, fmt.Errorf("reading the values of blind indexes: over %d bytes or %d rows: %w", maxIndex, maxRows, tribune.ErrTooLarge)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("reading the values of blind indexes: row %d is no row of %d cells: %w", n, len(header), tribune.ErrInvalid)
		}
		key := [2]string{strings.Clone(row[0]), strings.Clone(row[1])}
		if _, of := h.rows[key[0]]; !of {
			return nil, 0, tribune.Hint(fmt.Errorf("reading the values of blind indexes: row %d: %w: there is no such index", n, tribune.ErrInvalid), "one of %q", h.Of())
		}
		rest := make([]string, 0, len(row)-2)
		for _, cell := range row[2:] {
			rest = append(rest, strings.Clone(cell))
		}
		known[key] = rest
	}
	for _, of := range h.Of() {
		x := Index{Of: of}
		groups := make([]*grouped, len(names))
		for i, name := range names {
			groups[i] = newGrouped(name)
		}
		none := 0
		for _, r := range h.rows[of] {
			v, is := known[[2]string{of, r.entry}]
			if !is {
				none++
				v = make([]string, 1+len(names))
			}
			x.Token, x.Value, x.Hidden = append(x.Token, r.token), append(x.Value, v[0]), append(x.Hidden, !is)
			if !r.seen.IsZero() {
				x.Seen = append(x.Seen, r.seen.UnixNano())
			}
			for i, g := range groups {
				g.add(v[1+i], is)
			}
		}
		if none == len(x.Token) {
			continue
		}
		if left += none; len(x.Seen) != len(x.Token) {
			x.Seen = nil
		}
		for _, g := range groups {
			x.Groups = append(x.Groups, g.Grouping)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, 0, fmt.Errorf("reading the values of blind indexes: %w: no row is about an entry that is held", tribune.ErrInvalid)
	}
	return all, left, nil
}

// grouped is a grouping that grows row by row.
type grouped struct {
	data.Grouping
	code map[string]int
}

func newGrouped(name string) *grouped { return &grouped{data.Grouping{Name: name}, map[string]int{}} }

// add adds a row's word; where it is not known, nobody's.
func (g *grouped) add(word string, known bool) {
	if !known {
		g.Of = append(g.Of, -1)
		return
	}
	code, is := g.code[word]
	if !is {
		code = len(g.Values)
		g.code[strings.Clone(word)] = code
		g.Values = append(g.Values, strings.Clone(word))
	}
	g.Of = append(g.Of, code)
}
