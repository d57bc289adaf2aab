package record

import (
	"context"
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Places says for each training record where it stands among the records that explain the model's answer to itself, from 1 (the paper's section 5.1): who
// stands among the first k is told to have been in the training data by asking about themselves.
func (e *Explainer) Places(ctx context.Context, train matrix.Matrix) ([]int, error) {
	if train.Rows != e.n || train.Cols != e.Inputs() {
		return nil, fmt.Errorf("%d x %d are not the %d x %d training records: %w", train.Rows, train.Cols, e.n, e.Inputs(), tribune.ErrInvalid)
	}
	out := make([]int, e.n)
	err := each(ctx, e.n, nil, func() func(int) error {
		var influence []float64
		return func(i int) error {
			influence = e.Influences(wide(train.Row(i)), influence)
			out[i] = place(influence, i)
			return nil
		}
	})
	return out, err
}

// Revealed are the training records that the answers to queries name, each query naming its k most influential: found[q] is how many different ones the
// first q+1 queries named.
func (e *Explainer) Revealed(ctx context.Context, queries [][]float64, k int) (found []int, err error) {
	tops, err := e.tops(ctx, len(queries), k, func(i int) []float64 { return queries[i] })
	if err != nil {
		return nil, err
	}
	known := make(map[int]bool)
	for _, t := range tops {
		for _, r := range t {
			known[r] = true
		}
		found = append(found, len(known))
	}
	return found, nil
}

func (e *Explainer) tops(ctx context.Context, n, k int, query func(i int) []float64) ([][]int, error) {
	out := make([][]int, n)
	err := each(ctx, n, nil, func() func(int) error {
		var influence []float64
		return func(i int) error {
			q := query(i)
			if len(q) != e.Inputs() {
				return fmt.Errorf("query %d has %d inputs, the model %d: %w", i, len(q), e.Inputs(), tribune.ErrInvalid)
			}
			influence = e.Influences(q, influence)
			out[i] = top(influence, k)
			return nil
		}
	})
	return out, err
}
