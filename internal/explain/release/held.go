package release

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
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
// They are read in a worker.
func (h *Held) Join(ctx context.Context, w worker.Worker, values io.Reader) (all []Index, left int, err error) {
	s, err := outside.ReadSheet(ctx, w, values, indexLimits())
	if err == nil {
		all, left, err = h.join(s.Header, s.Rows())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the values of blind indexes: %w", err)
	}
	return all, left, nil
}

// join gives rows the values that stand in a sheet.
func (h *Held) join(header []string, rows iter.Seq2[int, []string]) (all []Index, left int, err error) {
	if len(header) < 3 || !slices.Equal(header[:3], []string{"index", "entry", "value"}) {
		return nil, 0, tribune.Hint(fmt.Errorf("%w: their header", tribune.ErrInvalid), "index,entry,value, then groupings")
	}
	names := header[3:]
	known := map[[2]string][]string{}
	for n, row := range rows {
		if _, of := h.rows[row[0]]; !of {
			return nil, 0, tribune.Hint(fmt.Errorf("row %d: %w: there is no such index", n, tribune.ErrInvalid), "one of %q", h.Of())
		}
		known[[2]string{row[0], row[1]}] = slices.Clone(row[2:])
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
		return nil, 0, fmt.Errorf("%w: no row is about an entry that is held", tribune.ErrInvalid)
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
		g.code[word] = code
		g.Values = append(g.Values, word)
	}
	g.Of = append(g.Of, code)
}
