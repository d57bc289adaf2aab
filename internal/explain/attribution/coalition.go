package attribution

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"tribune"
)

// coalitions are what KernelSHAP asks about, the last one being everybody; nobody (the background alone) is known without asking.
type coalitions struct {
	players, n int
	member     []uint64 // n rows of stride words
	stride     int
	exact      bool          // the row number plus 1 is the set itself
	weight     []float64     // of rows 0..n-2
	factor     *mat.Cholesky // of the regression; players-1 wide
}

func (c *coalitions) has(row, player int) bool {
	return c.member[row*c.stride+player>>6]>>(player&63)&1 == 1
}

func (c *coalitions) add(set []uint64, weight float64) {
	c.member = append(c.member, set...)
	c.weight = append(c.weight, weight)
	c.n++
}

// all is everybody.
func (c *coalitions) all() []uint64 {
	set := make([]uint64, c.stride)
	for p := range c.players {
		set[p>>6] |= 1 << (p & 63)
	}
	return set
}

func (k KernelSHAP) coalitions(players int) (*coalitions, error) {
	if players == 0 {
		return nil, fmt.Errorf("explaining by %s: a model without inputs: %w", k.Name(), tribune.ErrInvalid)
	}
	c := &coalitions{players: players, stride: (players + 63) / 64}
	if players <= positive(k.Exact, 11) {
		c.exact = true
		for s := 1; s < 1<<players; s++ {
			c.add([]uint64{uint64(s)}, 0)
		}
		return c, nil
	}
	c.sample(positive(k.Coalitions, 2048+2*players), rand.New(rand.NewPCG(k.Seed, uint64(players))))
	if err := c.prepare(); err != nil {
		return nil, err
	}
	c.add(c.all(), 0)
	return c, nil
}

// sample fills the budget: sizes from the outside in, where a coalition weighs most, completely as long as the budget covers their share of the Shapley kernel;
// then in pairs of a random set and its complement.
func (c *coalitions) sample(budget int, r *rand.Rand) {
	mass, total := c.mass()
	left, s := budget, 1
	for ; s <= c.players/2; s++ {
		sets := choose(c.players, s)
		if 2*s != c.players {
			sets *= 2
		}
		if sets > float64(left) || sets > float64(left)*mass[s]/total {
			break
		}
		c.every(s, mass[s]/sets)
		left -= int(sets)
		total -= mass[s]
	}
	if s > c.players/2 {
		return
	}
	pairs := max(1, left/2)
	order := make([]int, c.players)
	for p := range order {
		order[p] = p
	}
	for range pairs {
		size := pick(mass[s:], r.Float64()*total) + s
		set, rest := make([]uint64, c.stride), c.all()
		for i := range size { // the first of a shuffle
			j := i + r.IntN(c.players-i)
			order[i], order[j] = order[j], order[i]
			set[order[i]>>6] |= 1 << (order[i] & 63)
		}
		for w := range rest {
			rest[w] &^= set[w]
		}
		c.add(set, total/float64(2*pairs))
		c.add(rest, total/float64(2*pairs))
	}
}

// mass is the Shapley kernel's weight of all sets of size s and their complements together, for s up to half the players (Lundberg, Lee, theorem 2).
func (c *coalitions) mass() (mass []float64, total float64) {
	mass = make([]float64, c.players/2+1)
	for s := 1; s < len(mass); s++ {
		mass[s] = float64(c.players-1) / float64(s*(c.players-s))
		if 2*s != c.players {
			mass[s] *= 2
		}
		total += mass[s]
	}
	return mass, total
}

// every adds all sets of size s and, where they are others, their complements.
func (c *coalitions) every(s int, weight float64) {
	at := make([]int, s)
	for i := range at {
		at[i] = i
	}
	for {
		set, rest := make([]uint64, c.stride), c.all()
		for _, p := range at {
			set[p>>6] |= 1 << (p & 63)
		}
		c.add(set, weight)
		if 2*s != c.players {
			for w := range rest {
				rest[w] &^= set[w]
			}
			c.add(rest, weight)
		}
		i := s - 1
		for i >= 0 && at[i] == c.players-s+i {
			i--
		}
		if i < 0 {
			return
		}
		at[i]++
		for i++; i < s; i++ {
			at[i] = at[i-1] + 1
		}
	}
}

// prepare factors the normal equations; efficiency is built in by expressing the last player through the others.
func (c *coalitions) prepare() error {
	k := c.players - 1
	a := mat.NewSymDense(k, nil)
	raw := a.RawSymmetric() // the upper half
	d := make([]float64, k)
	for s := range c.n {
		c.design(s, d)
		for i, di := range d {
			if di == 0 {
				continue
			}
			into, f := raw.Data[i*raw.Stride:i*raw.Stride+k], c.weight[s]*di
			for j := i; j < k; j++ {
				into[j] += f * d[j]
			}
		}
	}
	c.factor = &mat.Cholesky{}
	if !c.factor.Factorize(a) {
		err := fmt.Errorf("explaining by kernel-shap: %d coalitions of %d players do not determine their values: %w", c.n, c.players, tribune.ErrInvalid)
		return tribune.Hint(err, "ask for more coalitions, at least some four for each player")
	}
	return nil
}

// design is a coalition's row of the regression: member minus last member.
func (c *coalitions) design(s int, d []float64) {
	var last float64
	if c.has(s, c.players-1) {
		last = 1
	}
	for p := range d {
		d[p] = -last
		if c.has(s, p) {
			d[p]++
		}
	}
}

// values are the players' values from what the coalitions, nobody and everybody are worth.
func (c *coalitions) values(worth []float64, none, all float64) ([]float64, error) {
	if c.exact {
		return exactly(c.players, func(s int) float64 {
			switch {
			case s == 0:
				return none
			case s > len(worth):
				return all
			}
			return worth[s-1]
		}), nil
	}
	k := c.players - 1
	right, d := make([]float64, k), make([]float64, k)
	for s, v := range worth {
		c.design(s, d)
		y := v - none
		if c.has(s, k) {
			y -= all - none
		}
		y *= c.weight[s]
		for p, f := range d {
			right[p] += f * y
		}
	}
	var phi mat.VecDense
	if err := c.factor.SolveVecTo(&phi, mat.NewVecDense(k, right)); err != nil {
		return nil, fmt.Errorf("the regression is ill-conditioned: %w", tribune.ErrInvalid)
	}
	out := make([]float64, c.players)
	last := all - none
	for p := range k {
		out[p] = phi.AtVec(p)
		last -= out[p]
	}
	out[k] = last
	return out, nil
}

func choose(n, k int) float64 {
	out := 1.0
	for i := range k {
		out *= float64(n-i) / float64(i+1)
	}
	return out
}

// pick is the index where the running sum of weight passes at.
func pick(weight []float64, at float64) int {
	for i, w := range weight {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weight) - 1
}
