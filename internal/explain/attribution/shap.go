package attribution

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// KernelSHAP gives each input its Shapley value in the game whose players are the inputs and whose worth is the model's output, absent inputs being
// replaced by the background's, on the mean over its rows (Lundberg, Lee 2017, 1705.07874). Up to Exact players every coalition is asked; beyond, coalitions are
// sampled in pairs with their complements and the values are the constrained weighted least squares of Covert, Lee 2021 (2012.01536).
// Efficiency holds either way: a row sums to output(x) - mean output(background).
//
// The coalitions follow from Seed and the number of players alone, so that the regression is factored once for all records.
type KernelSHAP struct {
	Of         Output
	Background matrix.Matrix // at least 1 row; each costs as many questions as there are coalitions
	Groups     [][]int       // columns that are present or absent together, as those of one category; nil is each column by itself
	Exact      int           // players; 0 is 11, at most 16
	Coalitions int           // sampled; 0 is 2048 + 2 for each player, as in the authors' library; at most 1,000,000
	Seed       uint64
}

var _ Method = KernelSHAP{}

const (
	mostExact      = 16
	mostCoalitions = 1_000_000
)

func (k KernelSHAP) Name() string    { return named("kernel-shap", k.Of, Probability) }
func (KernelSHAP) NeedsLayers() bool { return false }

func (k KernelSHAP) Explain(ctx context.Context, m model.Model, x matrix.Matrix, class []int) (matrix.Matrix, error) {
	players, err := k.check(m, x, class)
	if err != nil {
		return matrix.Matrix{}, err
	}
	if class == nil {
		if class, err = Predicted(ctx, m, x); err != nil {
			return matrix.Matrix{}, err
		}
	}
	c, err := k.coalitions(len(players))
	if err != nil {
		return matrix.Matrix{}, err
	}
	none := make([]float64, m.Classes()) // what the background alone is worth, by class
	if err := k.empty(ctx, m, none); err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, x.Cols)
	err = inPieces(ctx, x.Rows, 4, func(ctx context.Context, from, to int) error {
		g := newGame(k, m, players, c)
		for i := from; i < to; i++ {
			phi, err := g.play(ctx, x.Row(i), class[i], none[class[i]])
			if err != nil {
				return fmt.Errorf("explaining row %d by %s: %w", i, k.Name(), err)
			}
			for p, columns := range players {
				for _, j := range columns { // an equal share keeps efficiency and treats equals equally
					out.Row(i)[j] = float32(phi[p] / float64(len(columns)))
				}
			}
		}
		return nil
	})
	return out, err
}

// check gives the players: Groups, which must share out all columns, or each column.
func (k KernelSHAP) check(m model.Model, x matrix.Matrix, class []int) ([][]int, error) {
	if err := check(m, x, class); err != nil {
		return nil, err
	}
	if err := background(k, m, k.Background, 1); err != nil {
		return nil, err
	}
	if k.Exact > mostExact || k.Coalitions > mostCoalitions {
		return nil, fmt.Errorf("explaining by %s: %d exact players (at most %d), %d coalitions (at most %d): %w", k.Name(), k.Exact, mostExact, k.Coalitions, mostCoalitions, tribune.ErrTooLarge)
	}
	if k.Groups == nil {
		players := make([][]int, x.Cols)
		for j := range players {
			players[j] = []int{j}
		}
		return players, nil
	}
	seen := make([]bool, x.Cols)
	n := 0
	for g, columns := range k.Groups {
		for _, j := range columns {
			if j < 0 || j >= x.Cols || seen[j] {
				return nil, fmt.Errorf("explaining by %s: group %d: column %d is not there or in two groups: %w", k.Name(), g, j, tribune.ErrInvalid)
			}
			seen[j] = true
			n++
		}
	}
	if n != x.Cols {
		return nil, fmt.Errorf("explaining by %s: the groups hold %d of %d columns: %w", k.Name(), n, x.Cols, tribune.ErrInvalid)
	}
	return k.Groups, nil
}

func (k KernelSHAP) empty(ctx context.Context, m model.Model, none []float64) error {
	value := make([]float64, k.Background.Rows)
	for c := range none {
		if err := outputs(ctx, m, k.Background, func(int) int { return c }, k.Of.or(Probability), value); err != nil {
			return err
		}
		none[c] = mean(value)
	}
	return nil
}

func mean(v []float64) float64 {
	var sum float64
	for _, f := range v {
		sum += f
	}
	return sum / float64(len(v))
}

// game is one goroutine's buffers.
type game struct {
	k       KernelSHAP
	m       model.Model
	players [][]int
	c       *coalitions
	asked   matrix.Matrix
	answers []float64
	worth   []float64 // of each coalition, in the order of c
}

func newGame(k KernelSHAP, m model.Model, players [][]int, c *coalitions) *game {
	b := k.Background.Rows
	each := max(1, batchRows/b) // coalitions in a batch
	return &game{k, m, players, c, matrix.New(each*b, k.Background.Cols), make([]float64, each*b), make([]float64, c.n)}
}

// play gives the players' values for one record.
func (g *game) play(ctx context.Context, row []float32, class int, none float64) ([]float64, error) {
	b := g.k.Background.Rows
	each := g.asked.Rows / b
	for from := 0; from < g.c.n; from += each {
		to := min(from+each, g.c.n)
		for s := from; s < to; s++ {
			g.mix(s, row, g.asked.Slice((s-from)*b, (s-from+1)*b))
		}
		rows := (to - from) * b
		if err := outputs(ctx, g.m, g.asked.Slice(0, rows), func(int) int { return class }, g.k.Of.or(Probability), g.answers[:rows]); err != nil {
			return nil, err
		}
		for s := from; s < to; s++ {
			g.worth[s] = mean(g.answers[(s-from)*b : (s-from+1)*b])
		}
	}
	// The last coalition is everybody: the record itself.
	return g.c.values(g.worth[:g.c.n-1], none, g.worth[g.c.n-1])
}

// mix writes the background's rows with the coalition's columns from the record.
func (g *game) mix(s int, row []float32, into matrix.Matrix) {
	copy(into.Data, g.k.Background.Data)
	for p, columns := range g.players {
		if !g.c.has(s, p) {
			continue
		}
		for r := range into.Rows {
			to := into.Row(r)
			for _, j := range columns {
				to[j] = row[j]
			}
		}
	}
}

// exactly gives Shapley values from the worth of every coalition (bit p of the index = player p takes part; index 0 is nobody).
func exactly(players int, worth func(coalition int) float64) []float64 {
	phi := make([]float64, players)
	share := make([]float64, players) // |S|! (n-|S|-1)! / n!
	for s := range share {
		a, _ := math.Lgamma(float64(s + 1))
		b, _ := math.Lgamma(float64(players - s))
		c, _ := math.Lgamma(float64(players + 1))
		share[s] = math.Exp(a + b - c)
	}
	for s := range 1 << players {
		v, size := worth(s), bits.OnesCount(uint(s))
		for p := range phi {
			if s>>p&1 == 1 {
				phi[p] += share[size-1] * v
			} else {
				phi[p] -= share[size] * v
			}
		}
	}
	return phi
}
