package record

import (
	"context"
	"fmt"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// LeaveOneOut fits the regression of y (0 or 1) on x once with all records and once without each. Every fit ends at its own objective's optimum
// (model.Fit.Without): where authors' solvers stop at a gradient of 1e-4, the differences that rank records are still noise.
func LeaveOneOut(ctx context.Context, x matrix.Matrix, y []int, o Options) (*Explainer, error) {
	_, fit, err := fitWhole(ctx, x, y, o)
	if err != nil {
		return nil, fmt.Errorf("leaving one out: %w", err)
	}
	e := &Explainer{Exact: true, theta: fit.Theta, shift: make([]float64, len(fit.Theta)*x.Rows), n: x.Rows}
	err = each(ctx, x.Rows, o.Progress, func() func(int) error {
		return func(i int) error {
			less, err := fit.Without(ctx, i)
			if err != nil {
				return fmt.Errorf("without record %d: %w", i, err)
			}
			for j, v := range less.Theta {
				e.shift[j*e.n+i] = v - fit.Theta[j]
			}
			return nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("leaving one out: %w", err)
	}
	return e, nil
}

func fitWhole(ctx context.Context, x matrix.Matrix, y []int, o Options) (*model.Regression, *model.Fit, error) {
	reg, err := regression(x, y, o)
	if err != nil {
		return nil, nil, err
	}
	fit, err := reg.Fit(ctx, nil, nil)
	return reg, fit, err
}
