package attribution

import (
	"fmt"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Setting is what methods share; each takes what it needs.
type Setting struct {
	Seed       uint64
	Background matrix.Matrix // for lime, kernel-shap and the search for counterfactuals: rows of data like the training data
	Groups     [][]int       // for kernel-shap: columns of one category
	Scale      []float64     // for counterfactual: the unit of each input
}

// Names are what New takes: the nine methods, then those of them that explain something else.
func Names() []string {
	var names []string
	for _, m := range methods(Setting{}) {
		names = append(names, m.Name())
	}
	return names
}

// New is the method of that name with its defaults. An unknown name is tribune.ErrNotFound.
func New(name string, s Setting) (Method, error) {
	all := methods(s)
	if i := slices.IndexFunc(all, func(m Method) bool { return m.Name() == name }); i >= 0 {
		return all[i], nil
	}
	err := fmt.Errorf("explanation method %q: %w", name, tribune.ErrNotFound)
	return nil, tribune.Hint(err, "one of %s", strings.Join(Names(), ", "))
}

func methods(s Setting) []Method {
	return []Method{
		Gradient{}, GradientInput{}, IntegratedGradients{}, Guided{}, LRP{}, SmoothGrad{Seed: s.Seed},
		LIME{Background: s.Background, Seed: s.Seed},
		KernelSHAP{Background: s.Background, Groups: s.Groups, Seed: s.Seed},
		Counterfactual{Background: s.Background, Scale: s.Scale},
		Gradient{Of: Probability}, GradientInput{Of: Probability}, IntegratedGradients{Of: Probability}, Guided{Of: Probability}, SmoothGrad{Of: Probability, Seed: s.Seed},
		LIME{Background: s.Background, Seed: s.Seed, AlwaysClassOne: true},
	}
}
