// Package trees reads gradient-boosted decision trees as XGBoost and LightGBM write them in JSON, and answers as those libraries do.
//
// Such a file is hostile until it has been read: commands read it by the job Name in a worker (Job, Decode); Read is what runs there.
//
// XGBoost (Booster.save_model("x.json"), versions 1 to 3): boosters gbtree and dart; objectives binary:logistic, multi:softprob and multi:softmax; numeric
// splits (a feature goes left when it is below the condition; a missing one by default_left); base_score as a probability (binary) or margins. Refused:
// gblinear, splits by category, several numbers in a leaf, and a model that was stopped early but not cut, of which the library itself gives two answers.
//
// LightGBM (Booster.dump_model() as JSON, versions 3 and 4): objectives binary and multiclass; splits by number ("<=", missing_type None, Zero and NaN) and
// by category ("=="); random forests (average_output). Refused: linear trees, multiclassova (its answers are no probabilities that sum to 1).
//
// A missing value is NaN in the matrix; other rooms hand over finite numbers only. Trees have no gradient: Trees is a model.Model and no more.
package trees

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// What a model may have.
const (
	MaxFile     = 256 << 20
	maxTrees    = 1 << 16
	maxNodes    = 1 << 22 // of all trees together
	maxFeatures = 1 << 16
	maxClasses  = 1 << 12
	maxSets     = 1 << 22 // 32-bit words of all category sets together
	maxCategory = 1 << 20
	maxSteps    = 1 << 20 // of one record through all trees: some milliseconds
)

// Trees is an ensemble: the sum of its trees' leaves for each score, made probabilities by the logistic function or softmax.
type Trees struct {
	inputs   int
	scores   int       // 1: two classes by the logistic function; else one for each class, by softmax
	base     []float64 // what each score begins with
	steep    float64   // the logistic function is of steep * score
	divide   float64   // the sum of leaves by this: a forest's average
	strict   bool      // splits go left below the threshold (XGBoost), not up to it (LightGBM)
	trees    []tree
	nodes    []node
	sets     []uint32 // bits of categories
	Features []string // names, where the file has them; else empty
}

// tree is one tree: its nodes are nodes[from:to], the first its root.
type tree struct {
	from, to int32
	score    int32 // which score its leaf is added to
}

// node is a split or a leaf.
type node struct {
	feature     int32 // -1: a leaf
	left, right int32 // within nodes
	value       float64
	set, words  int32 // a split by category: sets[set:set+words]
	missing     missing
	defaultLeft bool
}

// missing says which numbers go the default way.
type missing uint8

const (
	missingNone missing = iota // NaN counts as 0
	missingZero                // NaN and 0
	missingNaN                 // NaN
	byCategory                 // no number: what is in the set goes left
)

var _ model.Model = (*Trees)(nil)

// Inputs is the number of features.
func (t *Trees) Inputs() int { return t.inputs }

// Classes is 2 for a binary objective.
func (t *Trees) Classes() int { return max(t.scores, 2) }

// Size is the number of trees.
func (t *Trees) Size() int { return len(t.trees) }

// Predict gives the libraries' own probabilities, to float32. NaN is a missing value; infinite numbers are refused.
func (t *Trees) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	if x.Cols != t.inputs {
		return matrix.Matrix{}, fmt.Errorf("%w: records of %d columns; the model takes %d", tribune.ErrInvalid, x.Cols, t.inputs)
	}
	for i, v := range x.Data {
		if math.IsInf(float64(v), 0) {
			return matrix.Matrix{}, fmt.Errorf("%w: row %d, column %d is %v", tribune.ErrInvalid, i/x.Cols, i%x.Cols, v)
		}
	}
	out := matrix.New(x.Rows, t.Classes())
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			scores := make([]float64, t.scores)
			for i := w; i < x.Rows && ctx.Err() == nil; i += workers {
				t.answer(x.Row(i), scores, out.Row(i))
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return matrix.Matrix{}, err
	}
	return out, nil
}

// answer fills p with one record's probabilities. Leaves are summed in the order of the trees: the same sum on every machine.
func (t *Trees) answer(x []float32, scores []float64, p []float32) {
	clear(scores)
	for _, tr := range t.trees {
		scores[tr.score] += t.leaf(tr, x)
	}
	for k := range scores {
		scores[k] = t.base[k] + scores[k]/t.divide
	}
	if t.scores == 1 {
		q := 1 / (1 + math.Exp(-t.steep*scores[0]))
		p[0], p[1] = float32(1-q), float32(q)
		return
	}
	top := scores[0]
	for _, s := range scores {
		top = max(top, s)
	}
	var sum float64
	for k, s := range scores {
		scores[k] = math.Exp(s - top)
		sum += scores[k]
	}
	for k, s := range scores {
		p[k] = float32(s / sum)
	}
}

func (t *Trees) leaf(tr tree, x []float32) float64 {
	n := &t.nodes[tr.from]
	for n.feature >= 0 {
		if t.left(n, float64(x[n.feature])) {
			n = &t.nodes[n.left]
		} else {
			n = &t.nodes[n.right]
		}
	}
	return n.value
}

