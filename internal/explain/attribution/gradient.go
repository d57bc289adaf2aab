package attribution

import (
	"context"
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Gradient is the derivative of the output by each input (Simonyan et al. 2014, 1312.6034, section 3).
type Gradient struct {
	Of Output
}

// GradientInput is the gradient times the input (Shrikumar et al. 2016, 1605.01713).
type GradientInput struct {
	Of Output
}

// Guided is guided backpropagation (Springenberg et al. 2015, 1412.6806): a rectifier passes back only what is positive in both directions. A network
// without rectifiers gives the gradient.
type Guided struct {
	Of Output
}

// LRP is layer-wise relevance propagation by the epsilon rule (Bach et al. 2015, 10.1371/journal.pone.0130140, equation 58): the logit of the class is
// handed back, each layer sharing it out by what each input contributed. Without biases, and but for what epsilon swallows, the row sums to the logit.
type LRP struct {
	Epsilon float32 // 0 is 1e-7
}

var (
	_ Method = Gradient{}
	_ Method = GradientInput{}
	_ Method = Guided{}
	_ Method = LRP{}
)

func (g Gradient) Name() string    { return named("gradient", g.Of, Logit) }
func (Gradient) NeedsLayers() bool { return true }
func (g Gradient) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	return backwards(ctx, g, m, x, class, rowwise{rule: model.Gradient, of: g.Of.or(Logit)})
}

func (g GradientInput) Name() string    { return named("gradient-input", g.Of, Logit) }
func (GradientInput) NeedsLayers() bool { return true }
func (g GradientInput) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	return backwards(ctx, g, m, x, class, rowwise{rule: model.Gradient, of: g.Of.or(Logit), timesInput: true})
}

func (g Guided) Name() string    { return named("guided-backprop", g.Of, Logit) }
func (Guided) NeedsLayers() bool { return true }
func (g Guided) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	return backwards(ctx, g, m, x, class, rowwise{rule: model.Guided, of: g.Of.or(Logit)})
}

func (LRP) Name() string      { return "lrp-epsilon" }
func (LRP) NeedsLayers() bool { return true }
func (l LRP) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	if l.Epsilon < 0 {
		return matrix.Matrix{}, fmt.Errorf("explaining by %s: epsilon is negative: %w", l.Name(), tribune.ErrInvalid)
	}
	return backwards(ctx, l, m, x, class, rowwise{rule: model.LRP, of: Logit, epsilon: positive(l.Epsilon, 1e-7)})
}

// rowwise is what goes back through the layers once for each record.
type rowwise struct {
	rule       model.Rule
	of         Output
	epsilon    float32
	timesInput bool
}

// start is everything a method over layers begins with: the layers, and a class for each row.
func start(ctx context.Context, method Method, m model.Model, x matrix.Matrix, class []int) (model.Differentiable, []int, error) {
	d, err := layers(method, m)
	if err != nil {
		return nil, nil, err
	}
	if err := check(m, x, class); err != nil {
		return nil, nil, err
	}
	if class == nil {
		class, err = Predicted(ctx, m, x)
	}
	return d, class, err
}

func backwards(ctx context.Context, method Method, m model.Model, x matrix.Matrix, class []int, how rowwise) (matrix.Matrix, error) {
	d, class, err := start(ctx, method, m, x, class)
	if err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, x.Cols)
	err = inPieces(ctx, x.Rows, batchRows, func(ctx context.Context, from, to int) error {
		part := x.Slice(from, to)
		seed, err := how.seeds(ctx, d, part, class[from:to])
		if err != nil {
			return err
		}
		back, err := d.Propagate(ctx, part, seed, how.rule, how.epsilon)
		if err != nil {
			return fmt.Errorf("explaining by %s: %w", method.Name(), err)
		}
		into := out.Slice(from, to).Data
		copy(into, back.Data)
		if how.timesInput {
			for i, v := range part.Data {
				into[i] *= v
			}
		}
		return nil
	})
	return out, err
}

// seeds under LRP are the logit itself, which is shared out; otherwise the derivative of the output.
func (r rowwise) seeds(ctx context.Context, d model.Differentiable, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	if r.rule != model.LRP {
		return seeds(ctx, d, x, class, r.of)
	}
	logits, err := d.Logits(ctx, x)
	if err != nil {
		return matrix.Matrix{}, fmt.Errorf("asking for logits: %w", err)
	}
	s := matrix.New(x.Rows, d.Classes())
	for i, c := range class {
		s.Row(i)[c] = logits.Row(i)[c]
	}
	return s, nil
}
