package attribution

import (
	"context"
	"fmt"
	"math"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Counterfactual looks for the closest record that gets another answer (Wachter et al. 2017, 1711.00399). Where layers are known it steps to the nearest linearized
// border between the answer and its runner-up (DeepFool, Moosavi-Dezfooli et al. 2016, 1511.04599), draws the point back to the border and slides it along the border
// towards the record. Where they are not, or with Search, it starts from the closest background rows that are answered otherwise, goes back
// towards the record as far as the answer allows, and sets every input back to the record's that can be. Either is the closest found, not the closest there is.
type Counterfactual struct {
	Background matrix.Matrix // for the search; a model whose layers are known needs none
	Scale      []float64     // the unit of each input in the distance, as its standard deviation; nil is 1
	Lo, Hi     []float32     // what each input may be; nil is anything
	Search     bool          // ask only, though the layers are known
	Rounds     int           // steps to the border; 0 is 50, at most 1000
}

var _ Method = Counterfactual{}

// Found is a counterfactual for each record.
type Found struct {
	Points   matrix.Matrix // the record itself where none was found
	Class    []int         // what the model answers there
	Distance []float64     // sqrt(sum ((point - record) / scale)^2); 0 where none was found
	Valid    []bool        // whether the answer at Points is another
}

const (
	mostRounds = 1000
	halvings   = 24 // of the way between record and counterfactual: to a float's precision
	slides     = 6  // along the border
	overshoot  = 1.02
	starts     = 3 // background rows tried for a record
)

func (Counterfactual) Name() string      { return "counterfactual" }
func (Counterfactual) NeedsLayers() bool { return false }

// Explain gives what would have to change: point minus record, zeros where no counterfactual was found.
func (c Counterfactual) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	f, err := c.Find(ctx, m, x, class)
	if err != nil {
		return matrix.Matrix{}, err
	}
	for i, v := range x.Data {
		f.Points.Data[i] -= v
	}
	return f.Points, nil
}

