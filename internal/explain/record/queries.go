package record

import (
	"math/rand/v2"

	"tribune/internal/explain/matrix"
)

// Uniform draws n queries, each entry uniformly between the least and the greatest value of its column: for an attacker who knows the features' ranges
// alone (the paper's appendix, "baseline attacks").
func Uniform(from matrix.Matrix, n int, r *rand.Rand) [][]float64 {
	low, high := wide(from.Row(0)), wide(from.Row(0))
	for i := range from.Rows {
		for j, v := range from.Row(i) {
			low[j], high[j] = min(low[j], float64(v)), max(high[j], float64(v))
		}
	}
	return drawn(n, from.Cols, func(j int) float64 { return low[j] + r.Float64()*(high[j]-low[j]) })
}

// Marginal draws n queries, each entry from its column's values, without regard to the other entries.
func Marginal(from matrix.Matrix, n int, r *rand.Rand) [][]float64 {
	return drawn(n, from.Cols, func(j int) float64 { return float64(from.Row(r.IntN(from.Rows))[j]) })
}

// Rows makes a query of each row.
func Rows(of matrix.Matrix) [][]float64 {
	out := make([][]float64, of.Rows)
	for i := range out {
		out[i] = wide(of.Row(i))
	}
	return out
}

func drawn(n, cols int, entry func(j int) float64) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, cols)
		for j := range out[i] {
			out[i][j] = entry(j)
		}
	}
	return out
}
