package reproduce

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// layered is a network of the paper's: so many hidden layers of so many nodes, all tanh.
type layered struct{ layers, nodes int }

func (l layered) String() string { return fmt.Sprintf("%dx%d", l.layers, l.nodes) }

// world is one size of the synthetic experiment.
type world struct {
	rows     int // members and others together
	features []int
	classes  []int
	networks []layered
	training training
}

// synthetics is the paper's: 10,000 members and as many others. Its largest, 10,000 features, take gigabytes and are run where they are asked for.
func synthetics(r Request) (world, error) {
	w := world{20_000, []int{10, 50, 100, 200, 500, 1_000, 2_000, 5_000}, []int{2, 100}, []layered{{1, 5}, {2, 50}, {3, 100}},
		training{epochs: 100, batch: 512, optimizer: model.Adagrad, rate: 0.01}}
	if r.Quick {
		w.rows, w.features, w.classes, w.networks, w.training.epochs = 1_000, []int{10, 200}, []int{2}, []layered{{1, 5}, {2, 50}}, 60
		w.training.batch = 64
	}
	if r.Features != nil {
		w.features = slices.Compact(slices.Sorted(slices.Values(r.Features)))
	}
	for _, f := range w.features {
		if f < fewestFeatures || f > mostFeatures {
			return w, fmt.Errorf("%d features, there can be %d to %d: %w", f, fewestFeatures, mostFeatures, tribune.ErrInvalid)
		}
	}
	return w, nil
}

// A hundred classes need as many corners of a cube; more features than the paper has take more memory than a computer.
const (
	fewestFeatures = 7
	mostFeatures   = 10_000
)

// correlated is one data set's figure for each network.
type correlated []float64

// made is what one data set is made of.
type made struct{ features, classes, seed int }

// Synthetic measures the correlation of the gradient's 1-norm with membership (section 5.3 and appendix, figures 4 and 6) over the number of features, for
// two and a hundred classes and three networks. Rows are told from the largest number of features down.
func Synthetic(ctx context.Context, r Request) ([]Row, error) {
	w, err := synthetics(r)
	if err != nil {
		return nil, err
	}
	seeds := r.seeds(3, 2)
	var sets []made
	for _, features := range slices.Backward(w.features) { // the longest first, so that no core waits for another at the end
		for _, classes := range w.classes {
			for seed := range seeds {
				sets = append(sets, made{features, classes, seed})
			}
		}
	}
	found := make([]correlated, len(sets))
	points := make([][]Row, len(sets)/seeds)
	told := 0
	var lock sync.Mutex
	err = parallel(ctx, len(sets), "training on made-up records", r.progress(), func(ctx context.Context, i int) error {
		name := fmt.Sprintf("synthetic-%d-rows-%d-epochs-%d-features-%d-classes-seed-%d.json", w.rows, w.training.epochs, sets[i].features, sets[i].classes, sets[i].seed)
		c, err := kept(r.Keep, name, func() (correlated, error) { return w.correlate(ctx, sets[i]) })
		if err == nil && len(c) != len(w.networks) {
			err = fmt.Errorf("%s: %d figures: %w", name, len(c), tribune.ErrInvalid)
		}
		if err != nil {
			return fmt.Errorf("%d features, %d classes, seed %d: %w", sets[i].features, sets[i].classes, sets[i].seed, err)
		}
		lock.Lock()
		defer lock.Unlock()
		found[i] = c
		if p := i / seeds; !slices.ContainsFunc(found[p*seeds:(p+1)*seeds], func(c correlated) bool { return c == nil }) {
			points[p] = r.sized(w.point(sets[i], found[p*seeds:(p+1)*seeds]))
		}
		for ; told < len(points) && points[told] != nil; told++ {
			r.tell(points[told])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows := slices.Concat(points...)
	if r.Features == nil {
		least := r.sized(w.strongest(rows))
		r.tell(least)
		rows = append(rows, least...)
	}
	return rows, nil
}

func (w world) group(network layered, classes int) string {
	return fmt.Sprintf("%s network, %d classes", network, classes)
}

// point makes the rows of one number of features and of classes.
func (w world) point(of made, found []correlated) []Row {
	var rows []Row
	for n, network := range w.networks {
		var each []float64
		for _, c := range found {
			each = append(each, c[n])
		}
		row := figure("synthetic", w.group(network, of.classes), fmt.Sprintf("correlation of the gradient's 1-norm with membership, %d features", of.features), Published, Correlation, each)
		row.Paper = curve(network, of.classes, of.features)
		rows = append(rows, row)
	}
	return rows
}

// strongest are the rows of each network where the correlation is strongest.
func (w world) strongest(all []Row) []Row {
	var rows []Row
	for _, classes := range w.classes {
		for _, network := range w.networks {
			var least Row
			for _, row := range all {
				if row.Group == w.group(network, classes) && (least.Ours == nil || *row.Ours < *least.Ours) {
					least = row
				}
			}
			_, at, _ := strings.Cut(least.Measure, ", ")
			least.Note = "at " + at + "; the paper: between 1,000 and 5,000"
			least.Measure, least.Paper = "strongest correlation", strongestOf(network, classes)
			rows = append(rows, least)
		}
	}
	return rows
}

// correlate makes one data set, trains each network on half of it and correlates.
func (w world) correlate(ctx context.Context, of made) (correlated, error) {
	seed := uint64(of.seed)
	set, err := clusters(ctx, w.rows, of.features, of.classes, seed)
	if err != nil {
		return nil, err
	}
	half := w.rows / 2
	out := correlated{}
	for _, network := range w.networks {
		n, err := tanhs(of.features, of.classes, network.hidden(), seed)
		if err != nil {
			return nil, err
		}
		if err := w.training.run(ctx, n, set.X.Slice(0, half), set.Y[:half], seed); err != nil {
			return nil, err
		}
		norms, err := gradientNorms(ctx, n, set.X)
		if err != nil {
			return nil, err
		}
		member := make([]float64, w.rows)
		for i := range half {
			member[i] = 1
		}
		out = append(out, correlation(norms, member))
	}
	return out, nil
}

func (l layered) hidden() []int {
	out := make([]int, l.layers)
	for i := range out {
		out[i] = l.nodes
	}
	return out
}

// gradientNorms explains in parts: all attributions at once would be as large as the data.
func gradientNorms(ctx context.Context, m model.Model, x matrix.Matrix) ([]float64, error) {
	const part = 2_000
	var out []float64
	for from := 0; from < x.Rows; from += part {
		a, err := attribution.Gradient{}.Explain(ctx, m, x.Slice(from, min(from+part, x.Rows)), nil)
		if err != nil {
			return nil, err
		}
		for i := range a.Rows {
			var norm float64
			for _, v := range a.Row(i) {
				norm += math.Abs(float64(v))
			}
			out = append(out, norm)
		}
	}
	return out, nil
}
