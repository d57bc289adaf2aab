package reproduce

import (
	"context"
	"math/rand/v2"

	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

// flipped is the share of records whose class is drawn anew.
const flipped = 0.01

// clusters draws records as the paper does, from one cluster a class (the design of Guyon 2003 for the NIPS variable selection benchmark, which scikit-learn
// calls make_classification): a cluster sits on a corner of the cube [-1, 1]^features, and its records are normal, bent by a matrix of its own
// whose elements are uniform in -1..1. The records come in a drawn order, so that the first half is a drawn half.
func clusters(ctx context.Context, rows, features, classes int, seed uint64) (data.Set, error) {
	r := rand.New(rand.NewPCG(seed, uint64(features)<<20|uint64(classes)))
	set := data.Set{Name: "synthetic", X: matrix.New(rows, features), Y: make([]int, rows)}
	order := r.Perm(rows)
	taken := make(map[string]bool)
	bend := matrix.New(features, features)
	for class := range classes {
		if err := ctx.Err(); err != nil {
			return set, err
		}
		corner := cornerOf(r, features, taken)
		uniform(r, bend.Data)
		own := order[class*rows/classes : (class+1)*rows/classes]
		for len(own) > 0 {
			at := own[:min(len(own), 500)]
			own = own[len(at):]
			normal, bent := matrix.New(len(at), features), matrix.New(len(at), features)
			for i := range normal.Data {
				normal.Data[i] = float32(r.NormFloat64())
			}
			matrix.AddProduct(bent, normal.Plain(), bend.Plain(), 1)
			for i, row := range at {
				to := set.X.Row(row)
				for j, v := range bent.Row(i) {
					to[j] = v + corner[j]
				}
				set.Y[row] = class
			}
		}
	}
	for i := range set.Y {
		if r.Float64() < flipped {
			set.Y[i] = r.IntN(classes)
		}
	}
	return set, nil
}

// uniform fills with multiples of 2^-23 in -1..1, two to a draw.
func uniform(r *rand.Rand, of []float32) {
	const half = 1 << 23
	for i := 0; i < len(of); i += 2 {
		bits := r.Uint64()
		of[i] = float32(int32(bits>>40)-half) / half
		if i+1 < len(of) {
			of[i+1] = float32(int32(bits>>8&0xffffff)-half) / half
		}
	}
}

// cornerOf draws a corner that no other class has.
func cornerOf(r *rand.Rand, features int, taken map[string]bool) []float32 {
	for {
		corner, name := make([]float32, features), make([]byte, features)
		for i := range corner {
			name[i] = byte(r.IntN(2))
			corner[i] = 2*float32(name[i]) - 1
		}
		if !taken[string(name)] {
			taken[string(name)] = true
			return corner
		}
	}
}
