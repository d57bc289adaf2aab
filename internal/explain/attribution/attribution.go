// Package attribution says which inputs of a model an answer rests on: the explanations that are audited before a city publishes them.
//
// A Method gives one number for each input of each record. Gradient, gradient x input, integrated gradients, guided backpropagation, LRP-epsilon and
// SmoothGrad need the model's layers (model.Differentiable); LIME, KernelSHAP and the search for counterfactuals only ask the model (model.Model).
//
// What is promised. An explanation is of the class the model predicts (of several equal ones the lowest) unless another is named. It is a function of
// method, model, record, class and Seed alone: the same on one core and on sixteen, alone and in a batch, asked once and asked again; so an attacker who
// asks repeatedly is modelled by changing Seed, and nothing else averages away. (Its last bits follow the model's own arithmetic, which may sum a large
// batch in another order than a small one.) Sums over samples are float64. A record with a number that is not finite is refused by row and column.
//
// What is explained matters as much as how: where a network is sure of itself the gradient of the probability vanishes and that of the logit does not,
// so that the former tells members from others much better (Location-30: area 0.74 against 0.56). Both are methods of their own here.
//
// The defaults are those of Shokri, Strobel, Zick (1907.00164) where their code shows them: the logit, not the probability, of the predicted class;
// zero as baseline; 64 noisy copies with standard deviation 1; epsilon 1e-7; LIME as its authors' library has it.
package attribution

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Method explains answers. Implementations are values without state: safe for concurrent use.
type Method interface {
	// Name is short and stable, as "integrated-gradients"; New takes it.
	Name() string
	// NeedsLayers tells that Explain takes a model.Differentiable and refuses any other with tribune.ErrUnsupported.
	NeedsLayers() bool
	// Explain gives a row of attributions, m.Inputs() wide, for each row of x. class names the class that is explained, one for each row; nil is the
	// predicted one. A shape that does not fit, a class that is not there and a number that is not finite are tribune.ErrInvalid.
	Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error)
}

// Output is the number whose change is explained.
type Output uint8

// The outputs. Default is Logit for methods that need layers and Probability for those that do not.
const (
	Default     Output = iota
	Logit              // what goes into the last softmax
	Probability        // what comes out of it
)

func (o Output) or(d Output) Output {
	if o == Default {
		return d
	}
	return o
}

// named adds to a method's name what it explains, where that is not the default: a leak of one is no leak of the other.
func named(name string, of, usual Output) string {
	switch of.or(usual) {
	case usual:
		return name
	case Logit:
		return name + "-logit"
	}
	return name + "-probability"
}

// batchRows is how many rows a model is asked at once: enough to keep a matrix product busy, and a few megabytes at a thousand inputs.
const batchRows = 512

// check refuses what no method can explain.
func check(m model.Model, x matrix.Matrix, class []int) error {
	if x.Cols != m.Inputs() {
		return fmt.Errorf("explaining: the records have %d columns and the model takes %d: %w", x.Cols, m.Inputs(), tribune.ErrInvalid)
	}
	if class != nil && len(class) != x.Rows {
		return fmt.Errorf("explaining: %d classes are named for %d records: %w", len(class), x.Rows, tribune.ErrInvalid)
	}
	for i, c := range class {
		if c < 0 || c >= m.Classes() {
			return fmt.Errorf("explaining row %d: class %d of %d: %w", i, c, m.Classes(), tribune.ErrInvalid)
		}
	}
	for i, v := range x.Data {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("explaining row %d: column %d is not a finite number: %w", i/x.Cols, i%x.Cols, tribune.ErrInvalid)
		}
	}
	return nil
}

// layers is m with its layers, or the refusal of method.
func layers(method Method, m model.Model) (model.Differentiable, error) {
	d, ok := m.(model.Differentiable)
	if !ok {
		err := fmt.Errorf("explaining by %s: the model's layers are not known: %w", method.Name(), tribune.ErrUnsupported)
		return nil, tribune.Hint(err, "use lime, kernel-shap or counterfactual, which only ask the model")
	}
	return d, nil
}

// inPieces calls do for the rows from..to-1 of n, size at a time, on all cores. What a piece holds never depends on the number of cores.
func inPieces(ctx context.Context, n, size int, do func(ctx context.Context, from, to int) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < n && inner.Err() == nil; from += size {
		to := min(from+size, n)
		g.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			return do(inner, from, to)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// Predicted is the class m answers each row of x with; of several equal ones the lowest.
func Predicted(ctx context.Context, m model.Model, x matrix.Matrix) ([]int, error) {
	p, err := predict(ctx, m, x)
	class := make([]int, p.Rows)
	for i := range class {
		class[i] = largest(p.Row(i))
	}
	return class, err
}

// predict asks in batches: a model elsewhere bounds its requests.
func predict(ctx context.Context, m model.Model, x matrix.Matrix) (matrix.Matrix, error) {
	out := matrix.New(x.Rows, m.Classes())
	err := inPieces(ctx, x.Rows, batchRows, func(ctx context.Context, from, to int) error {
		p, err := m.Predict(ctx, x.Slice(from, to))
		if err != nil {
			return fmt.Errorf("asking the model: %w", err)
		}
		copy(out.Slice(from, to).Data, p.Data)
		return nil
	})
	return out, err
}

func largest(v []float32) int {
	best := 0
	for i, f := range v {
		if f > v[best] {
			best = i
		}
	}
	return best
}

// seeds is the derivative of the output by the logits, a row for each row of x: what Propagate takes.
func seeds(ctx context.Context, d model.Differentiable, x matrix.Matrix, class []int, of Output) (matrix.Matrix, error) {
	s := matrix.New(x.Rows, d.Classes())
	if of == Logit {
		for i, c := range class {
			s.Row(i)[c] = 1
		}
		return s, nil
	}
	p, err := d.Predict(ctx, x)
	if err != nil {
		return s, fmt.Errorf("asking for probabilities: %w", err)
	}
	for i, c := range class {
		row, out := p.Row(i), s.Row(i)
		for k, v := range row {
			out[k] = -row[c] * v
		}
		out[c] += row[c]
	}
	return s, nil
}

// outputs is the number explained, for each row of x and its class.
func outputs(ctx context.Context, m model.Model, x matrix.Matrix, class func(row int) int, of Output, out []float64) error {
	ask := m.Predict
	if of == Logit {
		d, ok := m.(model.Differentiable)
		if !ok {
			return fmt.Errorf("asking for logits: the model's layers are not known: %w", tribune.ErrUnsupported)
		}
		ask = d.Logits
	}
	p, err := ask(ctx, x)
	if err != nil {
		return fmt.Errorf("asking the model: %w", err)
	}
	for i := range p.Rows {
		out[i] = float64(p.Row(i)[class(i)])
	}
	return nil
}

// source is the randomness of one record: of Seed and what the record holds, not of where it stands.
func source(seed uint64, row []float32) *rand.Rand {
	h := fnv.New64a()
	var b [4]byte
	for _, v := range row {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		h.Write(b[:])
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// positive is v, or d where nothing was said.
func positive[T int | float64 | float32](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}
