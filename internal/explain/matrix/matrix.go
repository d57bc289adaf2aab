// Package matrix is the one shape in which the rooms of explain hand numbers to each other: rows are records, columns are features,
// classes or attributions.
//
// Numbers are float32, as the networks that are audited hold them: half the memory and twice the speed of float64. Whoever needs more
// digits (leave-one-out, influence functions) computes in float64 inside and rounds at the door.
package matrix

import "fmt"

// Matrix is dense and row-major. Its zero value has no rows. Copies share Data.
type Matrix struct {
	Rows, Cols int
	Data       []float32 // len Rows*Cols
}

// New makes a matrix of zeros. It panics on a negative shape: a programmer's error, not an input's.
func New(rows, cols int) Matrix {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("matrix: shape %d x %d", rows, cols))
	}
	return Matrix{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
}

// Row is a view of row i, not a copy; appending to it never reaches the next row.
func (m Matrix) Row(i int) []float32 {
	return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols]
}

// Slice is a view of rows from..to-1.
func (m Matrix) Slice(from, to int) Matrix {
	return Matrix{Rows: to - from, Cols: m.Cols, Data: m.Data[from*m.Cols : to*m.Cols : to*m.Cols]}
}

// Pick copies the rows named, in that order; a row may be named twice.
func (m Matrix) Pick(rows []int) Matrix {
	out := New(len(rows), m.Cols)
	for i, r := range rows {
		copy(out.Row(i), m.Row(r))
	}
	return out
}