// nearZero is what LightGBM takes for 0 where zeros are missing.
const nearZero = 1e-35

func (t *Trees) left(n *node, v float64) bool {
	nan := v != v
	switch n.missing {
	case byCategory:
		return t.contains(n, v)
	case missingNaN:
		if nan {
			return n.defaultLeft
		}
	case missingZero:
		if nan || math.Abs(v) <= nearZero {
			return n.defaultLeft
		}
	case missingNone:
		if nan {
			v = 0
		}
	}
	if t.strict {
		return v < n.value
	}
	return v <= n.value
}

// contains says that category v, cut to an integer, is in the node's set; what is missing or negative is in none.
func (t *Trees) contains(n *node, v float64) bool {
	if !(v > -1) || v >= float64(n.words)*32 {
		return false
	}
	c := int32(v)
	return t.sets[n.set+c/32]>>(c%32)&1 == 1
}

// check holds the parts against each other: whatever the file said, Predict ends and stays within bounds.
func (t *Trees) check() error {
	switch {
	case t.inputs < 1 || t.inputs > maxFeatures:
		return fmt.Errorf("%w: %d features; 1 to %d are possible", tribune.ErrInvalid, t.inputs, maxFeatures)
	case t.scores < 1 || t.scores > maxClasses:
		return fmt.Errorf("%w: %d classes; up to %d are possible", tribune.ErrInvalid, t.scores, maxClasses)
	case len(t.base) != t.scores:
		return fmt.Errorf("%w: %d base scores for %d scores", tribune.ErrInvalid, len(t.base), t.scores)
	case len(t.trees) == 0 || len(t.trees) > maxTrees:
		return fmt.Errorf("%w: %d trees; 1 to %d are possible", tribune.ErrInvalid, len(t.trees), maxTrees)
	case len(t.nodes) > maxNodes || len(t.sets) > maxSets:
		return fmt.Errorf("%w: %d nodes, %d words of categories", tribune.ErrTooLarge, len(t.nodes), len(t.sets))
	case !(t.steep > 0 && t.steep < 1e6) || !(t.divide >= 1 && t.divide <= maxTrees):
		return fmt.Errorf("%w: sigmoid %v, trees averaged %v", tribune.ErrInvalid, t.steep, t.divide)
	case len(t.Features) != 0 && len(t.Features) != t.inputs:
		return fmt.Errorf("%w: %d names for %d features", tribune.ErrInvalid, len(t.Features), t.inputs)
	}
	for _, b := range t.base {
		if b-b != 0 {
			return fmt.Errorf("%w: a base score of %v", tribune.ErrInvalid, b)
		}
	}
	next, steps := int32(0), 0
	for i, tr := range t.trees {
		if tr.from != next || tr.to <= tr.from || int(tr.to) > len(t.nodes) || tr.score < 0 || int(tr.score) >= t.scores {
			return fmt.Errorf("tree %d: %w: %d nodes for score %d", i, tribune.ErrInvalid, tr.to-tr.from, tr.score)
		}
		if err := t.checkTree(tr); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		if steps += t.depth(tr); steps > maxSteps {
			return tribune.Hint(fmt.Errorf("tree %d: %w: a record takes more than %d steps through the trees until there", i, tribune.ErrTooLarge, maxSteps), "train fewer or shallower trees (max_depth)")
		}
		next = tr.to
	}
	if int(next) != len(t.nodes) {
		return fmt.Errorf("%w: nodes without a tree", tribune.ErrInvalid)
	}
	return nil
}

// checkTree refuses cycles: every node has one way to it, and the root none.
func (t *Trees) checkTree(tr tree) error {
	parents := make([]bool, tr.to-tr.from)
	for i, n := range t.nodes[tr.from:tr.to] {
		if n.value-n.value != 0 {
			return fmt.Errorf("node %d: %w: the number %v", i, tribune.ErrInvalid, n.value)
		}
		if n.feature == -1 {
			continue
		}
		if n.feature < 0 || int(n.feature) >= t.inputs {
			return fmt.Errorf("node %d: %w: it asks for feature %d of %d", i, tribune.ErrInvalid, n.feature, t.inputs)
		}
		if n.missing > byCategory || n.set < 0 || n.words < 0 || int(n.set)+int(n.words) > len(t.sets) {
			return fmt.Errorf("node %d: %w: a split of no kind", i, tribune.ErrInvalid)
		}
		for _, child := range []int32{n.left, n.right} {
			if child <= tr.from || child >= tr.to {
				return fmt.Errorf("node %d: %w: a child outside of the tree", i, tribune.ErrInvalid)
			}
			if parents[child-tr.from] {
				return fmt.Errorf("node %d: %w: two ways lead to node %d: a cycle, or no tree", i, tribune.ErrInvalid, child-tr.from)
			}
			parents[child-tr.from] = true
		}
	}
	return nil
}
