package matrix

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Strided is a matrix as a product reads it: element (i, j) is Data[i*RowStep+j*ColStep]. It is how a transposed matrix is handed in without being
// copied.
type Strided struct {
	Rows, Cols       int
	RowStep, ColStep int
	Data             []float32
}

// Plain is m as an operand.
func (m Matrix) Plain() Strided {
	return Strided{Rows: m.Rows, Cols: m.Cols, RowStep: m.Cols, ColStep: 1, Data: m.Data}
}

// Transposed is m with rows and columns exchanged, as an operand; nothing is copied.
func (m Matrix) Transposed() Strided {
	return Strided{Rows: m.Cols, Cols: m.Rows, RowStep: 1, ColStep: m.Cols, Data: m.Data}
}

// The blocks of a product. A tile is what the kernel keeps in registers; depth and panel are as much of the operands as stays in a core's caches
// while tiles are made of it (256 x 6 floats of a in L1, 256 x 512 floats of b in L2).
const (
	tileRows  = 6
	tileCols  = 16
	depth     = 256
	panelCols = 512
	blockRows = 96
)

// serialWork is the number of multiplications below which a second goroutine costs more than it saves.
const serialWork = 1 << 16

// AddProduct adds a·b to dst on at most workers goroutines (1 or fewer: in the caller's). It panics if the shapes do not fit: a programmer's error.
//
// Every element is dst + a[i,0]·b[0,j] + a[i,1]·b[1,j] + ..., each product and each sum rounded to float32, in this order: whatever the number of
// workers, the other rows of the batch, and the machine (with or without vector instructions), the bits are the same. What a fused multiply-add
// would gain on some processors is given up for that: a verdict is replayed on another machine (see TestProductIsTheSameBitsOnEveryPath).
func AddProduct(dst Matrix, a, b Strided, workers int) {
	if a.Rows != dst.Rows || b.Cols != dst.Cols || a.Cols != b.Rows {
		panic(fmt.Sprintf("matrix: %d x %d plus %d x %d times %d x %d", dst.Rows, dst.Cols, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	if dst.Rows == 0 || dst.Cols == 0 || a.Cols == 0 {
		return
	}
	blocks := blocksOf(dst)
	if workers > len(blocks) {
		workers = len(blocks)
	}
	if workers < 2 || dst.Rows*dst.Cols*a.Cols < serialWork {
		p := packs.Get().(*pack)
		defer packs.Put(p)
		for _, at := range blocks {
			p.block(dst, a, b, at)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			p := packs.Get().(*pack)
			defer packs.Put(p)
			for i := next.Add(1) - 1; i < int64(len(blocks)); i = next.Add(1) - 1 {
				p.block(dst, a, b, blocks[i])
			}
		})
	}
	wait.Wait()
}

// block is a part of the result that one goroutine makes alone.
type block struct{ row, rows, col, cols int }

// blocksOf divides the result so that two to eight cores find enough to do in a mini-batch: panels of columns first, since a packed panel of b is
// used by all the rows.
func blocksOf(dst Matrix) []block {
	width := panelCols
	for width > 4*tileCols && (dst.Cols+width-1)/width < 4 {
		width /= 2
	}
	height := dst.Rows
	for height > 2*blockRows && ((dst.Cols+width-1)/width)*((dst.Rows+height-1)/height) < 4 {
		height = (height/2 + tileRows - 1) / tileRows * tileRows
	}
	var out []block
	for row := 0; row < dst.Rows; row += height {
		for col := 0; col < dst.Cols; col += width {
			out = append(out, block{row, min(height, dst.Rows-row), col, min(width, dst.Cols-col)})
		}
	}
	return out
}

// pack holds the packed operands of one goroutine: tiles of a (depth x 6) and of b (depth x 16), each in the order in which the kernel reads them.
type pack struct {
	a [depth * blockRows]float32
	b [depth * panelCols]float32
	c [tileRows * tileCols]float32
}

// packs keeps the buffers (600 kB each) between products.
var packs = sync.Pool{New: func() any { return new(pack) }}

func (p *pack) block(dst Matrix, a, b Strided, at block) {
	for k := 0; k < a.Cols; k += depth {
		deep := min(depth, a.Cols-k)
		p.takeB(b, k, deep, at.col, at.cols)
		for i := 0; i < at.rows; i += blockRows {
			rows := min(blockRows, at.rows-i)
			p.takeA(a, k, deep, at.row+i, rows)
			p.tiles(dst, deep, block{at.row + i, rows, at.col, at.cols})
		}
	}
}

// tiles adds the product of what is packed to a block of dst. A tile that reaches over the edge goes through p.c, so that the kernel knows one
// shape only; the packed zeros beside it never reach dst.
func (p *pack) tiles(dst Matrix, deep int, at block) {
	for j := 0; j < at.cols; j += tileCols {
		b := p.b[j*deep : (j+tileCols)*deep]
		for i := 0; i < at.rows; i += tileRows {
			a := p.a[i*deep : (i+tileRows)*deep]
			from := (at.row+i)*dst.Cols + at.col + j
			if i+tileRows <= at.rows && j+tileCols <= at.cols {
				tile(dst.Data[from:], dst.Cols, a, b, deep)
				continue
			}
			rows, cols := min(tileRows, at.rows-i), min(tileCols, at.cols-j)
			clear(p.c[:])
			for r := range rows {
				copy(p.c[r*tileCols:], dst.Data[from+r*dst.Cols:from+r*dst.Cols+cols])
			}
			tile(p.c[:], tileCols, a, b, deep)
			for r := range rows {
				copy(dst.Data[from+r*dst.Cols:from+r*dst.Cols+cols], p.c[r*tileCols:])
			}
		}
	}
}

// takeA packs rows x deep of a: one tile of six rows after the other, in each the six numbers of a column together.
func (p *pack) takeA(a Strided, k, deep, row, rows int) {
	for i := 0; i < rows; i += tileRows {
		out := p.a[i*deep : (i+tileRows)*deep]
		if a.RowStep == 1 && i+tileRows <= rows { // transposed: the six numbers lie together already
			at := row + i + k*a.ColStep
			for d := range deep {
				copy(out[d*tileRows:d*tileRows+tileRows], a.Data[at:at+tileRows])
				at += a.ColStep
			}
			continue
		}
		if a.ColStep == 1 && i+tileRows <= rows {
			weave6(out, a, row+i, k, deep)
			continue
		}
		for r := range tileRows {
			if i+r >= rows {
				for d := range deep {
					out[d*tileRows+r] = 0
				}
				continue
			}
			at := (row+i+r)*a.RowStep + k*a.ColStep
			for d := range deep {
				out[d*tileRows+r] = a.Data[at]
				at += a.ColStep
			}
		}
	}
}

// takeB packs deep x cols of b: one tile of sixteen columns after the other, in each the sixteen numbers of a row together.
func (p *pack) takeB(b Strided, k, deep, col, cols int) {
	for j := 0; j < cols; j += tileCols {
		out := p.b[j*deep : (j+tileCols)*deep]
		wide := min(tileCols, cols-j)
		if wide < tileCols {
			clear(out)
		}
		if b.ColStep == 1 {
			for d := range deep {
				at := (k+d)*b.RowStep + col + j
				copy(out[d*tileCols:d*tileCols+wide], b.Data[at:at+wide])
			}
			continue
		}
		first := 0
		if b.RowStep == 1 {
			for ; first+4 <= wide; first += 4 {
				weave4(out[first:], b, k, col+j+first, deep)
			}
		}
		for c := first; c < wide; c++ {
			at := k*b.RowStep + (col+j+c)*b.ColStep
			for d := range deep {
				out[d*tileCols+c] = b.Data[at]
				at += b.RowStep
			}
		}
	}
}

// weave6 packs six whole rows of a: reading all at once writes each place of out's cache line once.
func weave6(out []float32, a Strided, row, k, deep int) {
	from := func(r int) []float32 { return a.Data[(row+r)*a.RowStep+k:][:deep] }
	r0, r1, r2, r3, r4, r5 := from(0), from(1), from(2), from(3), from(4), from(5)
	for d := range deep {
		to := out[d*tileRows : d*tileRows+6 : d*tileRows+6]
		to[0], to[1], to[2], to[3], to[4], to[5] = r0[d], r1[d], r2[d], r3[d], r4[d], r5[d]
	}
}

// weave4 packs four columns of a transposed b, each of which lies in one piece.
func weave4(out []float32, b Strided, k, col, deep int) {
	from := func(c int) []float32 { return b.Data[(col+c)*b.ColStep+k:][:deep] }
	c0, c1, c2, c3 := from(0), from(1), from(2), from(3)
	for d := range deep {
		to := out[d*tileCols : d*tileCols+4 : d*tileCols+4]
		to[0], to[1], to[2], to[3] = c0[d], c1[d], c2[d], c3[d]
	}
}
