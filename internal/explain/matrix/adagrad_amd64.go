package matrix

import "golang.org/x/sys/cpu"

//go:noescape
func adagradAVX2(w, grad, sum *float32, n int, rate, decay, epsilon float32)

//go:noescape
func adagradAVX512(w, grad, sum *float32, n int, rate, decay, epsilon float32)

// Adagrad moves weights w by their gradient g plus decay times themselves: d² is added to sum, and rate·d / (√sum + epsilon) taken from w. The bits are the same
// on every machine. It panics if g or sum is shorter than w. (Its square roots and divisions are two fifths of training a network of Location-30's size.)
func Adagrad(w, g, sum []float32, rate, decay, epsilon float32) {
	g, sum = g[:len(w)], sum[:len(w)]
	done := 0
	switch {
	case cpu.X86.HasAVX512F && len(w) >= 16:
		done = len(w) &^ 15
		adagradAVX512(&w[0], &g[0], &sum[0], done, rate, decay, epsilon)
	case cpu.X86.HasAVX2 && len(w) >= 8:
		done = len(w) &^ 7
		adagradAVX2(&w[0], &g[0], &sum[0], done, rate, decay, epsilon)
	}
	adagradGo(w[done:], g[done:], sum[done:], rate, decay, epsilon)
}
