package reproduce

import (
	"context"
	"fmt"
	"slices"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/record"
)

const (
	neighbours = 5     // the k of the paper's graph
	budget     = 1_000 // queries
	poolRows   = 5_000 // that ranges and marginals are taken from
	dead       = 5     // percent recovered under which a crawl has died out: the paper's figure 2 has nothing between 2 and 7
)

// The measures of Graph.
const (
	crawlCore  = "crawl, recovered from starts that reach the core"
	crawlShort = "crawl, recovered from starts that die out"
	crawlDead  = "crawl, starts that die out"
	crawlBlind = "crawl, recovered after one marginal query"
)

var shapeNames = [...]string{"strongly connected components", "components of one record", "largest component", "largest in-degree", "records named by no other"}

func queriesOf(kind string, k int) string { return fmt.Sprintf("%s queries, k=%d", kind, k) }
func realQueries(k int) string            { return queriesOf("1000 real", k) }

// crawled is what one run gives.
type crawled struct {
	shape   record.Shape
	starts  []float64 // percent recovered, by training record it began at
	blind   float64   // percent recovered, mean over crawls that begin with a query of nobody
	queries map[string]float64
}

// Graph measures what following revealed records recovers (section 6.2, figure 2, table 2), and what queries alone do (figure 14).
func Graph(ctx context.Context, o Options) ([]Row, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	cohorts, err := each(ctx, o, "crawling", crawl)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range cohorts {
		rows = append(rows, crawlRows(c)...)
		for i, name := range shapeNames {
			rows = append(rows, c.row("all", name, Count, func(r crawled) (float64, bool) {
				s := r.shape
				return float64([...]int{s.Components, s.Single, s.Largest, s.InDegree, s.Unnamed}[i]), true
			}))
		}
		for _, kind := range kinds {
			for _, k := range ks {
				name := queriesOf(kind, k)
				rows = append(rows, c.row("all", name, Percent, func(r crawled) (float64, bool) { v, ok := r.queries[name]; return v, ok }))
			}
		}
	}
	return rows, nil
}

func crawl(ctx context.Context, s *sample) (crawled, error) {
	e, err := s.explainer(ctx)
	if err != nil {
		return crawled{}, err
	}
	g, err := e.Graph(ctx, s.train.X, neighbours)
	if err != nil {
		return crawled{}, err
	}
	out := crawled{shape: g.Shape(), queries: make(map[string]float64)}
	percent := 100 / float64(s.train.X.Rows)
	r := s.random(purposeCrawl)
	for i := range g.Next {
		found := g.Crawl(g.Next[i], budget, r)
		out.starts = append(out.starts, float64(found[len(found)-1])*percent)
	}
	pool, err := s.pool(poolRows, s.random(purposeMarginal+100))
	if err != nil {
		return crawled{}, err
	}
	for _, q := range record.Marginal(pool, 100, s.random(purposeMarginal+200)) {
		found := g.Crawl(e.Top(q, neighbours), budget-1, r)
		out.blind += float64(found[len(found)-1]) * percent / 100
	}
	return out, s.query(ctx, e, pool, percent, out.queries)
}

var kinds = [...]string{"1000 real", "1000 marginal", "1000 uniform"}

func (s *sample) query(ctx context.Context, e *record.Explainer, pool matrix.Matrix, percent float64, out map[string]float64) error {
	genuine, err := s.pool(budget, s.random(purposeReal))
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		var queries [][]float64
		switch kind {
		case kinds[0]:
			queries = record.Rows(genuine)
		case kinds[1]:
			queries = record.Marginal(pool, budget, s.random(purposeMarginal))
		default:
			queries = record.Uniform(pool, budget, s.random(purposeUniform))
		}
		for _, k := range ks {
			found, err := e.Revealed(ctx, queries, k)
			if err != nil {
				return err
			}
			out[queriesOf(kind, k)] = float64(found[len(found)-1]) * percent
		}
	}
	return nil
}

// crawlRows tell starts that die out from those that reach the large component: a mean over both would be nobody's.
func crawlRows(c cohort[crawled]) []Row {
	core := startRow(c, crawlCore, func(v float64) bool { return v >= dead })
	short := startRow(c, crawlShort, func(v float64) bool { return v < dead })
	ends := c.row("all", crawlDead, Percent, func(r crawled) (float64, bool) {
		n := 0
		for _, v := range r.starts {
			if v < dead {
				n++
			}
		}
		return 100 * float64(n) / float64(len(r.starts)), true
	})
	blind := c.row("all", crawlBlind, Percent, func(r crawled) (float64, bool) { return r.blind, true })
	return []Row{core, short, ends, blind}
}

func startRow(c cohort[crawled], measure string, of func(v float64) bool) Row {
	row := Row{Dataset: c.table.Name, Group: "all", Measure: measure, Draw: c.draw, Unit: Percent, Runs: len(c.runs), Paper: c.paper("all", measure)}
	var all []float64
	for _, r := range c.runs {
		for _, v := range r.starts {
			if of(v) {
				all = append(all, v)
			}
		}
	}
	if len(all) < fewest {
		row.Note = fmt.Sprintf("refused: %d starts of all runs", len(all))
		return row
	}
	slices.Sort(all)
	m := mean(all)
	row.Ours, row.Interval = &m, &[2]float64{quantile(all, 0.05), quantile(all, 0.95)}
	row.Note = fmt.Sprintf("of %d starts; interval: their 5th and 95th percentile", len(all))
	return row
}
