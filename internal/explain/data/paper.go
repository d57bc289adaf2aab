package data

import (
	"fmt"

	"tribune"
)

// PaperAdult is the split of the paper's record experiments on Adult: their seed gives their rows, so that what is measured differs from the paper's by
// method alone and not by chance. Rows are drawn without replacement; exact duplicates of the source stay.
func PaperAdult(rows, size int, seed uint32) (Split, error) {
	if size < 1 || 2*size > rows {
		return Split{}, fmt.Errorf("the paper's split: 2 x %d of %d rows: %w", size, rows, tribune.ErrInvalid)
	}
	drawn := newTwister(seed).permutation(rows)[:2*size]
	halves := newTwister(42).permutation(2 * size) // the halves are cut with a generator of their own, always the same
	s := Split{Name: "paper", Defects: []string{"duplicates of the source may stand on both sides"}}
	for i, at := range halves {
		if i < size {
			s.Test = append(s.Test, drawn[at])
		} else {
			s.Train = append(s.Train, drawn[at])
		}
	}
	return s, nil
}

// PaperHospital is the split of the paper's record experiments on Diabetes-130: classes in balance, by encounter.
func PaperHospital(labels []int32, size int, seed uint32) (Split, error) {
	half := size / 2
	var of [2][]int
	for i, l := range labels {
		of[l&1] = append(of[l&1], i)
	}
	if half < 1 || len(of[0]) < 2*half || len(of[1]) < 2*half {
		return Split{}, fmt.Errorf("the paper's split: 2 x %d of %d + %d rows: %w", half, len(of[0]), len(of[1]), tribune.ErrInvalid)
	}
	t := newTwister(seed)
	t.shuffle(of[1])
	t.shuffle(of[0])
	s := Split{Name: "paper", Defects: []string{"by encounter: a patient may stand on both sides"}}
	s.Train = append(append(s.Train, of[1][:half]...), of[0][:half]...)
	s.Test = append(append(s.Test, of[1][half:2*half]...), of[0][half:2*half]...)
	t.shuffle(s.Train)
	t.shuffle(s.Test)
	return s, nil
}

// twister is MT19937 (Matsumoto, Nishimura 1998, 10.1145/272991.272995) with the seeding and the bounded draws of NumPy's frozen RandomState (NEP 19),
// which is what the paper's splits were drawn with. Nothing else here uses it.
type twister struct {
	state [624]uint32
	at    int
}

func newTwister(seed uint32) *twister {
	t := &twister{at: 624}
	for i := range t.state {
		t.state[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	return t
}

func (t *twister) next() uint32 {
	if t.at == len(t.state) {
		t.turn()
	}
	y := t.state[t.at]
	t.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (t *twister) turn() {
	const n, m = 624, 397
	for i := range n {
		y := t.state[i]&0x80000000 | t.state[(i+1)%n]&0x7fffffff
		next := t.state[(i+m)%n] ^ y>>1
		if y&1 == 1 {
			next ^= 0x9908b0df
		}
		t.state[i] = next
	}
	t.at = 0
}

// upTo draws 0..most by masking and rejecting.
func (t *twister) upTo(most uint32) uint32 {
	mask := most
	for shift := 1; shift <= 16; shift *= 2 {
		mask |= mask >> shift
	}
	for {
		if v := t.next() & mask; v <= most {
			return v
		}
	}
}

func (t *twister) shuffle(of []int) {
	for i := len(of) - 1; i > 0; i-- {
		j := t.upTo(uint32(i))
		of[i], of[j] = of[j], of[i]
	}
}

func (t *twister) permutation(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	t.shuffle(out)
	return out
}
