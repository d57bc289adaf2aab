package twin

import (
	"context"
	"encoding/binary"
	"math"

	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// block adds a block up: from what its numbers come to where all of it lies in one period, from its columns where the time
// asked for is that of its rows, and else from its rows.
func (g *summing) block(ctx context.Context, past *pastReader, b *block, span timeSpan) error {
	if b.flags&blockNumbers == 0 || !g.h.inOrder(span.order) || g.valid != nil {
		rows, err := past.body(ctx, b)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.at < span.from || span.to > 0 && row.at >= span.to {
				continue
			}
			if err := g.row(row); err != nil {
				return err
			}
		}
		return nil
	}
	if err := g.h.look(); err != nil {
		return err
	}
	g.kind = model.Property
	if g.methods&temporal.DistinctCount == 0 && b.first.at >= span.from && (span.to == 0 || b.last.at < span.to) {
		p, err := g.period(moment(b.first.at))
		if err != nil {
			return err
		}
		if g.periods.Every.Zero() || moment(b.last.at).Before(p.To) {
			p.AddNumbers(b.stats)
			return nil
		}
	}
	return g.columns(b, span)
}

// columns adds up the numbers of a block one by one. Times are held against the bounds of the period they fall in as keys
// have them, which is cheaper than as times.
func (g *summing) columns(b *block, span timeSpan) error {
	times, numbers, err := b.times(g.times[:0])
	if err != nil {
		return err
	}
	g.times = times
	var p *temporal.Sums
	var from, to uint64
	for i, at := range times {
		if at < span.from || span.to > 0 && at >= span.to {
			continue
		}
		if p == nil || !g.periods.Every.Zero() && (at < from || at >= to) {
			if p, err = g.period(moment(at)); err != nil {
				return err
			}
			from, to = ordinal(p.From), ordinal(p.To)
		}
		was := p.Distinct()
		p.AddNumber(math.Float64frombits(binary.BigEndian.Uint64(numbers[8*i:])), g.methods)
		if n := p.Distinct() - was; n > 0 {
			if err := g.remember(n); err != nil {
				return err
			}
		}
	}
	return nil
}
