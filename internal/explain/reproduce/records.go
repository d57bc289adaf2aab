package reproduce

import (
	"context"
	"fmt"

	"tribune/internal/explain/data"
)

var sizes = [...]int{50, 100, 200, 500, 1000}

func bySize(n int) string { return fmt.Sprintf("own top 1, %d records", n) }

// fewest is how many records all runs together must have of a group before its share is printed.
const fewest = 10

// Record measures the share of training records among the k that explain themselves best (section 5.1, figures 10 and 11, table 4): of all, of groups, and
// by the number of training records.
func Record(ctx context.Context, o Options) ([]Row, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	whole, err := each(ctx, o, fmt.Sprintf("leaving out one of %d", o.Size), places)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range whole {
		for _, g := range c.runs[0].groups {
			rows = append(rows, shares(c, g)...)
		}
		for _, f := range flaws {
			rows = append(rows, c.row("all", "test rows: "+string(f), Percent, func(p placed) (float64, bool) { return p.doubles[f], true }))
		}
	}
	for _, n := range sizes {
		if n >= o.Size {
			continue
		}
		small := o
		small.Size = n
		runs, err := each(ctx, small, fmt.Sprintf("leaving out one of %d", n), places)
		if err != nil {
			return nil, err
		}
		for _, c := range runs {
			rows = append(rows, growing(c, n)...)
		}
	}
	return rows, nil
}

// placed are the places of one run's records, by group.
type placed struct {
	groups []string // in the data set's order
	of     map[string][]int

	doubles map[data.Flaw]float64 // percent of test rows that a flaw of the split concerns
}

// flaws are what a split of either data set may have.
var flaws = [...]data.Flaw{data.SameRow, data.SameRecord, data.NearRecord, data.SamePerson}

func places(ctx context.Context, s *sample) (placed, error) {
	e, err := s.explainer(ctx)
	if err != nil {
		return placed{}, err
	}
	all, err := e.Places(ctx, s.train.X)
	if err != nil {
		return placed{}, err
	}
	out := placed{groups: []string{"all"}, of: map[string][]int{"all": all}, doubles: make(map[data.Flaw]float64)}
	hygiene, err := data.Inspect(ctx, s.train, s.test, data.InspectOptions{})
	if err != nil {
		return placed{}, err
	}
	for _, f := range hygiene.Findings {
		out.doubles[f.Flaw] = 100 * float64(f.Test) / float64(s.test.X.Rows)
	}
	for _, g := range s.train.Groups {
		for _, v := range g.Values {
			out.groups = append(out.groups, g.Name+"="+v)
		}
		for i, p := range all {
			if at := g.Of[i]; at >= 0 {
				name := g.Name + "=" + g.Values[at]
				out.of[name] = append(out.of[name], p)
			}
		}
	}
	return out, nil
}

// among is the share of places that are k at most, in percent.
func among(places []int, k int) (share float64, hits int) {
	for _, p := range places {
		if p <= k {
			hits++
		}
	}
	return 100 * float64(hits) / float64(len(places)), hits
}

// shares are a group's rows. Where few records are of a group its runs weigh alike all the same, as the paper's do.
func shares(c cohort[placed], group string) []Row {
	total := 0
	for _, r := range c.runs {
		total += len(r.of[group])
	}
	var rows []Row
	for _, k := range ks {
		row := c.row(group, ownTop(k), Percent, func(p placed) (float64, bool) {
			if len(p.of[group]) == 0 {
				return 0, false
			}
			share, _ := among(p.of[group], k)
			return share, true
		})
		row.Note = fmt.Sprintf("%d records", total)
		if total < fewest {
			row.Ours, row.Interval, row.Note = nil, nil, fmt.Sprintf("refused: %d records in all runs, fewer than %d", total, fewest)
		}
		rows = append(rows, row)
	}
	return rows
}

// growing are the rows of one number of training records: the mean of all seeds, and of seed 0 alone, which is the paper's.
func growing(c cohort[placed], n int) []Row {
	row := c.row("all", bySize(n), Percent, func(p placed) (float64, bool) {
		share, _ := among(p.of["all"], 1)
		return share, true
	})
	rows := []Row{row}
	if c.draw == Published {
		share, hits := among(c.runs[0].of["all"], 1)
		alone := row
		alone.Measure += ", seed 0"
		alone.Ours, alone.Interval, alone.Runs, alone.Note = &share, wilson(hits, len(c.runs[0].of["all"])), 1, "the paper's own run; interval over records (Wilson)"
		rows = append(rows, alone)
	}
	return rows
}
