package record

import (
	"context"
	"fmt"

	"tribune/internal/explain/matrix"
)

// Influence is LeaveOneOut to first order, at one fit for all records: without record i the parameters move by H⁻¹ times the gradient of its loss (Koh
// and Liang 2017, 1703.04730, equation 1). own takes the record's own curvature out of H first, which is one step of Newton's method from the whole
// model (Sherman and Morrison 1950): nearer for records that pull hard, at no cost.
func Influence(ctx context.Context, x matrix.Matrix, y []int, own bool, o Options) (*Explainer, error) {
	reg, fit, err := fitWhole(ctx, x, y, o)
	if err != nil {
		return nil, fmt.Errorf("influence functions: %w", err)
	}
	e := &Explainer{theta: fit.Theta, shift: make([]float64, len(fit.Theta)*x.Rows), n: x.Rows}
	err = each(ctx, x.Rows, o.Progress, func() func(int) error {
		return func(i int) error {
			row := append(wide(x.Row(i)), 1)
			direction, err := fit.Solve(row)
			if err != nil {
				return err
			}
			p := sigmoid(dot(fit.Theta, row))
			residual := reg.C() * (p - float64(y[i]))
			if left := 1 - reg.C()*p*(1-p)*dot(row, direction); own && left > 1e-6 {
				residual /= left
			}
			for j, v := range direction {
				e.shift[j*e.n+i] = float64(residual * v)
			}
			return nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("influence functions: %w", err)
	}
	return e, nil
}
