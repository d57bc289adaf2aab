//go:build !amd64

package matrix

func tile(c []float32, step int, a, b []float32, deep int) { tileGo(c, step, a, b, deep) }
