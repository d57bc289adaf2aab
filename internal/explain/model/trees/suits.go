package trees

import (
	"fmt"
	"math"
	"strings"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Suits says whether the trees can have been trained on these records: the names of their features, where the file has names, are those of the columns, in
// the same order; and their splits lie among the columns' numbers. A training library puts no split where no record is, so that one elsewhere means that
// numbers were scaled another way. The error, tribune.ErrInvalid, names the input.
func (t *Trees) Suits(names []string, x matrix.Matrix) error {
	if x.Cols != t.inputs || len(names) != t.inputs {
		return fmt.Errorf("%w: records of %d columns; the model takes %d", tribune.ErrInvalid, x.Cols, t.inputs)
	}
	const how = "tribune explain export writes records as the model must be given them: same columns, same order, same scale"
	if t.named() {
		for j, name := range names {
			if plain(t.Features[j]) != plain(name) {
				return tribune.Hint(fmt.Errorf("%w: input %d of the model is called %.60q, and column %d of the records %.60q", tribune.ErrInvalid, j+1, t.Features[j], j+1, name), how)
			}
		}
	}
	low, high := ends(x)
	splits, off, first := 0, 0, -1
	for i, n := range t.nodes {
		if n.feature < 0 || n.missing == byCategory {
			continue
		}
		splits++
		j := n.feature
		slack := 1e-4 * (1 + math.Abs(high[j]) + math.Abs(low[j])) // a library may put its last cut a little past the largest number
		if n.value < low[j]-slack || n.value > high[j]+slack {
			if off++; first < 0 {
				first = i
			}
		}
	}
	if off*maxOff > splits {
		n := t.nodes[first]
		j := n.feature
		return tribune.Hint(fmt.Errorf("%w: %d of the model's %d splits are where no training record is: one of %q is at %.4g, and the records lie between %.4g and %.4g; they were scaled or ordered another way for its training",
			tribune.ErrInvalid, off, splits, names[j], n.value, low[j], high[j]), how)
	}
	return nil
}

// maxOff: one split in so many may lie elsewhere, as where rows were left out before this audit.
const maxOff = 50

// named tells names that somebody gave from those that the libraries make up.
func (t *Trees) named() bool {
	if len(t.Features) != t.inputs {
		return false
	}
	for j, f := range t.Features {
		if f != fmt.Sprintf("f%d", j) && f != fmt.Sprintf("Column_%d", j) && f != fmt.Sprint(j) {
			return true
		}
	}
	return false
}

// plain is a name without what libraries do not allow in one, and replace.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 127 {
			return c
		}
		return '_'
	}, name)
}

func ends(x matrix.Matrix) (low, high []float64) {
	low, high = make([]float64, x.Cols), make([]float64, x.Cols)
	for j := range low {
		low[j], high[j] = math.Inf(1), math.Inf(-1)
	}
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			low[j], high[j] = min(low[j], float64(v)), max(high[j], float64(v))
		}
	}
	return low, high
}
