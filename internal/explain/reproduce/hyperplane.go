package reproduce

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tribune/internal/explain/record"
)

// spent are budgets at which the recovery is looked at on its way.
var spent = [...]int{1_000, 2_500, 5_000}

// mostQueries is more than the algorithm can use on the paper's data.
const mostQueries = 1_000_000

// solved is what one run gives.
type solved struct {
	found record.Recovered
	of    int
	naive float64 // percent of records named by as many marginal queries that ask nothing but the most influential record
}

// Hyperplane measures how many leave-one-out models the paper's algorithm 1 recovers (section 6.1, table 1), at what cost in queries, beside what as many
// queries reveal without any algorithm.
func Hyperplane(ctx context.Context, o Options) ([]Row, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	cohorts, err := each(ctx, o, "recovering hyperplanes", recoverModels)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range cohorts {
		count := func(measure string, unit Unit, value func(solved) float64) {
			rows = append(rows, c.row("all", measure, unit, func(s solved) (float64, bool) { return value(s), true }))
		}
		count("hyperplanes, records", Records, func(s solved) float64 { return float64(len(s.found.Records)) })
		rows[len(rows)-1].Note = ends(c.runs)
		count("hyperplanes, percent of records", Percent, func(s solved) float64 { return 100 * float64(len(s.found.Records)) / float64(s.of) })
		count("hyperplanes, queries", Queries, func(s solved) float64 { return float64(s.found.Queries) })
		for _, b := range spent {
			count(fmt.Sprintf("hyperplanes, records after %d queries", b), Records, func(s solved) float64 { return float64(within(s.found.After, b)) })
		}
		count(fmt.Sprintf("hyperplanes, models known to %g in every parameter", known), Records, func(s solved) float64 { return float64(s.known()) })
		count("as many marginal queries, percent of records", Percent, func(s solved) float64 { return s.naive })
	}
	return rows, nil
}

// known is the error up to which a model counts as recovered.
const known = 1e-3

func (s solved) known() int {
	n := 0
	for _, e := range s.found.Errors {
		if e <= known {
			n++
		}
	}
	return n
}

// ends says why the runs ended.
func ends(runs []solved) string {
	count := make(map[string]int)
	for _, r := range runs {
		count[r.found.Ended]++
	}
	var out []string
	for _, why := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%d of %d ended: %s", count[why], len(runs), why))
	}
	return strings.Join(out, "; ")
}

func within(after []int, budget int) int {
	n := 0
	for _, q := range after {
		if q <= budget {
			n++
		}
	}
	return n
}

func recoverModels(ctx context.Context, s *sample) (solved, error) {
	e, err := s.explainer(ctx)
	if err != nil {
		return solved{}, err
	}
	out := solved{of: e.Records()}
	if out.found, err = e.Hyperplanes(ctx, mostQueries); err != nil {
		return solved{}, err
	}
	pool, err := s.pool(poolRows, s.random(purposeMarginal+100))
	if err != nil {
		return solved{}, err
	}
	found, err := e.Revealed(ctx, record.Marginal(pool, out.found.Queries, s.random(purposeMarginal)), 1)
	if err != nil {
		return solved{}, err
	}
	out.naive = 100 * float64(found[len(found)-1]) / float64(out.of)
	return out, nil
}
