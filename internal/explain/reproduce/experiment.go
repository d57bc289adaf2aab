package reproduce

import (
	"context"
	"fmt"
	"io/fs"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

// Experiment is one part of the paper, by the name under which `tribune explain reproduce` runs it.
type Experiment struct {
	Name  string
	About string // one line
	Run   func(ctx context.Context, r Request) ([]Row, error)
}

// Request is what is asked of an experiment. The zero value is its full size on the data that are shipped.
type Request struct {
	Data     fs.FS         // a folder with data sets by the names their publishers give them; nil is what is shipped
	Worker   worker.Worker // reads what lies in Data
	Datasets []string      // those of the experiment's that are run; nil is all that are there
	Features []int         // Synthetic: numbers of features; nil is the experiment's own
	Quick    bool          // a size that takes a second or two, for tests and a first look: its figures are not the paper's
	Seeds    int           // 0 is the experiment's own number
	Keep     Shelf         // keeps what took long, so that a run that was interrupted goes on; nil: nothing is kept
	Progress func(what string, done, total int)
	// Row is told the rows that the experiment returns, in their order, as soon as they are known; those of experiments that know all at once when they
	// return are not told.
	Row func(Row)
}

// tell tells rows as soon as they are known.
func (r Request) tell(rows []Row) {
	if r.Row != nil {
		for _, row := range rows {
			r.Row(row)
		}
	}
}

// Experiments are all there are, in the paper's order; beyond is this project's.
func Experiments() []Experiment {
	return []Experiment{
		{"record", "training records among the most influential for themselves", records(Record)},
		{"graph", "what following revealed records recovers", records(Graph)},
		{"hyperplane", "leave-one-out models recovered by queries", records(Hyperplane)},
		{"synthetic", "correlation of the gradient's norm with membership, over features and classes", Synthetic},
		{"threshold", "threshold attacks on explanations, with the paper's defects and without", Threshold},
		{"network", "the attack network, told of the target's own records and not", Learned},
		{"epochs", "threshold attacks while their target is trained", Epochs},
		{"smoothgrad", "what smoothed gradients tell, over noise and copies", SmoothGrad},
		{"beyond", "the same data under LiRA and RMIA, per group", Beyond},
	}
}

// Find is the experiment of that name.
func Find(name string) (Experiment, error) {
	for _, e := range Experiments() {
		if e.Name == name {
			return e, nil
		}
	}
	return Experiment{}, tribune.Hint(fmt.Errorf("no experiment %q: %w", name, tribune.ErrNotFound), "record, graph, hyperplane, synthetic, threshold, network, epochs, smoothgrad and beyond are there")
}

// records runs one of the record experiments on Adult and Diabetes-130.
func records(run func(context.Context, Options) ([]Row, error)) func(context.Context, Request) ([]Row, error) {
	return func(ctx context.Context, r Request) ([]Row, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o := Options{Seeds: r.Seeds, Progress: r.Progress}
		if r.Quick {
			o.Size, o.Seeds = 60, r.seeds(10, 1)
		}
		all, err := r.tables(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			if r.wants(t.Name) {
				o.Tables = append(o.Tables, t)
			}
		}
		if err := r.known([]string{"adult", "hospital"}); err != nil {
			return nil, err
		}
		return run(ctx, o)
	}
}

// tables are Adult and Diabetes-130, of the folder or as they are shipped.
func (r Request) tables(ctx context.Context) ([]*data.Table, error) {
	if r.Data == nil {
		return Tables()
	}
	return folder{r.Data, r.Worker}.tables(ctx)
}

func (r Request) wants(name string) bool {
	if r.Datasets == nil {
		return true
	}
	for _, d := range r.Datasets {
		if d == name {
			return true
		}
	}
	return false
}

// known refuses a data set that an experiment does not have.
func (r Request) known(names []string) error {
	for _, d := range r.Datasets {
		found := false
		for _, n := range names {
			found = found || n == d
		}
		if !found {
			return fmt.Errorf("data set %q is none of this experiment's (%v): %w", d, names, tribune.ErrUnsupported)
		}
	}
	return nil
}

func (r Request) seeds(full, quick int) int {
	switch {
	case r.Seeds > 0:
		return r.Seeds
	case r.Quick:
		return quick
	}
	return full
}

// sized takes the paper's figures away from rows of another size than the paper's.
func (r Request) sized(rows []Row) []Row {
	if r.Quick {
		for i := range rows {
			rows[i].Paper = nil
		}
	}
	return rows
}

func (r Request) progress() func(string, int, int) {
	if r.Progress == nil {
		return func(string, int, int) {}
	}
	return r.Progress
}

// The units of the experiments on models. Correlation is -1..1, Accuracy and Rate are 0..1.
const (
	Correlation Unit = "correlation"
	Accuracy    Unit = "balanced accuracy"
	Area        Unit = "area under the ROC curve"
	Rate        Unit = "rate"
)

// figure makes a row of one number a run.
func figure(dataset, group, measure string, d Draw, unit Unit, of []float64) Row {
	row := Row{Dataset: dataset, Group: group, Measure: measure, Draw: d, Unit: unit, Runs: len(of)}
	if len(of) > 0 {
		m := mean(of)
		row.Ours, row.Interval = &m, interval(of)
	}
	if row.Interval != nil && unit != Correlation {
		row.Interval[0], row.Interval[1] = max(0, row.Interval[0]), min(1, row.Interval[1])
	}
	return row
}
