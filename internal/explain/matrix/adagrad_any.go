//go:build !amd64

package matrix

// Adagrad moves weights w by their gradient g plus decay times themselves: d² is added to sum, and rate·d / (√sum + epsilon) taken from w. The bits are the same
// on every machine. It panics if g or sum is shorter than w.
func Adagrad(w, g, sum []float32, rate, decay, epsilon float32) {
	adagradGo(w, g, sum, rate, decay, epsilon)
}
