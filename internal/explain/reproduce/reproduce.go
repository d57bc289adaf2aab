// Package reproduce sets the figures of Shokri, Strobel and Zick ("On the Privacy Risks of Model Explanations", 1907.00164) beside the same figures
// measured here, row by row: first on the paper's own draws of the data, then with what is wrong about them put right; and the same data under the attacks
// that came after the paper (Beyond).
//
// `tribune explain reproduce` prints what Experiments return. A run is decided by its Request alone: the same rows on one core and on many.
package reproduce

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"tribune"
	"tribune/internal/explain/data"
)

// Row is one figure beside the paper's.
type Row struct {
	Dataset  string      `json:"dataset"`
	Group    string      `json:"group"` // "all", or "race=Black"
	Measure  string      `json:"measure"`
	Draw     Draw        `json:"draw"`
	Unit     Unit        `json:"unit"`
	Paper    *Range      `json:"paper"`    // null: the paper does not say
	Ours     *float64    `json:"ours"`     // null: refused, Note says why
	Interval *[2]float64 `json:"interval"` // 95 % of the mean over runs by Student's t, unless Note says otherwise; Beyond's are package metric's
	Runs     int         `json:"runs"`
	Note     string      `json:"note,omitempty"`
}

// Unit is what a figure counts.
type Unit string

// The units. Percent is 0..100.
const (
	Percent Unit = "percent"
	Records Unit = "records"
	Queries Unit = "queries"
	Count   Unit = "count"
)

// Range is a figure of the paper's: one number, unless it gives a range. As JSON it is a number or [low, high].
type Range struct{ Low, High float64 }

// MarshalJSON writes a number where low and high are one.
func (r Range) MarshalJSON() ([]byte, error) {
	if r.Low == r.High {
		return json.Marshal(r.Low)
	}
	return json.Marshal([2]float64{r.Low, r.High})
}

// Draw is how the training records are drawn from a data set.
type Draw string

// The draws. Published is the authors' own, seed by seed. Corrected draws without replacement, from Adult without its duplicates and from Diabetes-130
// with one encounter of each patient, and lets an attacker ask with nobody's records who is in the training data. Replacement is the defect of the
// authors' threshold experiments, put into the record experiments to see what it does: rows are drawn with replacement before they are split.
const (
	Published   Draw = "published"
	Corrected   Draw = "corrected"
	Replacement Draw = "replacement"
)

// Options say what is run. The zero value with Tables is the paper's programme on all draws.
type Options struct {
	Tables   []*data.Table // as Tables() gives them, or of those names
	Draws    []Draw        // nil is all
	Size     int           // training records; 0 is the paper's 2,000
	Seeds    int           // 0 is the paper's 10: seeds 0..9
	Progress func(what string, done, total int)
}

func (o Options) fill() (Options, error) {
	if len(o.Draws) == 0 {
		o.Draws = []Draw{Published, Corrected, Replacement}
	}
	if o.Size == 0 {
		o.Size = 2_000
	}
	if o.Seeds == 0 {
		o.Seeds = 10
	}
	if o.Size < 10 || o.Seeds < 1 || o.Seeds > 1_000 {
		return o, fmt.Errorf("%d records, %d seeds: %w", o.Size, o.Seeds, tribune.ErrInvalid)
	}
	for _, t := range o.Tables {
		if t.Name != "adult" && t.Name != "hospital" {
			return o, fmt.Errorf("data set %q is none of the paper's record experiments: %w", t.Name, tribune.ErrUnsupported)
		}
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o, nil
}

// each runs every seed of every draw of every table, both cores busy, and returns what work gave in that order.
func each[T any](ctx context.Context, o Options, what string, work func(ctx context.Context, s *sample) (T, error)) ([]cohort[T], error) {
	var cohorts []cohort[T]
	for _, t := range o.Tables {
		for _, d := range o.Draws {
			cohorts = append(cohorts, cohort[T]{subject: newSubject(t, d), runs: make([]T, o.Seeds)})
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lock sync.Mutex
	var wait sync.WaitGroup
	var first error
	done, total := 0, len(cohorts)*o.Seeds
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for c := range cohorts {
		for seed := range o.Seeds {
			wait.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if ctx.Err() != nil {
					return
				}
				result, err := run(ctx, cohorts[c].subject, o.Size, seed, work)
				lock.Lock()
				defer lock.Unlock()
				if err != nil {
					if first == nil {
						first = fmt.Errorf("%s, %s, %s, seed %d: %w", what, cohorts[c].table.Name, cohorts[c].draw, seed, err)
					}
					cancel()
					return
				}
				cohorts[c].runs[seed] = result
				done++
				o.Progress(what, done, total)
			})
		}
	}
	wait.Wait()
	if first != nil {
		return nil, first
	}
	return cohorts, ctx.Err()
}

func run[T any](ctx context.Context, of *subject, size, seed int, work func(ctx context.Context, s *sample) (T, error)) (T, error) {
	s, err := of.sample(size, seed)
	if err != nil {
		var none T
		return none, err
	}
	return work(ctx, s)
}

// cohort is the runs of one draw of one table, by seed.
type cohort[T any] struct {
	*subject
	runs []T
}

// row makes a row of one number a run.
func (c cohort[T]) row(group, measure string, unit Unit, value func(T) (float64, bool)) Row {
	var of []float64
	for _, r := range c.runs {
		if v, ok := value(r); ok {
			of = append(of, v)
		}
	}
	row := Row{Dataset: c.table.Name, Group: group, Measure: measure, Draw: c.draw, Unit: unit, Runs: len(of), Paper: c.paper(group, measure)}
	if len(of) > 0 {
		mean := mean(of)
		row.Ours, row.Interval = &mean, interval(of)
	}
	if row.Interval != nil {
		row.Interval[0] = max(0, row.Interval[0])
		if unit == Percent {
			row.Interval[1] = min(100, row.Interval[1])
		}
	}
	return row
}
