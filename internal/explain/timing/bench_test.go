package timing

import (
	"math/rand/v2"
	"testing"

	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

// wide is records of Adult's shape: eight categories in 98 columns, and six numbers.
func wide(n int, seed uint64) data.Set {
	r := rand.New(rand.NewPCG(seed, 1))
	s := data.Set{Name: "synthetic", X: matrix.New(n, 104), Classes: []string{"no", "yes"}}
	sizes := []int{9, 16, 7, 15, 6, 5, 2, 38}
	for c, size := range sizes {
		for range size {
			s.Features = append(s.Features, string(rune('a'+c))+"=")
		}
	}
	s.Features = append(s.Features, "1", "2", "3", "4", "5", "6")
	for i := range n {
		row, at := s.X.Row(i), 0
		for _, size := range sizes {
			row[at+r.IntN(size)] = 1
			at += size
		}
		for j := at; j < len(row); j++ {
			row[j] = float32(r.NormFloat64())
		}
		y := 0
		if float64(row[at]+row[at+1])+r.NormFloat64() > 0 {
			y = 1
		}
		s.Y = append(s.Y, y)
	}
	return s
}

func BenchmarkStages(b *testing.B) {
	train, test := wide(8000, 1), wide(4000, 2)
	location := data.Set{Name: "synthetic", X: matrix.New(400, 446), Y: make([]int, 400), Classes: make([]string, 30)}
	for i := range location.Y {
		location.Y[i] = i % 30
		for j := i % 30; j < 446; j += 7 + i%5 {
			location.X.Row(i)[j] = 1
		}
	}
	for _, stage := range Stages() {
		b.Run(stage, func(b *testing.B) {
			for b.Loop() {
				if err := Run(b.Context(), Config{Train: train, Test: test, Location: location, Stages: []string{stage}, References: 2, Epochs: 5}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
