package audit

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"tribune/internal/explain/metric"
)

// measured is what came of it.
type measured struct {
	figures []Figure
	curves  []Curve
	gaps    []Gap
	alone   map[string][]float64 // by attack, scores by the answer alone
}

// newMeasurer counts how many intervals of a plan have to hold at once.
func newMeasurer(p Plan, attacks []attacker, member []bool, groups []crowd) measurer {
	m := measurer{plan: p, member: member, crowds: groups}
	for _, a := range attacks {
		for _, s := range a.sights {
			if m.scored++; s != OnPrediction {
				m.scored += len(p.Explanations) - 1
			}
		}
	}
	m.each = metric.Each(p.Confidence, m.scored*len(groups))
	return m
}

// measure scores every view by every attack, and measures every group.
func measure(ctx context.Context, p Plan, attacks []attacker, member []bool, groups []crowd, seen *observation, step func(Step)) (measured, error) {
	m := newMeasurer(p, attacks, member, groups)
	first := m
	alone, err := first.answers(ctx, attacks, seen.prediction)
	if err != nil {
		return measured{}, fmt.Errorf("what answers alone give away: %w", err)
	}
	out := measured{first.figures, first.curves, first.gaps, alone}
	err = m.explanations(ctx, &out, attacks, seen, step)
	return out, err
}

// again measures trials, whose answers are those that have been measured.
func (o measured) again(ctx context.Context, p Plan, attacks []attacker, member []bool, groups []crowd, seen *observation, step func(Step)) (measured, error) {
	m := newMeasurer(p, attacks, member, groups)
	m.trial = true
	out := measured{alone: o.alone}
	err := m.explanations(ctx, &out, attacks, seen, step)
	return out, err
}

// explanations measures the plan's explanations beside each other; each by itself gives the same.
func (m measurer) explanations(ctx context.Context, out *measured, attacks []attacker, seen *observation, step func(Step)) error {
	parts := make([]measurer, len(m.plan.Explanations))
	var lock sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, e := range m.plan.Explanations {
		g.Go(func() error {
			parts[i] = m
			if err := parts[i].explanation(ctx, e.Name(), attacks, seen.explanations[i], seen.prediction, out.alone); err != nil {
				return fmt.Errorf("what %s gives away: %w", e.Name(), err)
			}
			lock.Lock()
			defer lock.Unlock()
			done++
			step(Step{done, len(parts), "measured " + e.Name()})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, part := range parts {
		out.figures, out.curves, out.gaps = append(out.figures, part.figures...), append(out.curves, part.curves...), append(out.gaps, part.gaps...)
	}
	sortFigures(out.figures)
	return nil
}
