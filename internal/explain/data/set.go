// Package data reads what models are trained and tested on: Adult, Diabetes-130, Location-30, CSV with a schema; encodes it; splits it; and finds
// what would make an audit lie before anything is measured (see hygiene.go).
package data

import (
	"tribune"
	"tribune/internal/explain/matrix"
)

// Set is a data set, encoded for models: row i of X, Y[i], each Grouping's Of[i] and Person[i] are about the same record.
type Set struct {
	Name     string
	Features []string      // the columns of X; a category's columns are "name=value"
	X        matrix.Matrix // finite numbers only
	Y        []int         // index into Classes
	Classes  []string
	Groups   []Grouping
	Person   []uint64     // whose record it is; 0 is unknown
	Source   tribune.Hash // SHA-256 of the bytes that were read
}

// Grouping is one way to divide people, as sex or age.
type Grouping struct {
	Name   string
	Values []string
	Of     []int // row -> index into Values; -1 is unknown
}
