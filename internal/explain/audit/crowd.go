package audit

import (
	"fmt"
	"slices"

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

// crowds are everybody, the values of the plan's groupings, and outliers.
func crowds(p Plan, at data.Set, seen *attack.Sheet) ([]crowd, error) {
	everybody := make([]int, len(at.Y))
	for i := range everybody {
		everybody[i] = i
	}
	out := []crowd{{rows: everybody}}
	for _, name := range p.Groups {
		i := slices.IndexFunc(at.Groups, func(g data.Grouping) bool { return g.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: the plan judges groups by %q, which the records do not say", tribune.ErrInvalid, name)
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
	odd, err := metric.Outliers(unexpected(seen), outliers)
	if err != nil {
		return nil, err
	}
	return append(out, crowd{Group{Outliers, unusual}, odd}), nil
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
