package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

const (
	backgroundRows = 200 // that lime and the search for counterfactuals know the like of
	shapRows       = 8   // the same of kernel-shap, which pays for each
)

// method is one explanation of the plan, made ready.
type method struct {
	Explanation
	plain   func(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error)
	defence Defence // nil: none
	once    bool    // asking again shows nothing new
}

// explain is what is published.
func (e method) explain(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	a, err := e.plain(ctx, m, x, seed)
	if err != nil {
		return a, err
	}
	return e.defend(ctx, a, seed)
}

// defend gives what is published in place of plain explanations, which it leaves as they are.
func (e method) defend(ctx context.Context, plain matrix.Matrix, seed uint64) (matrix.Matrix, error) {
	if e.defence == nil {
		return plain, nil
	}
	return e.defence.Apply(ctx, plain, seed)
}

// prepare makes explanations ready. What methods know of data is drawn from the training records, the like of which every attacker is taken to know.
func prepare(explanations []Explanation, p Plan, s Subject, o Options) ([]method, error) {
	var out []method
	for _, e := range explanations {
		rows := e.Background
		if rows == 0 {
			if rows = backgroundRows; e.Method == "kernel-shap" {
				rows = shapRows
			}
		}
		setting := attribution.Setting{Background: s.Train.X.Pick(draw(0, s.Train.X.Rows, rows, p.Seed, 3)), Groups: data.Inputwise(s.Train.Features)}
		made, err := e.method(o, setting)
		if err != nil {
			return nil, fmt.Errorf("reading the plan: %w", err)
		}
		if _, layered := s.Target.(model.Differentiable); made.NeedsLayers() && !layered {
			return nil, tribune.Hint(fmt.Errorf("%w: the plan explains by %s, which needs the model's layers, and they are not known", tribune.ErrUnsupported, e.Method),
				"lime, kernel-shap and counterfactual only ask the model")
		}
		var d Defence
		if e.Defence != "" {
			if d, err = o.Defence(e.Defence); err != nil {
				return nil, fmt.Errorf("reading the plan: explanation %q: %w", e.Method, err)
			}
		}
		out = append(out, method{Explanation: e, defence: d, once: d == nil && !randomised(e.Method), plain: func(ctx context.Context, m model.Model, x matrix.Matrix, seed uint64) (matrix.Matrix, error) {
			with := setting
			with.Seed = seed
			how, err := e.method(o, with)
			if err != nil {
				return matrix.Matrix{}, err
			}
			return how.Explain(ctx, m, x, nil)
		}})
	}
	return out, nil
}

// method is the plan's method with its settings.
func (e Explanation) method(o Options, s attribution.Setting) (attribution.Method, error) {
	how, err := o.Method(e.Method, s)
	if err != nil || e.Samples == 0 {
		return how, err
	}
	switch m := how.(type) {
	case attribution.SmoothGrad:
		m.Samples = e.Samples
		return m, nil
	case attribution.IntegratedGradients:
		m.Steps = e.Samples
		return m, nil
	case attribution.LIME:
		m.Samples = e.Samples
		return m, nil
	case attribution.KernelSHAP:
		m.Coalitions = e.Samples
		return m, nil
	}
	return nil, fmt.Errorf("%w: %s takes no samples", tribune.ErrInvalid, e.Method)
}

// randomised reports whether a method shows something new when it is asked again.
func randomised(method string) bool {
	return slices.ContainsFunc([]string{"smoothgrad", "lime", "kernel-shap", "private-linear"}, func(p string) bool { return strings.HasPrefix(method, p) })
}
