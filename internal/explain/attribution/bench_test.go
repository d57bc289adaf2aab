package attribution

import (
	"math/rand/v2"
	"testing"

	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// tanhNetwork is of the size that is audited: Adult's (104-20-20-20-20-2) or Location-30's (446-1024-512-256-30).
func tanhNetwork(b *testing.B, sizes ...int) *model.Network {
	b.Helper()
	var layers []model.Layer
	for i, s := range sizes[1:] {
		layers = append(layers, &model.Dense{Out: s})
		if i < len(sizes)-2 {
			layers = append(layers, &model.Activation{Function: model.Tanh})
		}
	}
	n, err := model.NewNetwork(model.Shape{sizes[0]}, layers...)
	if err != nil {
		b.Fatal(err)
	}
	n.Init(1)
	return n
}

func sparse(rows, cols int) matrix.Matrix {
	r := rand.New(rand.NewPCG(1, 1))
	x := matrix.New(rows, cols)
	for i := range x.Data {
		if r.IntN(5) == 0 {
			x.Data[i] = 1
		}
	}
	return x
}

func BenchmarkExplain(b *testing.B) {
	for _, net := range []struct {
		name  string
		sizes []int
		rows  int
	}{{"adult", []int{104, 20, 20, 20, 20, 2}, 64}, {"location", []int{446, 1024, 512, 256, 30}, 16}} {
		m := tanhNetwork(b, net.sizes...)
		x, background := sparse(net.rows, net.sizes[0]), sparse(100, net.sizes[0])
		for _, method := range []Method{Gradient{}, IntegratedGradients{}, LRP{}, SmoothGrad{}, LIME{Background: background}, KernelSHAP{Background: background.Slice(0, 1)}, Counterfactual{}} {
			b.Run(net.name+"/"+method.Name(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := method.Explain(b.Context(), m, x, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*net.rows), "us/row")
			})
		}
	}
}
