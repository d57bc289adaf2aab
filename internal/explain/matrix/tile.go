package matrix

// tileGo adds a·b to six rows of sixteen numbers of c, which lie step apart: a is deep x 6, b is deep x 16, packed. It is what tile does where no
// vector instructions are known, and what they are checked against. The conversions forbid the compiler to fuse product and sum.
func tileGo(c []float32, step int, a, b []float32, deep int) {
	for r := range tileRows {
		for j := 0; j < tileCols; j += 4 {
			out := c[r*step+j : r*step+j+4 : r*step+j+4]
			c0, c1, c2, c3 := out[0], out[1], out[2], out[3]
			for d := range deep {
				x, y := a[d*tileRows+r], b[d*tileCols+j:d*tileCols+j+4:d*tileCols+j+4]
				c0 += float32(x * y[0])
				c1 += float32(x * y[1])
				c2 += float32(x * y[2])
				c3 += float32(x * y[3])
			}
			out[0], out[1], out[2], out[3] = c0, c1, c2, c3
		}
	}
}
