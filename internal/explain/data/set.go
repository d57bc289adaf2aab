// Package data reads what models are trained and tested on: Adult, Diabetes-130, Location-30, MNIST, Purchase-100, Texas-100, CIFAR-10, CSV with a schema;
// encodes it; splits it; and finds what would make an audit lie before anything is measured (hygiene.go).
//
// The way of a data set: a reader makes a Table (words and numbers as they were), a Split names its rows, Fit learns an Encoding from the training
// rows alone, Apply makes the Sets, Inspect looks across the split. Readers take io.Readers, are bounded by Limits, and run in a worker without keys
// or network where the file came from outside. Their errors name row and column, never a value: a cell may be somebody's diagnosis.
package data

import (
	"tribune"
	"tribune/internal/explain/matrix"
)

// Set is a data set, encoded for models: row i of X, Y[i], each Grouping's Of[i], Person[i] and Row[i] are about the same record.
type Set struct {
	Name     string
	Features []string      // the columns of X; a category's columns are "name=value"
	X        matrix.Matrix // finite numbers only
	Y        []int         // index into Classes
	Classes  []string
	Groups   []Grouping
	Person   []uint64     // whose record it is; 0 is unknown
	Row      []int        // which record of the source it is, the first being 1
	Source   tribune.Hash // SHA-256 of the bytes that were read
}

// Grouping is one way to divide people, as sex or age.
type Grouping struct {
	Name   string
	Values []string
	Of     []int // row -> index into Values; -1 is unknown
}

// Pick copies the rows named, in that order; a row may be named twice.
func (s Set) Pick(rows []int) Set {
	out := s
	out.X = s.X.Pick(rows)
	out.Y, out.Person, out.Row = pick(s.Y, rows), pick(s.Person, rows), pick(s.Row, rows)
	out.Groups = make([]Grouping, len(s.Groups))
	for i, g := range s.Groups {
		out.Groups[i] = Grouping{Name: g.Name, Values: g.Values, Of: pick(g.Of, rows)}
	}
	return out
}

// pick keeps what is absent absent: a Set made by hand need not have persons.
func pick[T any](of []T, rows []int) []T {
	if of == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = of[r]
	}
	return out
}
