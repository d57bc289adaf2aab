package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

const (
	// outliers are the share of records that models which never saw them expect least: who stands out is found first.
	outliers = 0.05
	// Outliers is the grouping they stand under.
	Outliers = "outliers"
	unusual  = "the 5% least expected"
)

// crowd is a group and its rows among the attacked records.
type crowd struct {
	Group
	rows []int
}

// named are everybody and the values of the plan's groupings.
func named(p Plan, at data.Set) ([]crowd, error) {
	everybody := make([]int, len(at.Y))
	for i := range everybody {
		everybody[i] = i
	}
	out := []crowd{{rows: everybody}}
	for _, name := range p.Groups {
		i := slices.IndexFunc(at.Groups, func(g data.Grouping) bool { return g.Name == name })
		if i < 0 {
			var known []string
			for _, g := range at.Groups {
				known = append(known, g.Name)
			}
			return nil, tribune.Hint(fmt.Errorf("%w: the plan judges groups by %q, which the records do not say", tribune.ErrInvalid, name),
				"They have: %s.", cmp.Or(strings.Join(known, ", "), "no groupings; a schema says which columns are some"))
		}
		g := at.Groups[i]
		for v, value := range g.Values {
			c := crowd{Group: Group{name, value}, rows: []int{}}
			for i, of := range g.Of {
				if of == v {
					c.rows = append(c.rows, i)
				}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// standOut are those whom the references that never saw them expected least.
func standOut(seen *attack.Sheet) (crowd, error) {
	odd, err := metric.Outliers(unexpected(seen), outliers)
	return crowd{Group{Outliers, unusual}, odd}, err
}

// unexpected is how little the references that never saw a record expected its class, on average.
func unexpected(s *attack.Sheet) []float64 {
	out := make([]float64, s.Points)
	for i := range out {
		n := 0.0
		for m := 1; m < s.Models; m++ {
			if !s.In(m, i) {
				out[i] -= s.At(m, i)[0]
				n++
			}
		}
		out[i] /= max(n, 1)
	}
	return out
}