// Find looks for a point near each row of x that is not answered with class (nil: with what is predicted).
func (c Counterfactual) Find(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (Found, error) {
	scale, err := c.check(m, x, class)
	if err != nil {
		return Found{}, err
	}
	if class == nil {
		if class, err = Predicted(ctx, m, x); err != nil {
			return Found{}, err
		}
	}
	d, known := m.(model.Differentiable)
	var otherwise []int // what the background is answered with
	if !known || c.Search {
		if err := background(c, m, c.Background, 1); err != nil {
			return Found{}, err
		}
		if otherwise, err = Predicted(ctx, m, c.Background); err != nil {
			return Found{}, err
		}
	}
	f := Found{matrix.New(x.Rows, x.Cols), make([]int, x.Rows), make([]float64, x.Rows), make([]bool, x.Rows)}
	err = inPieces(ctx, x.Rows, 64, func(ctx context.Context, from, to int) error {
		h := newHunt(c, m, x.Slice(from, to), class[from:to], scale)
		find := func() error { return h.search(ctx, otherwise) }
		if otherwise == nil {
			find = func() error { return h.descend(ctx, d) }
		}
		if err := find(); err != nil {
			return fmt.Errorf("looking for counterfactuals: %w", err)
		}
		return h.report(ctx, f, from)
	})
	return f, err
}

func (c Counterfactual) check(m model.Model, x matrix.Matrix, class []int) ([]float64, error) {
	if err := check(m, x, class); err != nil {
		return nil, err
	}
	if c.Rounds > mostRounds {
		return nil, fmt.Errorf("looking for counterfactuals: %d rounds, at most %d: %w", c.Rounds, mostRounds, tribune.ErrTooLarge)
	}
	for name, n := range map[string]int{"scale": len(c.Scale), "lower bounds": len(c.Lo), "upper bounds": len(c.Hi)} {
		if n != 0 && n != x.Cols {
			return nil, fmt.Errorf("looking for counterfactuals: the %s are %d numbers for %d inputs: %w", name, n, x.Cols, tribune.ErrInvalid)
		}
	}
	scale := make([]float64, x.Cols)
	for j := range scale {
		scale[j] = 1
		if len(c.Scale) != 0 {
			scale[j] = c.Scale[j]
		}
		if !(scale[j] > 0) || math.IsInf(scale[j], 0) {
			return nil, fmt.Errorf("looking for counterfactuals: the scale of column %d is %g: %w", j, scale[j], tribune.ErrInvalid)
		}
	}
	return scale, nil
}

// hunt is one goroutine's piece of records.
type hunt struct {
	c     Counterfactual
	m     model.Model
	x     matrix.Matrix
	class []int
	scale []float64
	best  matrix.Matrix
	found []bool
	trial matrix.Matrix // what is asked next
}

func newHunt(c Counterfactual, m model.Model, x matrix.Matrix, class []int, scale []float64) *hunt {
	h := &hunt{c, m, x, class, scale, matrix.New(x.Rows, x.Cols), make([]bool, x.Rows), matrix.New(x.Rows, x.Cols)}
	copy(h.best.Data, x.Data)
	return h
}

// changed tells which rows of z are not answered with their record's class.
func (h *hunt) changed(ctx context.Context, z matrix.Matrix) ([]bool, error) {
	p, err := h.m.Predict(ctx, z)
	if err != nil {
		return nil, err
	}
	out := make([]bool, z.Rows)
	for i := range out {
		out[i] = largest(p.Row(i)) != h.class[i]
	}
	return out, nil
}

// clamp keeps a point within the bounds.
func (h *hunt) clamp(z []float32) {
	for j, lo := range h.c.Lo {
		z[j] = max(z[j], lo)
	}
	for j, hi := range h.c.Hi {
		z[j] = min(z[j], hi)
	}
}

func (h *hunt) distance(a, b []float32) float64 {
	var sum float64
	for j, v := range a {
		d := float64(v-b[j]) / h.scale[j]
		sum += float64(d * d)
	}
	return math.Sqrt(sum)
}

// back draws the points of z, where ok, back along the way to their records as far as the answer stays another.
func (h *hunt) back(ctx context.Context, z matrix.Matrix, ok []bool) error {
	near, far := make([]float32, z.Rows), make([]float32, z.Rows)
	for i := range far {
		far[i] = 1
	}
	for range halvings {
		for i := range z.Rows {
			between(h.trial.Row(i), h.x.Row(i), z.Row(i), (near[i]+far[i])/2)
		}
		other, err := h.changed(ctx, h.trial)
		if err != nil {
			return err
		}
		for i, yes := range other {
			if mid := (near[i] + far[i]) / 2; yes {
				far[i] = mid
			} else {
				near[i] = mid
			}
		}
	}
	for i := range z.Rows {
		if ok[i] {
			between(z.Row(i), h.x.Row(i), z.Row(i), far[i])
		}
	}
	return nil
}

func between(into, a, b []float32, t float32) {
	for j, v := range a {
		into[j] = v + float32(t*(b[j]-v))
	}
}

// keep takes over the points of z that are valid and closer than what was found.
func (h *hunt) keep(z matrix.Matrix, ok []bool) {
	for i, yes := range ok {
		if yes && (!h.found[i] || h.distance(z.Row(i), h.x.Row(i)) < h.distance(h.best.Row(i), h.x.Row(i))) {
			copy(h.best.Row(i), z.Row(i))
			h.found[i] = true
		}
	}
}

// report asks once more, so that Valid is what the model says of the very point that is handed out.
func (h *hunt) report(ctx context.Context, f Found, from int) error {
	class, err := Predicted(ctx, h.m, h.best)
	if err != nil {
		return err
	}
	for i, c := range class {
		copy(f.Points.Row(from+i), h.best.Row(i))
		f.Class[from+i] = c
		f.Valid[from+i] = c != h.class[i]
		f.Distance[from+i] = h.distance(h.best.Row(i), h.x.Row(i))
	}
	return nil
}
