package reproduce

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/metric"
)

// scored is an attack, what it saw and what it made of it.
type scored struct {
	metric.Sample
	by    attack.Attack
	sheet *attack.Sheet
}

// strong are the attacks of which the better is taken.
func strong() []attack.Attack { return []attack.Attack{attack.LiRA{}, attack.RMIA{}} }

// adds are what an attacker finds with an explanation beside the answer and not without: each attack less itself, and the better of them less the better. Which
// is better is told for each figure by what they find of references, never by the target; who has an explanation may leave it aside.
func (t trial) adds(ctx context.Context, view string, alone, both map[string]scored) ([]Row, error) {
	without, with := make(map[string]scored), make(map[string]scored) // by what rows call them
	for _, a := range strong() {
		without[a.Name()+" on answer"] = alone[a.Name()]
		with[a.Name()+" on answer"] = alone[a.Name()]
		with[a.Name()+" on "+view] = both[a.Name()]
	}
	differences := make(map[[2]string]difference)
	of := func(more, less string) (d difference, err error) {
		d, ok := differences[[2]string{more, less}]
		if !ok {
			d, err = compare(ctx, without[less].Sample, with[more].Sample)
			differences[[2]string{more, less}] = d
		}
		return d, err
	}
	var rows []Row
	for _, a := range strong() {
		more, less := a.Name()+" on "+view, a.Name()+" on answer"
		d, err := of(more, less)
		if err != nil {
			return nil, err
		}
		for _, at := range d.rates {
			rows = append(rows, t.added(more+" less "+less, at, d, ""))
		}
	}
	most, err := better(with)
	if err != nil {
		return nil, err
	}
	least, err := better(without)
	if err != nil {
		return nil, err
	}
	for _, at := range append([]float64{overall}, rates[:]...) {
		d, err := of(most[at], least[at])
		if err != nil {
			return nil, err
		}
		if slices.Contains(d.rates, at) {
			rows = append(rows, t.added("the better with "+view+" less the better with answer", at, d, most[at]+" less "+least[at]+", chosen on references"))
		}
	}
	return rows, nil
}

// overall stands for the area in the place of a rate of false alarms.
const overall = 0

// difference of two attacks in the area, and in the members found at the rates that the data carry.
type difference struct {
	rates   []float64 // overall first
	figures []metric.Figure
	p       float64 // of such a difference of areas by chance
	refused error
}

// compare tells as much as the data carry: the area and the rates, or the area alone, or why neither.
func compare(ctx context.Context, alone, both metric.Sample) (difference, error) {
	const replicates = 1_000
	var carried []float64
	for _, at := range rates {
		if others(alone) >= (metric.Support{}).OthersFor(at) {
			carried = append(carried, at)
		}
	}
	for {
		b, err := metric.Bootstrap{Replicates: replicates, Seed: 1}.LeakBeyond(ctx, alone, both, carried, metric.Support{}, confidence)
		switch {
		case err == nil:
			return difference{rates: append([]float64{overall}, carried...), figures: append([]metric.Figure{b.AUC}, b.TPR...), p: b.P}, nil
		case !errors.Is(err, metric.ErrTooFew):
			return difference{}, err
		case carried == nil:
			return difference{rates: []float64{overall}, figures: []metric.Figure{{}}, refused: err}, nil
		}
		carried = nil
	}
}

// added is a row of a difference.
func (t trial) added(measure string, at float64, d difference, note string) Row {
	figure := d.figures[slices.Index(d.rates, at)]
	if at == overall {
		row := t.row("all", measure+", area", Area, figure, d.refused)
		if d.refused == nil {
			if note != "" {
				note += "; "
			}
			row.Note = fmt.Sprintf("%sprobability of such a difference by chance %.2g", note, d.p)
		}
		return row
	}
	row := t.row("all", fmt.Sprintf("%s, members found at %g %% false alarms", measure, 100*at), Rate, figure, nil)
	row.Note = note
	return row
}

// judges are how many references play the target where the better of two attacks is chosen.
const judges = 4

// better names, for the area and for each rate of false alarms, the attack that finds more of references; of equal ones the first by name.
func better(of map[string]scored) (map[float64]string, error) {
	best, most := make(map[float64]string), make(map[float64]float64)
	for _, name := range slices.Sorted(maps.Keys(of)) {
		s := of[name]
		sum := make(map[float64]float64)
		for k := 1; k <= min(judges, s.sheet.Models-1); k++ {
			turn, member := turned(s.sheet, k)
			scores, err := s.by.Score(turn)
			if err != nil {
				return nil, fmt.Errorf("choosing an attack: %w", err)
			}
			c, err := metric.NewCurve(metric.Sample{Score: scores, Member: member})
			if err != nil {
				return nil, fmt.Errorf("choosing an attack: %w", err)
			}
			sum[overall] += c.AUC()
			for _, at := range rates {
				tpr, _ := c.TPR(at)
				sum[at] += tpr
			}
		}
		for at, v := range sum {
			if best[at] == "" || v > most[at] {
				best[at], most[at] = name, v
			}
		}
	}
	return best, nil
}

// turned is the sheet on which reference k is the target and the true target is not, and who was a member of it.
func turned(s *attack.Sheet, k int) (*attack.Sheet, []bool) {
	out := attack.NewSheet(s.Models-1, s.Points, s.Width)
	size := s.Points * s.Width
	put := func(to, from int) {
		copy(out.Values[to*size:], s.Values[from*size:(from+1)*size])
		copy(out.Member[to*s.Points:], s.Member[from*s.Points:(from+1)*s.Points])
	}
	put(0, k)
	for m, at := 1, 1; m < s.Models; m++ {
		if m != k {
			put(at, m)
			at++
		}
	}
	return out, slices.Clone(out.Member[:s.Points])
}
