// Package record is explanations by records: "these people of the training data moved the answer most", and what they give away. Exactly, by fitting a
// logistic regression again without each record (leave-one-out); nearly, by influence functions. On them stand the attacks of Shokri, Strobel and Zick
// ("On the Privacy Risks of Model Explanations", 1907.00164, sections 5 and 6): records that reveal themselves, the crawl along what is revealed, and the
// recovery of the models behind the explanation hyperplane by hyperplane, all counted in queries.
//
// The audit and internal/explain/reproduce call it. Everything is computed in float64 and comes out the same on one core and on many.
package record

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Options are how a regression is fitted and left out of.
type Options struct {
	C        float64               // see model.RegressionConfig; 0 is 1, scikit-learn's default and the paper's
	Progress func(done, total int) // may be nil; called from one goroutine at a time, records done of all
}

// maxShifts bounds records x parameters: a gigabyte.
const maxShifts = 128 << 20

// Explainer answers a query about a model with the training records that moved its answer most. It is safe for concurrent use.
type Explainer struct {
	Exact bool // leave-one-out, not influence functions
	theta []float64
	shift []float64 // [j*n+i]: parameter j of the model without record i, less parameter j of the model
	n     int
}

// Records is the number of training records; Inputs the width of a query.
func (e *Explainer) Records() int { return e.n }
func (e *Explainer) Inputs() int  { return len(e.theta) - 1 }

// Theta are the model's parameters: a weight per input and the intercept.
func (e *Explainer) Theta() []float64 { return slices.Clone(e.theta) }

// Without are the parameters of the model that never saw record i.
func (e *Explainer) Without(i int) []float64 {
	out := slices.Clone(e.theta)
	for j := range out {
		out[j] += e.shift[j*e.n+i]
	}
	return out
}

func (e *Explainer) value(query []float64) float64 {
	z := e.theta[len(query)]
	for j, v := range query {
		z += float64(v * e.theta[j])
	}
	return z
}

// Influences fills out (Records long) with each record's influence on the answer to a query: the probability of class 1 that the model would give
// without the record, less the one it gives (the paper's section 5; signs as in the authors' code for class 1).
func (e *Explainer) Influences(query, out []float64) []float64 {
	out = slices.Grow(out[:0], e.n)[:e.n]
	copy(out, e.shift[len(query)*e.n:])
	for j, v := range query {
		if v == 0 {
			continue
		}
		for i, s := range e.shift[j*e.n : (j+1)*e.n] {
			out[i] += float64(v * s)
		}
	}
	z := e.value(query)
	p := sigmoid(z)
	for i, d := range out {
		out[i] = sigmoid(z+d) - p
	}
	return out
}

// Top are the k most influential records for a query, by absolute influence, the first of equals first.
func (e *Explainer) Top(query []float64, k int) []int { return top(e.Influences(query, nil), k) }

// top keeps the k best while it walks: k is small and records are many.
func top(influence []float64, k int) []int {
	out := make([]int, 0, k+1)
	for i := range influence {
		if len(out) == k && !before(influence, i, out[k-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, i, func(a, b int) int {
			if before(influence, a, b) {
				return -1
			}
			return 1
		})
		if out = slices.Insert(out, at, i); len(out) > k {
			out = out[:k]
		}
	}
	return out
}

func before(influence []float64, a, b int) bool {
	if c := cmp.Compare(math.Abs(influence[a]), math.Abs(influence[b])); c != 0 {
		return c > 0
	}
	return a < b
}

// place is where record i stands among all, from 1.
func place(influence []float64, i int) int {
	n := 1
	for j := range influence {
		if j != i && before(influence, j, i) {
			n++
		}
	}
	return n
}

func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// wide is a row as a query.
func wide(row []float32) []float64 {
	out := make([]float64, len(row))
	for j, v := range row {
		out[j] = float64(v)
	}
	return out
}

func regression(x matrix.Matrix, y []int, o Options) (*model.Regression, error) {
	if x.Rows < 3 {
		return nil, fmt.Errorf("%d records: leaving one out needs three: %w", x.Rows, tribune.ErrInvalid)
	}
	if int64(x.Rows)*int64(x.Cols+1) > maxShifts {
		return nil, fmt.Errorf("%d records of %d inputs: %w", x.Rows, x.Cols, tribune.ErrTooLarge)
	}
	var count [2]int
	for _, class := range y {
		if class != 0 && class != 1 {
			return nil, fmt.Errorf("class %d: records explain regressions of two classes: %w", class, tribune.ErrUnsupported)
		}
		count[class]++
	}
	if min(count[0], count[1]) < 2 {
		return nil, fmt.Errorf("a class of fewer than two records cannot be left out of: %w", tribune.ErrInvalid)
	}
	return model.NewRegression(x, y, 2, model.RegressionConfig{C: o.C})
}

// each runs work for 0..n-1 on all cores; what work i writes must be its own, so that cores change no number.
func each(ctx context.Context, n int, progress func(done, total int), start func() func(i int) error) error {
	var next, done atomic.Int64
	var wait sync.WaitGroup
	var lock sync.Mutex // of first and of progress
	var first error
	stop := func() bool { return ctx.Err() != nil }
	for range min(runtime.GOMAXPROCS(0), n) {
		wait.Go(func() {
			work := start()
			for i := int(next.Add(1)) - 1; i < n && !stop(); i = int(next.Add(1)) - 1 {
				err := work(i)
				lock.Lock()
				if err != nil && first == nil {
					first = err
				}
				if d := int(done.Add(1)); progress != nil && (d%64 == 0 || d == n) {
					progress(d, n)
				}
				failed := first != nil
				lock.Unlock()
				if failed {
					return
				}
			}
		})
	}
	wait.Wait()
	if first != nil {
		return first
	}
	return ctx.Err()
}
