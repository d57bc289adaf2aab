package matrix

import "math"

// adagradGo is what Adagrad does, number by number: where no vector instructions are known, for what is left over by them, and what they are checked
// against. The conversions forbid the compiler to fuse product and sum.
func adagradGo(w, g, sum []float32, rate, decay, epsilon float32) {
	g, sum = g[:len(w)], sum[:len(w)]
	for i := range w {
		d := g[i] + float32(decay*w[i])
		sum[i] += float32(d * d)
		w[i] -= float32(rate*d) / (float32(math.Sqrt(float64(sum[i]))) + epsilon)
	}
}
