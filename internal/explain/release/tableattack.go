package release

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"tribune"
	"tribune/internal/explain/data"
)

// maxRegions bounds how many differences of cells are formed.
const maxRegions = 1_000_000

// set is some of the people and of the reference, as bits.
type set []uint64

func newSet(in ...[]bool) set {
	n := 0
	for _, of := range in {
		n += len(of)
	}
	s, at := make(set, (n+63)/64), 0
	for _, of := range in {
		for _, is := range of {
			if is {
				s[at/64] |= 1 << (at % 64)
			}
			at++
		}
	}
	return s
}

func (s set) size() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// region is a part of the population of which it follows from the table how many were counted.
type region struct {
	who   set
	count float64
}

// Differencing plays whoever knows the whole population of which some were counted (People and Reference together) and takes published cells from each other: a
// cell less one of its parts, and a cell less all of its parts along one attribute, tell how many of the rest were counted. Where that is all of them, or
// nobody, it is certain who was; else the smallest part that somebody is in says how likely.
func (t Table) Differencing(p People) (Scores, error) {
	out := Scores{"differencing", make([]float64, len(p.Member))}
	best := make([]float64, len(p.Member)) // how much is known: above 1, it is certain
	err := t.regions(p, func(r region) {
		n := float64(r.who.size())
		if n == 0 {
			return
		}
		known, score := 1/n, math.Log((min(max(r.count, 0), n)+0.5)/(n-min(max(r.count, 0), n)+0.5))
		switch {
		case r.count >= n:
			known, score = 2, certain
		case r.count <= 0:
			known, score = 2, -certain
		}
		for i := range best {
			if r.who[i/64]>>(i%64)&1 == 1 && known > best[i] {
				best[i], out.Of[i] = known, score
			}
		}
	})
	return out, err
}

// certain is above the logarithm of any odds that a count gives.
const certain = 100

// regions shows the published cells and what follows from them, one after the other.
func (t Table) regions(p People, show func(region)) error {
	var cells []Cell
	var published []region
	for _, c := range t.Cells {
		if math.IsNaN(c.Count) {
			continue
		}
		here, err := c.in(p.At)
		if err != nil {
			return fmt.Errorf("attacking a table: %w", err)
		}
		beyond, err := c.in(p.Reference)
		if err != nil {
			return fmt.Errorf("attacking a table: %w", err)
		}
		cells, published = append(cells, c), append(published, region{newSet(here, beyond), c.Count})
		show(published[len(published)-1])
	}
	shown := 0
	for a, whole := range published {
		along := map[string]region{} // by attribute: all parts that a has along it; their count is NaN where they overlap
		var names []string
		for b, part := range published {
			attribute, one := cells[a].refined(cells[b])
			if attribute == "" {
				continue
			}
			if shown++; shown > maxRegions {
				return fmt.Errorf("attacking a table: over %d differences of cells: %w", maxRegions, tribune.ErrTooLarge)
			}
			show(region{whole.who.less(part.who), whole.count - part.count})
			if !one {
				continue
			}
			sum, known := along[attribute]
			if !known {
				sum.who = make(set, len(whole.who))
				names = append(names, attribute)
			}
			if sum.who.meets(part.who) {
				sum.count = math.NaN()
			}
			along[attribute] = region{sum.who.and(part.who), sum.count + part.count}
		}
		for _, name := range names {
			if parts := along[name]; !math.IsNaN(parts.count) {
				show(region{whole.who.less(parts.who), whole.count - parts.count})
			}
		}
	}
	return nil
}

// refined tells whether d is c with more conditions: the attribute of the first, and whether it is the only one; "" if it is not.
func (c Cell) refined(d Cell) (attribute string, one bool) {
	for _, w := range c.Where {
		if !slices.Contains(d.Where, w) {
			return "", false
		}
	}
	for _, w := range d.Where {
		if !slices.Contains(c.Where, w) {
			return w.Attribute, len(d.Where) == len(c.Where)+1
		}
	}
	return "", false
}

func (s set) less(o set) set {
	out := make(set, len(s))
	for i := range s {
		out[i] = s[i] &^ o[i]
	}
	return out
}

func (s set) and(o set) set {
	out := make(set, len(s))
	for i := range s {
		out[i] = s[i] | o[i]
	}
	return out
}

func (s set) meets(o set) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// Likelihood is the likelihood ratio test of Sankararaman et al. 2009 (10.1038/ng.436): of each published share, how much likelier is what somebody is if
// people like those counted are meant than if people like the reference are; cells are taken for independent. Means of numbers are compared as
// Gaussians with the reference's spread. Homer is the statistic of Homer et al. 2008 (10.1371/journal.pgen.1000167): nearer to the published shares than to the
// reference's.
func (t Table) Likelihood(p People) (likelihood, homer Scores, err error) {
	likelihood, homer = Scores{"likelihood", make([]float64, len(p.Member))}, Scores{"homer", make([]float64, len(p.Member))}
	counted := 0.0 // people, as the auditor knows them
	for _, is := range p.Member {
		if is {
			counted++
		}
	}
	for _, c := range t.Cells {
		here, err := c.in(p.At)
		if err != nil {
			return likelihood, homer, fmt.Errorf("attacking a table: %w", err)
		}
		beyond, err := c.in(p.Reference)
		if err != nil {
			return likelihood, homer, fmt.Errorf("attacking a table: %w", err)
		}
		if !math.IsNaN(c.Count) {
			known := 0.0
			for _, is := range beyond {
				if is {
					known++
				}
			}
			told := (min(max(c.Count, 0), counted) + 0.5) / (counted + 1) // of two dates a count may be below nothing
			usual := (known + 0.5) / (float64(len(beyond)) + 1)
			for i, is := range here {
				x := 0.0
				if is {
					x = 1
				}
				likelihood.Of[i] += x*math.Log(told/usual) + (1-x)*math.Log((1-told)/(1-usual))
				homer.Of[i] += math.Abs(x-usual) - math.Abs(x-told)
			}
		}
		for _, m := range c.Means {
			if err := m.add(likelihood.Of, p, here, beyond); err != nil {
				return likelihood, homer, err
			}
		}
	}
	return likelihood, homer, nil
}

// add adds what a published mean says of the people of its cell.
func (m Mean) add(to []float64, p People, here, beyond []bool) error {
	j := slices.Index(p.At.Features, m.Of)
	if j < 0 {
		return fmt.Errorf("attacking a table: %w: the records have no number called %q", tribune.ErrInvalid, m.Of)
	}
	mean, spread := moments(p.Reference, j, beyond)
	if !(spread > 0) {
		return nil
	}
	for i, is := range here {
		if is {
			v := float64(p.At.X.Row(i)[j])
			to[i] += ((v-mean)*(v-mean) - (v-m.Value)*(v-m.Value)) / (2 * spread)
		}
	}
	return nil
}

// moments are mean and variance of a column among the rows marked; the variance of fewer than two is 0.
func moments(s data.Set, column int, rows []bool) (mean, variance float64) {
	n := 0.0
	for i, is := range rows {
		if is {
			n++
			d := float64(s.X.Row(i)[column]) - mean
			mean += d / n
			variance += d * (float64(s.X.Row(i)[column]) - mean)
		}
	}
	if n < 2 {
		return mean, 0
	}
	return mean, variance / (n - 1)
}
