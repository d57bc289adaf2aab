package release

import (
	"math"
	"math/rand/v2"
	"strings"

	"tribune/internal/explain/matrix"
)

// levels are how strongly copies of a record are disturbed: a number is moved by so many of its deviations times a Gaussian, a word is drawn anew from the
// population half as often. Which of them tells most differs between models; the attacker learns it from his references.
var levels = [...]float64{0.1, 0.3, 0.6, 1.2}

// disturber makes copies of records that are a little different (Choquette-Choo et al. 2021, 2007.14321, 3.3 and 5: Gaussian noise on numbers, words that are
// turned). The same seed and record give the same copies, so that the endpoint and the references are asked about the same.
type disturber struct {
	people matrix.Matrix // the population, of which words are drawn
	unit   []float64
	blocks []block
	copies int // of one record at each level
	seed   uint64
}

// block is one attribute: columns from..to-1, which hold a number, or one word as zeros and ones.
type block struct {
	from, to int
	word     bool
}

func newDisturber(people matrix.Matrix, features []string, copies int, seed uint64) *disturber {
	return &disturber{people: people, unit: units(people), blocks: blocksOf(people, features), copies: copies, seed: seed}
}

// blocksOf finds the attributes that columns are of: those of zeros and ones that are called "name=..." after one name are one.
func blocksOf(people matrix.Matrix, features []string) (blocks []block) {
	words := make([]bool, people.Cols)
	for j := range words {
		words[j] = true
		for i := 0; words[j] && i < people.Rows; i++ {
			v := people.Row(i)[j]
			words[j] = v == 0 || v == 1
		}
	}
	stem := func(j int) string {
		if j >= len(features) {
			return ""
		}
		name, _, is := strings.Cut(features[j], "=")
		if !is {
			return ""
		}
		return name
	}
	for j := 0; j < people.Cols; {
		b := block{j, j + 1, words[j]}
		for b.word && b.to < people.Cols && words[b.to] && stem(j) != "" && stem(b.to) == stem(j) {
			b.to++
		}
		blocks, j = append(blocks, b), b.to
	}
	return blocks
}

// disturb writes the copies of one record into rows of to from at on, level by level. number is the record's, for the seed.
func (d *disturber) disturb(x []float32, number int, to matrix.Matrix, at int) {
	rng := rand.New(rand.NewPCG(d.seed, 1<<32|uint64(number)))
	for _, strength := range levels {
		for range d.copies {
			row := to.Row(at)
			copy(row, x)
			for _, b := range d.blocks {
				switch {
				case !b.word:
					row[b.from] += float32(strength * d.unit[b.from] * rng.NormFloat64())
				case rng.Float64() < strength/2:
					copy(row[b.from:b.to], d.people.Row(rng.IntN(d.people.Rows))[b.from:b.to])
				}
			}
			at++
		}
	}
}

// robustWidth is how many numbers robustness makes: of all copies, of the record itself, of the copies at each level.
const robustWidth = 2 + len(levels)

// robustness makes numbers of how often a model was right about the copies of a record at each level, and whether about the record itself: logits of
// shares, a half counted to each side.
func (d *disturber) robustness(right []int, itself bool, to []float64) {
	all, n := 0.0, float64(d.copies)
	for l, r := range right {
		all += float64(r)
		to[2+l] = logit(float64(r), n)
	}
	own := 0.0
	if itself {
		own = 1
	}
	to[0], to[1] = logit(all+own, n*float64(len(right))+1), logit(own, 1)
}

func logit(right, of float64) float64 { return math.Log((right + 0.5) / (of - right + 0.5)) }
