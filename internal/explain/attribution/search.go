package attribution

import (
	"cmp"
	"context"
	"math"
	"slices"

	"tribune/internal/explain/matrix"
)

// search looks for counterfactuals by asking only; otherwise is what the background's rows are answered with.
func (h *hunt) search(ctx context.Context, otherwise []int) error {
	already, err := h.changed(ctx, h.x)
	if err != nil {
		return err
	}
	h.keep(h.x, already)
	from := make([][]int, h.x.Rows)
	for i := range from {
		from[i] = h.nearest(h.x.Row(i), otherwise, h.class[i])
	}
	z := matrix.New(h.x.Rows, h.x.Cols)
	for s := range starts {
		ok := make([]bool, z.Rows)
		for i, rows := range from {
			copy(z.Row(i), h.x.Row(i))
			if s < len(rows) {
				copy(z.Row(i), h.c.Background.Row(rows[s]))
				h.clamp(z.Row(i))
				ok[i] = true
			}
		}
		if err := h.approach(ctx, z, ok); err != nil {
			return err
		}
	}
	return nil
}

// nearest are the closest background rows that are not answered with class, at most starts of them.
func (h *hunt) nearest(row []float32, otherwise []int, class int) []int {
	var rows [starts]int
	var far [starts]float64
	n := 0
	for b, c := range otherwise {
		if c == class {
			continue
		}
		d := h.distance(row, h.c.Background.Row(b))
		at := n
		for at > 0 && d < far[at-1] {
			at--
		}
		if at == starts {
			continue
		}
		n = min(n+1, starts)
		copy(rows[at+1:n], rows[at:n-1])
		copy(far[at+1:n], far[at:n-1])
		rows[at], far[at] = b, d
	}
	return rows[:n]
}

// approach draws z back to the record, sets back every input that can be, the one that is furthest off first, and draws back what is left.
func (h *hunt) approach(ctx context.Context, z matrix.Matrix, ok []bool) error {
	other, err := h.changed(ctx, z) // the bounds may have moved it
	if err != nil {
		return err
	}
	for i := range ok {
		ok[i] = ok[i] && other[i]
	}
	if err := h.back(ctx, z, ok); err != nil {
		return err
	}
	h.keep(z, ok)
	order := make([][]int, z.Rows)
	most := 0
	for i := range order {
		if ok[i] {
			order[i] = h.furthest(z.Row(i), h.x.Row(i))
			most = max(most, len(order[i]))
		}
	}
	for s := range most {
		copy(h.trial.Data, z.Data)
		for i, columns := range order {
			if s < len(columns) {
				h.trial.Row(i)[columns[s]] = h.x.Row(i)[columns[s]]
			}
		}
		other, err := h.changed(ctx, h.trial)
		if err != nil {
			return err
		}
		for i, columns := range order {
			if s < len(columns) && other[i] {
				z.Row(i)[columns[s]] = h.x.Row(i)[columns[s]]
			}
		}
	}
	if err := h.back(ctx, z, ok); err != nil {
		return err
	}
	h.keep(z, ok)
	return nil
}

// furthest are the inputs in which a differs from b, the largest scaled difference first; equal ones by column.
func (h *hunt) furthest(a, b []float32) []int {
	var columns []int
	for j, v := range a {
		if v != b[j] {
			columns = append(columns, j)
		}
	}
	off := func(j int) float64 { return math.Abs(float64(a[j]-b[j])) / h.scale[j] }
	slices.SortStableFunc(columns, func(p, q int) int { return cmp.Compare(off(q), off(p)) })
	return columns
}
