package matrix

import "golang.org/x/sys/cpu"

//go:noescape
func tileAVX2(c *float32, step int, a, b *float32, deep int)

//go:noescape
func tileAVX512(c *float32, step int, a, b *float32, deep int)

// tile is tileGo by the widest vectors that processor and system know; the bits are the same. The slices are as long as tileGo reads and writes: the
// assembly does not check.
func tile(c []float32, step int, a, b []float32, deep int) {
	_, _, _ = c[(tileRows-1)*step+tileCols-1], a[deep*tileRows-1], b[deep*tileCols-1]
	switch {
	case cpu.X86.HasAVX512F:
		tileAVX512(&c[0], step, &a[0], &b[0], deep)
	case cpu.X86.HasAVX2:
		tileAVX2(&c[0], step, &a[0], &b[0], deep)
	default:
		tileGo(c, step, a, b, deep)
	}
}
