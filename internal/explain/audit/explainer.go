package audit

import (
	"context"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Explain gives the explanations of records that would be published under one explanation of a plan, exactly as an audit of it attacks them.
type Explain func(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error)

// Explainer is how e explains. What methods know of data is drawn from the subject's training records, by the plan's seed.
func (e Explanation) Explainer(s Subject, p Plan, o Options) (Explain, error) {
	made, err := prepare([]Explanation{e}, p, s, o.filled())
	if err != nil {
		return nil, err
	}
	return made[0].explain, nil
}
