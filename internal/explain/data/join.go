package data

import (
	"fmt"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Join puts others after members: one set of the same columns and classes, without persons and row numbers. Both must be grouped alike.
func Join(members, others Set) (Set, error) {
	all := members
	all.X = matrix.Matrix{Rows: members.X.Rows + others.X.Rows, Cols: members.X.Cols, Data: slices.Concat(members.X.Data, others.X.Data)}
	all.Y = slices.Concat(members.Y, others.Y)
	all.Person, all.Row, all.Groups = nil, nil, nil
	for _, g := range members.Groups {
		i := slices.IndexFunc(others.Groups, func(o Grouping) bool { return o.Name == g.Name })
		if i < 0 || !slices.Equal(others.Groups[i].Values, g.Values) {
			return all, fmt.Errorf("%w: the two sides' records are not grouped alike by %q", tribune.ErrInvalid, g.Name)
		}
		all.Groups = append(all.Groups, Grouping{Name: g.Name, Values: g.Values, Of: slices.Concat(g.Of, others.Groups[i].Of)})
	}
	return all, nil
}

// Inputwise are the columns of each input: a number has one, a category one for each of its words, which stand side by side as "NAME=WORD".
func Inputwise(features []string) (out [][]int) {
	last := ""
	for j, f := range features {
		name, _, category := strings.Cut(f, "=")
		if category && len(out) > 0 && name == last {
			out[len(out)-1] = append(out[len(out)-1], j)
			continue
		}
		if last = ""; category {
			last = name
		}
		out = append(out, []int{j})
	}
	return out
}
