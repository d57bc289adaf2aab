package data

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"tribune"
)

// Kind is what a column is for.
type Kind string

// The kinds. Numeric and Category are features; the others are not.
const (
	Numeric  Kind = "numeric"
	Category Kind = "category"
	Label    Kind = "label"  // what the model predicts; exactly one
	Group    Kind = "group"  // divides people
	Person   Kind = "person" // whose record it is; at most one
	Ignore   Kind = "ignore"
)

// Field is one column of a schema.
type Field struct {
	Name    string    `json:"name"`
	Kind    Kind      `json:"kind"`
	Values  []string  `json:"values,omitempty"`  // category, label, group: the words there are; absent: those of the training rows
	Missing []string  `json:"missing,omitempty"` // category, group, person: words for "not given", as "?": all zeros, no group, nobody
	Group   bool      `json:"group,omitempty"`   // numeric, category: groups are formed by it too
	Nobody  []string  `json:"nobody,omitempty"`  // category with group, group: words that are a value like others and no group of people, as "?"
	Bands   []float64 `json:"bands,omitempty"`   // numeric with group: where one band ends and the next begins
}

// Schema says what the columns of a table are; all of its columns must be named.
type Schema struct {
	Name    string  `json:"name"`
	Columns []Field `json:"columns"`
}

const (
	maxSchema = 4 << 20
	maxBands  = 100
)

// ReadSchema reads a schema as JSON, strictly: {"name": "...", "columns": [{"name": "age", "kind": "numeric", "group": true, "bands": [20, 30]}, ...]}.
func ReadSchema(r io.Reader) (Schema, error) {
	var s Schema
	raw, err := io.ReadAll(io.LimitReader(r, maxSchema+1))
	if err != nil {
		return s, fmt.Errorf("reading schema: %w", err)
	}
	if len(raw) > maxSchema {
		return s, fmt.Errorf("reading schema: over %d bytes: %w", maxSchema, tribune.ErrTooLarge)
	}
	d := json.NewDecoder(newBytes(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("reading schema: %w: %w", err, tribune.ErrInvalid)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, fmt.Errorf("reading schema: something follows it: %w", tribune.ErrInvalid)
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("reading schema: %w", err)
	}
	return s, nil
}

func (s Schema) check() error {
	if !Printable(s.Name) {
		return fmt.Errorf("the name is not printable text: %w", tribune.ErrInvalid)
	}
	count, names := map[Kind]int{}, map[string]bool{}
	for _, f := range s.Columns {
		if names[f.Name] {
			return fmt.Errorf("column %q stands twice: %w", f.Name, tribune.ErrInvalid)
		}
		names[f.Name] = true
		count[f.Kind]++
		if err := f.check(); err != nil {
			return fmt.Errorf("column %q: %w: %w", f.Name, err, tribune.ErrInvalid)
		}
	}
	switch {
	case count[Label] != 1:
		return fmt.Errorf("%d columns of kind label, need one: %w", count[Label], tribune.ErrInvalid)
	case count[Person] > 1:
		return fmt.Errorf("%d columns of kind person, at most one: %w", count[Person], tribune.ErrInvalid)
	case count[Numeric]+count[Category] == 0:
		return fmt.Errorf("no feature (kind numeric or category): %w", tribune.ErrInvalid)
	}
	return nil
}

func (f Field) check() error {
	words := f.Kind == Category || f.Kind == Label || f.Kind == Group
	switch f.Kind {
	case Numeric, Category, Label, Group, Person, Ignore:
	default:
		return fmt.Errorf("kind %q is none of numeric, category, label, group, person, ignore", f.Kind)
	}
	switch {
	case f.Name == "":
		return fmt.Errorf("no name")
	case !Printable(f.Name) || slices.ContainsFunc(f.Values, func(v string) bool { return !Printable(v) }):
		return fmt.Errorf("its name, or one of its values, is not printable text")
	case len(f.Values) > 0 && !words:
		return fmt.Errorf("values of a column without words")
	case len(f.Missing) > 0 && (f.Kind == Label || f.Kind == Numeric):
		return fmt.Errorf("a missing %s cannot be used", f.Kind)
	case len(f.Nobody) > 0 && f.Kind != Group && !(f.Kind == Category && f.Group):
		return fmt.Errorf("words that are no group, in a column without groups of words")
	case f.Group && f.Kind != Numeric && f.Kind != Category:
		return fmt.Errorf("group is for features; kind group for what is none")
	case f.Group && f.Kind == Numeric && len(f.Bands) == 0:
		return fmt.Errorf("groups of a number need bands")
	case len(f.Bands) > 0 && (f.Kind != Numeric || !f.Group):
		return fmt.Errorf("bands are for a number that groups")
	case len(f.Bands) > maxBands:
		return fmt.Errorf("more than %d bands", maxBands)
	}
	for i, b := range f.Bands {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= f.Bands[i-1] {
			return fmt.Errorf("bands must rise")
		}
	}
	sorted := slices.Clone(f.Values)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(f.Values) {
		return fmt.Errorf("a value stands twice")
	}
	return nil
}
