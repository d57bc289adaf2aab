package attack

import (
	"context"
	"fmt"
	"math"
	"slices"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Network is the attack network of Shokri, Strobel and Zick (1907.00164, 3.2): it learns, from what the references said of records that they were or were
// not trained on, to tell the two apart by whole answers and whole explanations, where the other attacks look at a few numbers made of them.
type Network struct {
	Seed uint64
}

// Whole is what such an attack sees: a row for each answer, explanation or both.
type Whole struct {
	Known  matrix.Matrix // of references
	Member []int         // of each row of Known: 1 = the reference was trained on the record
	Target matrix.Matrix // of the target
}

const (
	answerWidth    = 10 // probabilities of one answer that are looked at, the largest first
	networkEpochs  = 10
	networkBatch   = 256
	networkRate    = 0.002
	networkLargest = 8 // standard deviations beyond which a number says no more
)

// Name is "network".
func (Network) Name() string { return "network" }

// SortedWidth is how many numbers Sorted makes of an answer over so many classes.
func SortedWidth(classes int) int { return min(classes, answerWidth) }

// Sorted gives answers with the largest probability first: which class it is says nothing of membership. Logarithms, because certainty is what differs.
func Sorted(p matrix.Matrix) matrix.Matrix {
	out := matrix.New(p.Rows, SortedWidth(p.Cols))
	row := make([]float32, p.Cols)
	for i := range p.Rows {
		copy(row, p.Row(i))
		slices.Sort(row)
		to := out.Row(i)
		for j := range to {
			to[j] = float32(math.Log(max(float64(row[len(row)-1-j]), leastProbability)))
		}
	}
	return out
}

// Score gives, for each row of Target, by how much the network rather says "member".
func (n Network) Score(ctx context.Context, w Whole) ([]float64, error) {
	if w.Known.Cols != w.Target.Cols || w.Known.Rows != len(w.Member) || !slices.Contains(w.Member, 0) || !slices.Contains(w.Member, 1) {
		return nil, fmt.Errorf("%w: an attack network learns of %d rows of %d numbers, %d labels, about %d numbers", tribune.ErrInvalid, w.Known.Rows, w.Known.Cols, len(w.Member), w.Target.Cols)
	}
	known, target := standard(w.Known, w.Target)
	net, err := model.NewNetwork(model.Shape{known.Cols}, &model.Dense{Out: 64}, &model.Activation{Function: model.Relu}, &model.Dense{Out: 32}, &model.Activation{Function: model.Relu}, &model.Dense{Out: 2})
	if err != nil {
		return nil, err
	}
	net.Init(n.Seed)
	t, err := model.NewTrainer(net, known, w.Member, model.TrainConfig{Epochs: networkEpochs, Batch: min(networkBatch, known.Rows), Optimizer: model.Adam, Rate: networkRate, Decay: 1e-4, Seed: n.Seed})
	if err != nil {
		return nil, fmt.Errorf("training an attack network: %w", err)
	}
	if err := t.Run(ctx, nil); err != nil {
		return nil, fmt.Errorf("training an attack network: %w", err)
	}
	logits, err := net.Logits(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("asking an attack network: %w", err)
	}
	scores := make([]float64, logits.Rows)
	for i := range scores {
		scores[i] = float64(logits.Row(i)[1]) - float64(logits.Row(i)[0])
	}
	return scores, nil
}

// standard brings columns to mean 0 and deviation 1 by the first matrix's, and cuts what is far off. Both are copies.
func standard(known, target matrix.Matrix) (matrix.Matrix, matrix.Matrix) {
	mean, scale := make([]float64, known.Cols), make([]float64, known.Cols)
	for i := range known.Rows {
		for j, v := range known.Row(i) {
			mean[j] += float64(v) / float64(known.Rows)
		}
	}
	for i := range known.Rows {
		for j, v := range known.Row(i) {
			scale[j] += (float64(v) - mean[j]) * (float64(v) - mean[j]) / float64(known.Rows)
		}
	}
	for j, v := range scale {
		if scale[j] = 0; v > 1e-30 {
			scale[j] = 1 / math.Sqrt(v)
		}
	}
	out := [2]matrix.Matrix{}
	for k, m := range []matrix.Matrix{known, target} {
		out[k] = matrix.New(m.Rows, m.Cols)
		for i := range m.Rows {
			to := out[k].Row(i)
			for j, v := range m.Row(i) {
				to[j] = float32(min(max((float64(v)-mean[j])*scale[j], -networkLargest), networkLargest))
			}
		}
	}
	return out[0], out[1]
}
