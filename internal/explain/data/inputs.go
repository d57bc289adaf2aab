package data

import "tribune/internal/explain/matrix"

// Input is how one column of a Set is made from a column of a table: of a category 1 where Value stands and 0 elsewhere, of a number
// (v - Subtract) * Multiply.
type Input struct {
	Name     string  `json:"name"`
	Column   string  `json:"column"`
	Value    string  `json:"value,omitempty"`
	Subtract float64 `json:"subtract,omitempty"`
	Multiply float64 `json:"multiply,omitempty"`
}

// Inputs are the columns of the Sets that Apply makes, in their order: what a model from elsewhere must have been given.
func (e *Encoding) Inputs() []Input {
	var out []Input
	for _, c := range e.columns {
		if c.kind == Numeric {
			out = append(out, Input{Name: c.name, Column: c.name, Subtract: c.shift, Multiply: c.factor})
			continue
		}
		for _, v := range c.values {
			out = append(out, Input{Name: c.name + "=" + v, Column: c.name, Value: v})
		}
	}
	return out
}

// Rescaled are rows of a Set with the numbers that were made of inputs scaled another way, by these rows alone: near to what an Encoding of that scale makes of
// all rows, for whoever wants to know which one a model was trained on.
func Rescaled(x matrix.Matrix, inputs []Input, to Scale) matrix.Matrix {
	out := x.Pick(rowsOf(x))
	for j, in := range inputs {
		if in.Value != "" || in.Multiply == 0 || x.Rows == 0 {
			continue
		}
		c := Column{Field: Field{Name: in.Name, Kind: Numeric}, Numbers: make([]float64, x.Rows)}
		for i := range x.Rows {
			c.Numbers[i] = float64(x.Row(i)[j])/in.Multiply + in.Subtract
		}
		e := Encoding{options: FitOptions{Scale: to, Constant: true}}
		if e.number(&c, rowsOf(x)) != nil {
			continue // of a constant, which may stay
		}
		for i, v := range c.Numbers {
			out.Row(i)[j] = float32((v - e.columns[0].shift) * e.columns[0].factor)
		}
	}
	return out
}

func rowsOf(x matrix.Matrix) []int {
	rows := make([]int, x.Rows)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
