// Package model is what is audited: something that answers records with probabilities, and how much of its inside is known.
//
// Three kinds of knowledge, each an interface: a Model only answers (trees, an endpoint of somebody else's); a Differentiable also tells how its
// answer would change with its input; what was trained here or read from a file is Differentiable, and its relevance can be propagated backwards by
// rules other than the gradient.
package model

import (
	"context"

	"tribune/internal/explain/matrix"
)

// Model answers records. Implementations are safe for concurrent use and answer the same for the same input.
type Model interface {
	// Inputs is the number of columns that Predict takes.
	Inputs() int
	// Classes is the number of columns that Predict gives; at least 2.
	Classes() int
	// Predict gives a row of probabilities (each 0..1, together 1) for each row of x. A wrong width is tribune.ErrInvalid.
	Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error)
}

// Rule says how relevance goes backwards through a layer.
type Rule uint8

// The rules. Gradient is the vector-Jacobian product; Guided is Springenberg et al. 2015 (1412.6806): a rectifier passes only what is positive in both
// directions; LRP is the epsilon rule of Bach et al. 2015 (10.1371/journal.pone.0130140), the stabilizer beside it in Differentiable.Propagate.
const (
	Gradient Rule = iota
	Guided
	LRP
)

// Differentiable is a Model whose layers are known.
type Differentiable interface {
	Model
	// Logits is what the last softmax (or sigmoid, as two classes) is applied to: rows x Classes.
	Logits(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error)
	// Propagate takes seed (rows x Classes, what is known of the logits: d/dlogits of any scalar under Gradient and Guided, relevance under LRP) back
	// to the inputs: rows x Inputs. epsilon counts for LRP alone.
	Propagate(ctx context.Context, x, seed matrix.Matrix, rule Rule, epsilon float32) (matrix.Matrix, error)
}
