package reproduce

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
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

// synthetics is the paper's: 10,000 members and as many others. (10,000 features, its largest, are left out: they need 2 GB.)
func synthetics(quick bool) world {
	w := world{20_000, []int{10, 50, 100, 200, 500, 1_000, 2_000, 5_000}, []int{2, 100}, []layered{{1, 5}, {2, 50}, {3, 100}},
		training{epochs: 100, batch: 512, optimizer: model.Adagrad, rate: 0.01}}
	if quick {
		w.rows, w.features, w.classes, w.networks, w.training.epochs = 1_000, []int{10, 200}, []int{2}, []layered{{1, 5}, {2, 50}}, 60
		w.training.batch = 64
	}
	return w
}

// correlated is one dataset's figure for each network.
type correlated []float64

// Synthetic measures the correlation of the gradient's 1-norm with membership (section 5.3 and appendix, figures 4 and 6) over the number of features, for
// two and a hundred classes and three networks.
func Synthetic(ctx context.Context, o Request) ([]Row, error) {
	w, progress := synthetics(o.Quick), o.progress()
	seeds := o.seeds(3, 2)
	type task struct{ features, classes, seed int }
	var tasks []task
	for _, features := range slices.Backward(w.features) { // the longest first, so that no core waits for another at the end
		for _, classes := range w.classes {
			for seed := range seeds {
				tasks = append(tasks, task{features, classes, seed})
			}
		}
	}
	all := make(map[task]correlated)
	var lock sync.Mutex
	err := parallel(ctx, len(tasks), "training on made-up records", progress, func(ctx context.Context, i int) error {
		t := tasks[i]
		c, err := w.correlate(ctx, t.features, t.classes, uint64(t.seed))
		if err != nil {
			return fmt.Errorf("%d features, %d classes, seed %d: %w", t.features, t.classes, t.seed, err)
		}
		lock.Lock()
		defer lock.Unlock()
		all[t] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, classes := range w.classes {
		found := make([][]correlated, len(w.features)) // by features and seed
		for f, features := range w.features {
			for seed := range seeds {
				found[f] = append(found[f], all[task{features, classes, seed}])
			}
		}
		rows = append(rows, w.rowsOf(classes, found)...)
	}
	return o.sized(rows), nil
}

// rowsOf makes the rows of one number of classes: each number of features, and where the correlation is strongest.
func (w world) rowsOf(classes int, found [][]correlated) []Row {
	var rows []Row
	for n, network := range w.networks {
		group := fmt.Sprintf("%s network, %d classes", network, classes)
		var strongest Row
		for f, features := range w.features {
			var of []float64
			for _, c := range found[f] {
				of = append(of, c[n])
			}
			row := figure("synthetic", group, fmt.Sprintf("correlation of the gradient's 1-norm with membership, %d features", features), Published, Correlation, of)
			row.Paper = curve(network, classes, features)
			rows = append(rows, row)
			if strongest.Ours == nil || *row.Ours < *strongest.Ours {
				strongest = row
				strongest.Note = fmt.Sprintf("at %d features; the paper: between 1,000 and 5,000", features)
			}
		}
		strongest.Measure, strongest.Paper = "strongest correlation", strongestOf(network, classes)
		rows = append(rows, strongest)
	}
	return rows
}

// correlate makes one data set, trains each network on half of it and correlates.
func (w world) correlate(ctx context.Context, features, classes int, seed uint64) (correlated, error) {
	set, err := clusters(ctx, w.rows, features, classes, seed)
	if err != nil {
		return nil, err
	}
	half := w.rows / 2
	var out correlated
	for _, network := range w.networks {
		n, err := tanhs(features, classes, network.hidden(), seed)
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

// flipped is the share of records whose class is drawn anew.
const flipped = 0.01

// clusters draws records as the paper does, from one cluster a class (the design of Guyon 2003 for the NIPS variable selection benchmark, which scikit-learn
// calls make_classification): a cluster sits on a corner of the cube [-1, 1]^features, and its records are normal, bent by a matrix of its own
// whose elements are uniform in -1..1. The records come in a drawn order, so that the first half is a drawn half.
func clusters(ctx context.Context, rows, features, classes int, seed uint64) (data.Set, error) {
	r := rand.New(rand.NewPCG(seed, uint64(features)<<20|uint64(classes)))
	set := data.Set{Name: "synthetic", X: matrix.New(rows, features), Y: make([]int, rows)}
	order := r.Perm(rows)
	taken := make(map[string]bool)
	bend := matrix.New(features, features)
	for class := range classes {
		if err := ctx.Err(); err != nil {
			return set, err
		}
		corner := cornerOf(r, features, taken)
		uniform(r, bend.Data)
		own := order[class*rows/classes : (class+1)*rows/classes]
		for len(own) > 0 {
			at := own[:min(len(own), 500)]
			own = own[len(at):]
			normal, bent := matrix.New(len(at), features), matrix.New(len(at), features)
			for i := range normal.Data {
				normal.Data[i] = float32(r.NormFloat64())
			}
			matrix.AddProduct(bent, normal.Plain(), bend.Plain(), 1)
			for i, row := range at {
				to := set.X.Row(row)
				for j, v := range bent.Row(i) {
					to[j] = v + corner[j]
				}
				set.Y[row] = class
			}
		}
	}
	for i := range set.Y {
		if r.Float64() < flipped {
			set.Y[i] = r.IntN(classes)
		}
	}
	return set, nil
}

// uniform fills with multiples of 2^-23 in -1..1, two to a draw.
func uniform(r *rand.Rand, of []float32) {
	const half = 1 << 23
	for i := 0; i < len(of); i += 2 {
		bits := r.Uint64()
		of[i] = float32(int32(bits>>40)-half) / half
		if i+1 < len(of) {
			of[i+1] = float32(int32(bits>>8&0xffffff)-half) / half
		}
	}
}

// cornerOf draws a corner that no other class has.
func cornerOf(r *rand.Rand, features int, taken map[string]bool) []float32 {
	for {
		corner, name := make([]float32, features), make([]byte, features)
		for i := range corner {
			name[i] = byte(r.IntN(2))
			corner[i] = 2*float32(name[i]) - 1
		}
		if !taken[string(name)] {
			taken[string(name)] = true
			return corner
		}
	}
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
