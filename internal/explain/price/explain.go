package price

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/defence"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// protected bounds how many of its training records a model's private explanations rest on: each costs time for every explanation.
const protected = 1000

// linear explains by package defence's private linear model, fitted to records that the model was trained on: those that it protects.
type linear struct {
	name           string
	epsilon, delta float64
	seed           uint64
}

var _ attribution.Method = linear{}

// named is attribution.New that also knows private-linear.
func named(name string, s attribution.Setting) (attribution.Method, error) {
	settings, ok := strings.CutPrefix(name, privately)
	if !ok {
		return attribution.New(name, s)
	}
	v, err := pair(settings)
	if err != nil {
		return nil, err
	}
	return linear{name, v[0], v[1], s.Seed}, nil
}

func (l linear) Name() string    { return l.name }
func (linear) NeedsLayers() bool { return false }

func (l linear) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	k, ok := m.(interface{ knows() matrix.Matrix })
	if !ok {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: %w: nobody says which records the model was trained on", l.name, tribune.ErrUnsupported)
	}
	return defence.Private{Data: k.knows(), Epsilon: l.epsilon, Delta: l.delta, Seed: l.seed}.Explain(ctx, m, x, class)
}

// A model that knows some of the records that it was trained on, as its owner does.
type (
	asked struct {
		model.Model
		own matrix.Matrix
	}
	opened struct {
		model.Differentiable
		own matrix.Matrix
	}
)

func (a asked) knows() matrix.Matrix  { return a.own }
func (o opened) knows() matrix.Matrix { return o.own }

func knowing(m model.Model, rows matrix.Matrix, seed uint64) model.Model {
	if rows.Rows > protected {
		rows = rows.Pick(rand.New(rand.NewPCG(seed, 41)).Perm(rows.Rows)[:protected])
	}
	if d, ok := m.(model.Differentiable); ok {
		return opened{d, rows}
	}
	return asked{m, rows}
}
