package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"tribune"
)

// TestCurvatureIsItsDifferences takes second differences of the float64 reference: d by one weight and along the direction.
func TestCurvatureIsItsDifferences(t *testing.T) {
	ctx := context.Background()
	for name, n := range networks(t) {
		r := rand.New(rand.NewPCG(11, 12))
		x, y := normal(r, 3, n.Inputs()), make([]int, 3)
		for i := range y {
			y[i] = r.IntN(n.Classes())
		}
		_, total := n.weightSpace()
		v := make([]float64, total)
		for i := range v {
			v[i] = float64(float32(r.NormFloat64() / 4))
		}
		got, err := n.HessianProduct(ctx, x, y, v)
		slopes, slopesErr := n.Slopes(ctx, x, y, v)
		normalized := false
		for _, node := range n.nodes {
			_, b := node.Layer.(*BatchNorm)
			normalized = normalized || b
		}
		if normalized {
			if !errors.Is(err, tribune.ErrUnsupported) || !errors.Is(slopesErr, tribune.ErrUnsupported) {
				t.Errorf("%s: %v, %v", name, err, slopesErr)
			}
			continue
		}
		if err != nil || slopesErr != nil {
			t.Fatalf("%s: %v, %v", name, err, slopesErr)
		}
		ref := newReference(n)
		var at []*float64 // every weight
		for i, node := range n.nodes {
			if _, ok := node.Layer.(weighted); ok {
				for _, list := range ref.weights[i] {
					for k := range list {
						at = append(at, &list[k])
					}
				}
			}
		}
		wideX := rowsOf(x)
		losses := func(h float64) []float64 { // at a step along v
			for i, w := range at {
				*w += h * v[i]
			}
			out := make([]float64, len(y))
			for i, z := range ref.logits(wideX) {
				var sum float64
				for _, v := range z {
					sum += math.Exp(v)
				}
				out[i] = math.Log(sum) - z[y[i]]
			}
			for i, w := range at {
				*w -= h * v[i]
			}
			return out
		}
		total64 := func(h float64) (sum float64) {
			for _, l := range losses(h) {
				sum += l
			}
			return sum
		}
		const h = 1e-4
		want := make([]float64, total)
		for i, w := range at {
			was := *w
			*w = was + h
			high := total64(h) - total64(-h)
			*w = was - h
			want[i] = (high - (total64(h) - total64(-h))) / (4 * h * h)
			*w = was
		}
		compare(t, name+": Hessian times v", narrow(got), want)
		up, down := losses(1e-6), losses(-1e-6)
		for i := range up {
			up[i] = (up[i] - down[i]) / 2e-6
		}
		compare(t, name+": slopes", narrow(slopes), up)
	}
}

func narrow(s []float64) []float32 {
	out := make([]float32, len(s))
	for i, v := range s {
		out[i] = float32(v)
	}
	return out
}
