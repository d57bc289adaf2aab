package attribution

import (
	"math"
	"math/bits"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// surrogate fits LIME's regression, one record after another in the same buffers.
type surrogate struct {
	l      LIME
	h      *hood
	width  float64
	weight []float64 // of the samples, then of the record itself
	answer []float64 // to them
	// The sums that a weighted regression needs.
	total float64
	sums  []float64      // of each input
	cross blas64.General // of each pair of inputs; the upper half
	with  []float64      // of each input with the answer
	sumY  float64

	// Quartiles: samples, and after them the record itself.
	left    [][]uint64 // of each input the samples that left the record's quartile
	planes  []uint64
	changed []uint16   // how many inputs of a sample did
	near    []float64  // the weight at so many
	at      []int32    // where a sample stands in words, which are filled up for each distance
	filled  []uint64   // the places where one does
	parts   []float64  // by place: its weight times its answer
	words   [][]uint64 // for each input the places whose samples stayed
	always  []bool     // all of them did
	levels  []level
	scaled  blas64.General // continuous: samples times the root of their weight
}

// level is the samples of one distance: they have one weight, which is why a pair of inputs is counted (and, popcount) and not multiplied.
type level struct {
	from, to int // words
	weight   float64
}

func newSurrogate(l LIME, h *hood) *surrogate {
	d, n := h.inputs, h.samples+1
	f := &surrogate{l: l, h: h, width: positive(l.Width, 0.75*math.Sqrt(float64(d))), weight: make([]float64, n), answer: make([]float64, n),
		sums: make([]float64, d), with: make([]float64, d), cross: blas64.General{Rows: d, Cols: d, Stride: d, Data: make([]float64, d*d)}}
	if l.Continuous {
		f.scaled = blas64.General{Rows: n, Cols: d, Stride: d, Data: make([]float64, n*d)}
	} else {
		f.left, f.words, f.always = make([][]uint64, d), make([][]uint64, d), make([]bool, d)
		f.changed, f.at, f.planes = make([]uint16, n), make([]int32, n), make([]uint64, bits.Len(uint(d)))
		for k := range d + 1 {
			f.near = append(f.near, f.kernel(float64(k)))
		}
	}
	return f
}

// record fits around one record: answer is the model's to the record itself, which is a sample too, and the nearest.
func (f *surrogate) record(row []float32, answer float64, class int, out []float32) error {
	for s := range f.h.samples {
		f.answer[s] = float64(f.h.answers.Row(s)[class])
	}
	f.answer[f.h.samples] = answer
	var own []float64 // the record as the regression sees it
	if f.l.Continuous {
		own = f.measured(row)
	} else {
		own = f.counted(row)
	}
	beta, err := f.solve(f.chosen(own))
	if err != nil {
		return err
	}
	for j := range out {
		out[j] = float32(beta[j])
	}
	return nil
}

func (f *surrogate) kernel(squared float64) float64 {
	return math.Sqrt(math.Exp(-squared / (f.width * f.width)))
}

// counted makes the sums over samples whose inputs are 0 or 1.
func (f *surrogate) counted(row []float32) []float64 {
	d := len(row)
	for j, c := range f.h.quartiles {
		f.left[j] = c.left[c.of(row[j])]
	}
	f.count()
	f.total, f.sumY = 0, 0
	for s, k := range f.changed {
		f.weight[s] = f.near[k]
		f.total += f.weight[s]
		f.sumY += f.weight[s] * f.answer[s]
	}
	f.arrange()
	for j, left := range f.left {
		w := f.words[j]
		copy(w, f.filled)
		for i, word := range left {
			for ; word != 0; word &= word - 1 {
				at := f.at[i<<6+bits.TrailingZeros64(word)]
				w[at>>6] &^= 1 << (at & 63)
			}
		}
		var with float64
		for i, word := range w {
			for part := f.parts[i<<6:]; word != 0; word &= word - 1 {
				with += part[bits.TrailingZeros64(word)]
			}
		}
		f.with[j] = with
	}
	for j := range d {
		f.sums[j] = f.shared(f.words[j], f.words[j])
		f.always[j] = slices.Equal(f.words[j], f.filled)
	}
	for j := range d {
		for k := j; k < d; k++ {
			switch { // an input that every sample shares with the record adds nothing to another's words
			case f.always[j]:
				f.cross.Data[j*d+k] = f.sums[k]
			case f.always[k]:
				f.cross.Data[j*d+k] = f.sums[j]
			default:
				f.cross.Data[j*d+k] = f.shared(f.words[j], f.words[k])
			}
		}
	}
	own := make([]float64, d)
	for j := range own {
		own[j] = 1
	}
	return own
}

// count finds how many inputs of each sample left the record's quartile, 64 samples at a time: planes hold the numbers' binary digits.
func (f *surrogate) count() {
	words := (f.h.samples + 63) / 64
	for i := range words {
		clear(f.planes)
		for _, left := range f.left {
			carry := left[i]
			for p := 0; carry != 0; p++ {
				f.planes[p], carry = f.planes[p]^carry, f.planes[p]&carry
			}
		}
		for s := i << 6; s < min(i<<6+64, f.h.samples); s++ {
			var k uint16
			for p, plane := range f.planes {
				k |= uint16(plane>>(s&63)&1) << p
			}
			f.changed[s] = k
		}
	}
	f.changed[f.h.samples] = 0 // the record itself
}

// arrange puts samples of one distance into words of their own.
func (f *surrogate) arrange() {
	count := make([]int, f.h.inputs+1)
	for _, k := range f.changed {
		count[k]++
	}
	f.levels = f.levels[:0]
	start, word := make([]int, len(count)), 0
	for k, c := range count {
		if c == 0 {
			continue
		}
		start[k] = word * 64
		size := (c + 63) / 64
		f.levels = append(f.levels, level{word, word + size, f.near[k]})
		word += size
	}
	f.filled = slices.Grow(f.filled[:0], word)[:word]
	clear(f.filled)
	f.parts = slices.Grow(f.parts[:0], word*64)[:word*64]
	for s, k := range f.changed {
		at := start[k]
		start[k]++
		f.at[s] = int32(at)
		f.filled[at>>6] |= 1 << (at & 63)
		f.parts[at] = f.weight[s] * f.answer[s]
	}
	for j := range f.words {
		f.words[j] = slices.Grow(f.words[j][:0], word)[:word]
	}
}

// shared is the weight of the samples in which both inputs stayed.
func (f *surrogate) shared(a, b []uint64) float64 {
	var sum float64
	for _, l := range f.levels {
		n := 0
		x, y := a[l.from:l.to], b[l.from:l.to]
		for i, w := range x {
			n += bits.OnesCount64(w & y[i])
		}
		sum += l.weight * float64(n)
	}
	return sum
}

// measured makes the sums over standardized values.
func (f *surrogate) measured(row []float32) []float64 {
	d, n := len(row), f.h.samples
	own := make([]float64, d)
	for j, v := range row {
		own[j] = (float64(v) - f.h.centre[j]) / f.h.scale[j]
	}
	f.total, f.sumY = 0, 0
	clear(f.sums)
	clear(f.with)
	for s := range n + 1 {
		into := f.scaled.Data[s*d : (s+1)*d]
		var far float64
		if s == n {
			copy(into, own)
		} else {
			for j, v := range f.h.values.Row(s) {
				into[j] = float64(v)
				far += (into[j] - own[j]) * (into[j] - own[j])
			}
		}
		w := f.kernel(far)
		f.total += w
		f.sumY += w * f.answer[s]
		root := math.Sqrt(w)
		for j, v := range into {
			f.sums[j] += w * v
			f.with[j] += w * v * f.answer[s]
			into[j] = root * v
		}
	}
	upper := blas64.Symmetric{N: d, Stride: d, Data: f.cross.Data, Uplo: blas.Upper}
	blas64.Syrk(blas.Trans, 1, f.scaled, 0, upper)
	return own
}

// quartiles are the 25th, 50th and 75th percentile, linear between neighbours, each once.
func quartiles(v []float32) []float32 {
	s := slices.Clone(v)
	slices.Sort(s)
	var edges []float32
	for _, q := range []float64{0.25, 0.5, 0.75} {
		at := q * float64(len(s)-1)
		lo := int(at)
		e := s[lo]
		if lo+1 < len(s) {
			e += float32(at-float64(lo)) * (s[lo+1] - s[lo])
		}
		edges = append(edges, e)
	}
	return slices.Compact(edges)
}
