package data

import (
	"fmt"
	"slices"
)

// grouping divides people by a column: its words, or its bands.
func (c *Column) grouping(rows []int) (Grouping, bool) {
	if c.Kind != Group && !c.Group {
		return Grouping{}, false
	}
	g := Grouping{Name: c.Name, Of: make([]int, len(rows))}
	if c.Kind == Numeric {
		g.Values = bandNames(c.Bands)
		for i, r := range rows {
			at, exact := slices.BinarySearch(c.Bands, c.Numbers[r])
			if exact {
				at++
			}
			g.Of[i] = at
		}
		return g, true
	}
	of := make([]int, len(c.Values))
	for code, v := range c.Values {
		if of[code] = -1; !slices.Contains(c.Nobody, v) {
			of[code] = len(g.Values)
			g.Values = append(g.Values, v)
		}
	}
	for i, r := range rows {
		if g.Of[i] = -1; c.Codes[r] >= 0 {
			g.Of[i] = of[c.Codes[r]]
		}
	}
	return g, true
}

func bandNames(bands []float64) []string {
	names := []string{fmt.Sprintf("under %g", bands[0])}
	for i := 1; i < len(bands); i++ {
		names = append(names, fmt.Sprintf("%g to under %g", bands[i-1], bands[i]))
	}
	return append(names, fmt.Sprintf("%g and over", bands[len(bands)-1]))
}
