// Package timing measures how long the parts of an audit take on this machine: training reference models, explaining, attacking, and training a network of
// Location-30's size. `tribune bench explain` calls it.
//
// What is timed is what an audit calls, with the default plan's settings. With a folder it leaves there, as NumPy arrays, what it worked on and what came of it,
// so that another program can be timed at the same work and held against the same results (scripts/versus-explain does).
package timing

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/explain/data"
)

// Config is what is measured.
type Config struct {
	Stages     []string // of Stages; none: all that there are data for
	Train      data.Set // Adult's published halves
	Test       data.Set
	Location   data.Set // without rows: stage location is left out
	References int      // 0: 16, as in the default plan; at least 2
	Epochs     int      // of reference models; 0: 20, as in the default recipe
	Records    int      // of Adult that are explained and attacked; 0: all
	Dir        string   // where arrays go, and where later stages find the models of an earlier run; "": nowhere
	Report     func(Row) error
}

// Row is one measurement.
type Row struct {
	Stage   string             `json:"stage"`
	Name    string             `json:"name"`
	What    string             `json:"what"`
	Seconds float64            `json:"seconds"`
	CPU     float64            `json:"cpu_seconds,omitempty"` // of all cores; 0 where the system does not tell
	Records int                `json:"records"`               // that were explained or attacked; trained on, times epochs
	Micros  float64            `json:"us_per_record"`
	Cores   int                `json:"cores"`
	Found   map[string]float64 `json:"found,omitempty"` // what came of it: accuracy, area
}

// Stages in their order; each names what it is about.
const (
	References   = "references"
	Explanations = "explanations"
	Attacks      = "attacks"
	Location     = "location"
)

// Stages are all stages.
func Stages() []string { return []string{References, Explanations, Attacks, Location} }

// bench is one run.
type bench struct {
	Config
	all    data.Set // Train, then Test
	models *models
}

// Run measures. The same configuration works on the same records, in the same order, with the same seeds, whatever the machine.
func Run(ctx context.Context, c Config) error {
	b, err := newBench(c)
	if err != nil {
		return err
	}
	for _, stage := range b.Stages {
		if err := b.stage(ctx, stage); err != nil {
			return fmt.Errorf("timing %s: %w", stage, err)
		}
	}
	return nil
}

func newBench(c Config) (*bench, error) {
	if len(c.Stages) == 0 {
		c.Stages = Stages()
		if c.Location.X.Rows == 0 {
			c.Stages = c.Stages[:len(c.Stages)-1]
		}
	}
	for _, s := range c.Stages {
		if !slices.Contains(Stages(), s) {
			return nil, tribune.Hint(fmt.Errorf("%w: the stage %q", tribune.ErrInvalid, s), "one of %s", strings.Join(Stages(), ", "))
		}
		if s == Location && c.Location.X.Rows == 0 {
			return nil, tribune.Hint(fmt.Errorf("%w: Location-30 is not shipped", tribune.ErrNotFound), "name the folder in which dataset_location.tgz lies")
		}
	}
	if c.References == 0 {
		c.References = 16
	}
	if c.Epochs == 0 {
		c.Epochs = 20
	}
	if c.References < 2 || c.Epochs < 1 || c.Train.X.Rows == 0 || c.Train.X.Cols != c.Test.X.Cols {
		return nil, fmt.Errorf("%w: %d references, %d epochs, %d training records", tribune.ErrInvalid, c.References, c.Epochs, c.Train.X.Rows)
	}
	all, err := data.Join(c.Train, c.Test)
	if err != nil {
		return nil, err
	}
	b := &bench{Config: c, all: all}
	if b.Records == 0 || b.Records > b.all.X.Rows {
		b.Records = b.all.X.Rows
	}
	return b, nil
}

func (b *bench) stage(ctx context.Context, name string) error {
	switch name {
	case References:
		return b.references(ctx)
	case Explanations:
		return b.explanations(ctx)
	case Attacks:
		return b.attacks(ctx)
	}
	return b.location(ctx)
}

// row reports what do took, garbage of earlier work collected before.
func (b *bench) row(r Row, do func() error) error {
	runtime.GC()
	used, began := processor(), time.Now()
	if err := do(); err != nil {
		return err
	}
	r.Seconds, r.CPU, r.Cores = time.Since(began).Seconds(), (processor() - used).Seconds(), runtime.GOMAXPROCS(0)
	r.Micros = 1e6 * r.Seconds / float64(r.Records)
	if b.Report == nil {
		return nil
	}
	return b.Report(r)
}

// Print writes the row for people.
func (r Row) Print(w io.Writer) error {
	found := ""
	for _, name := range slices.Sorted(maps.Keys(r.Found)) {
		found += fmt.Sprintf("  %s %.4f", name, r.Found[name])
	}
	_, err := fmt.Fprintf(w, "%-13s %-21s %9.3f s (%.3f s of processors)  %10.2f us a record, %d records on %d cores%s\n%37s%s\n", r.Stage, r.Name, r.Seconds, r.CPU, r.Micros, r.Records, r.Cores, found, "", r.What)
	return err
}
