package audit

import (
	"cmp"
	"slices"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

const (
	wholeRows = 1000 // whole explanations of one reference that an attack network learns from
	trialRows = 250  // the same of a trial, of which there are many
	// groupRows are how many members of a group, and as many others, a trial attacks at least where the group has so many: those in its sample may be too few to say anything.
	groupRows = 400
)

// view is what attackers saw: of the answers, or of one explanation.
type view struct {
	rows  []int // which of the attacked records
	at    data.Set
	sheet *attack.Sheet
	// For the attack network, by model: all of the target's; of references those at drawn. Empty where the plan names no such attack.
	drawn [][]int // by reference from 1: indices into rows
	whole []matrix.Matrix
	// A trial's records are the first so many of a draw, and of small groups more than lie among them. 0: all records that there are.
	first int
	place []int // of each row in the draw of members or others
}

// wide says how much room a view needs.
type wide struct {
	numbers, whole int  // made of one record; kept whole of it for the attack network
	known          int  // records of a reference that are kept whole; 0 = all
	trial          bool // the records are a sample of
	of             int  // so many (0 = all), and small groups besides
}

// view prepares room for what will be seen of so many records.
func (w *observer) view(points int, size wide) *view {
	v := &view{}
	switch {
	case size.trial && points > 0:
		v.first = points / 2
		v.rows, v.place = w.pool.sample(w.plan, v.first, size.of)
	case size.trial:
		v.rows = w.pool.some(size.of, w.plan.Seed)
	default:
		v.rows = w.pool.some(points, w.plan.Seed)
	}
	v.at = w.records(v.rows)
	v.sheet = attack.NewSheet(w.plan.References+1, len(v.rows), size.numbers)
	if !slices.Contains(w.plan.Attacks, NetworkAttack) {
		return v
	}
	for m := range w.plan.References + 1 {
		n := 0
		if m > 0 {
			n = size.known
		}
		v.drawn = append(v.drawn, draw(0, len(v.rows), n, w.plan.Seed, 2000+uint64(m)))
		v.whole = append(v.whole, matrix.New(len(v.drawn[m]), size.whole))
	}
	return v
}

// records are some of the attacked ones. Views of the same records share them.
func (w *observer) records(rows []int) data.Set {
	for _, v := range w.views() {
		if slices.Equal(v.rows, rows) {
			return v.at
		}
	}
	return w.pool.attacked().Pick(rows)
}

// numbers are one model's part of the sheet.
func (v *view) numbers(m int) []float64 {
	size := v.sheet.Points * v.sheet.Width
	return v.sheet.Values[m*size : (m+1)*size]
}

// keep keeps those of a model's whole answers or explanations that an attack network will want.
func (v *view) keep(m int, all matrix.Matrix) {
	for i, row := range v.drawn[m] {
		copy(v.whole[m].Row(i), all.Row(row))
	}
}

// alone is what an attack network learns from, of this view.
func (v *view) alone() attack.Whole { return v.beside(nil) }

// beside is the same with the answers to the same records before it.
func (v *view) beside(answered *view) attack.Whole {
	width := v.whole[0].Cols
	if answered != nil {
		width += answered.whole[0].Cols
	}
	n := 0
	for m := 1; m < len(v.whole); m++ {
		n += len(v.drawn[m])
	}
	out := attack.Whole{Known: matrix.New(n, width), Member: make([]int, n), Target: matrix.New(len(v.rows), width)}
	join := func(to []float32, m, i int) {
		if answered != nil { // its rows are all the attacked records
			to = to[copy(to, answered.whole[m].Row(v.rows[v.drawn[m][i]])):]
		}
		copy(to, v.whole[m].Row(i))
	}
	for i := range v.rows {
		join(out.Target.Row(i), 0, i)
	}
	at := 0
	for m := 1; m < len(v.whole); m++ {
		for i, row := range v.drawn[m] {
			if join(out.Known.Row(at), m, i); v.sheet.In(m, row) {
				out.Member[at] = 1
			}
			at++
		}
	}
	return out
}

// among are crowds among the records of a view, by their place there.
func (v *view) among(crowds []crowd, member []bool) []crowd {
	out := make([]crowd, len(crowds))
	for i, c := range crowds {
		out[i].Group = c.Group
		for at, r := range v.rows {
			if _, is := slices.BinarySearch(c.rows, r); is {
				out[i].rows = append(out[i].rows, at)
			}
		}
		if v.first > 0 {
			out[i].rows = v.leading(out[i], member)
		}
	}
	return out
}

// leading are those of a crowd that a draw named first, members and others by themselves, so that they are a fair sample of it: everybody and outliers as many as lie in the view's
// sample, a group at least groupRows of either kind.
func (v *view) leading(c crowd, member []bool) []int {
	least := groupRows
	if c.Grouping == Everybody || c.Grouping == Outliers {
		least = 0
	}
	var kinds [2][]int
	for _, at := range c.rows {
		kind := 0
		if member[v.rows[at]] {
			kind = 1
		}
		kinds[kind] = append(kinds[kind], at)
	}
	out := []int{}
	for _, kind := range kinds {
		slices.SortFunc(kind, func(a, b int) int { return cmp.Compare(v.place[a], v.place[b]) })
		n := min(least, len(kind))
		for n < len(kind) && v.place[kind[n]] < v.first {
			n++
		}
		out = append(out, kind[:n]...)
	}
	slices.Sort(out)
	return out
}
