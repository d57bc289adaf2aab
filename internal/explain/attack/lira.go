package attack

import (
	"fmt"
	"math"

	"tribune"
)

const (
	// shrink is how many observations the spread of all records counts for beside a record's own: few references say little of one record's spread.
	shrink = 16
	// ridge keeps covariances invertible where numbers say the same twice.
	ridge = 1e-6
)

// LiRA is the likelihood ratio attack (Carlini et al. 2022, 2112.03570, algorithm 1) on any number of numbers at once: of each record, how likely is
// what was seen if it was a member, and if it was not, both Gaussians fitted to the references. A record's own spread is shrunk to that of all.
type LiRA struct{}

// Name is "lira".
func (LiRA) Name() string { return "lira" }

// Score gives the log-likelihood ratio.
func (LiRA) Score(s *Sheet) ([]float64, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	l := newLikelihoods(s)
	if err := l.learn(); err != nil {
		return nil, err
	}
	scores := make([]float64, s.Points)
	for i := range scores {
		l.center(i)
		in, err := l.likelihood(i, 1)
		if err != nil {
			return nil, err
		}
		out, err := l.likelihood(i, 0)
		if err != nil {
			return nil, err
		}
		scores[i] = in - out
	}
	return scores, nil
}

// likelihoods are the two worlds that a record may live in, [0] it was not a member, [1] it was, and the buffers of one record at a time.
type likelihoods struct {
	s      *Sheet
	spread [2][]float64 // Width x Width: of all records around their own means
	shift  []float64    // what membership changes on average; for records that no reference saw in one of the worlds
	mean   [2][]float64 // of one record
	count  [2]int
	own    []float64 // scatter, then covariance, then its factor
	d      []float64
}

func newLikelihoods(s *Sheet) *likelihoods {
	w := s.Width
	l := &likelihoods{s: s, shift: make([]float64, w), own: make([]float64, w*w), d: make([]float64, w)}
	for side := range 2 {
		l.spread[side], l.mean[side] = make([]float64, w*w), make([]float64, w)
	}
	return l
}

// learn fits what all records have in common.
func (l *likelihoods) learn() error {
	seen, shifted := [2]int{}, 0
	for i := range l.s.Points {
		l.center(i)
		for side := range 2 {
			seen[side] += l.scatter(i, side, l.spread[side])
		}
		if l.count[0] == 0 || l.count[1] == 0 {
			continue
		}
		shifted++
		for f := range l.shift {
			l.shift[f] += l.mean[1][f] - l.mean[0][f]
		}
	}
	for side, n := range seen {
		if n < 1 {
			return tribune.Hint(fmt.Errorf("%w: no record has two references that were trained on it, and two that were not", tribune.ErrInvalid), "Train more reference models.")
		}
		for f := range l.spread[side] {
			l.spread[side][f] /= float64(n)
		}
	}
	for f := range l.shift {
		l.shift[f] /= float64(max(shifted, 1))
	}
	return nil
}

// center finds the means of what references saw of a record in either world.
func (l *likelihoods) center(point int) {
	l.count = [2]int{}
	clear(l.mean[0])
	clear(l.mean[1])
	for m := 1; m < l.s.Models; m++ {
		side := l.s.side(m, point)
		l.count[side]++
		mean := l.mean[side]
		for f, v := range l.s.At(m, point) {
			mean[f] += v
		}
	}
	for side, n := range l.count {
		for f := range l.mean[side] {
			l.mean[side][f] /= float64(max(n, 1))
		}
	}
}

// scatter adds the squared distances of a record, whose means were found, from its own mean to the lower half of a matrix, and gives their degrees of freedom.
func (l *likelihoods) scatter(point, side int, to []float64) int {
	if l.count[side] < 2 {
		return 0
	}
	w, mean := l.s.Width, l.mean[side]
	for m := 1; m < l.s.Models; m++ {
		if l.s.side(m, point) != side {
			continue
		}
		for f, v := range l.s.At(m, point) {
			l.d[f] = v - mean[f]
		}
		for a, x := range l.d {
			row := to[a*w:]
			for b := 0; b <= a; b++ {
				row[b] += float64(x * l.d[b])
			}
		}
	}
	return l.count[side] - 1
}

// likelihood is the logarithm of a Gaussian's density at what was seen under the target of a record whose means were found.
func (l *likelihoods) likelihood(point, side int) (float64, error) {
	w, mean, sign := l.s.Width, l.mean[side], 0.0
	if l.count[side] == 0 { // nobody saw it in this world: from the other one
		mean, sign = l.mean[1-side], float64(2*side-1)
	}
	clear(l.own)
	degrees := l.scatter(point, side, l.own)
	for a := range w {
		for b := 0; b <= a; b++ {
			l.own[a*w+b] = (shrink*l.spread[side][a*w+b] + l.own[a*w+b]) / float64(shrink+degrees)
		}
		l.own[a*w+a] += ridge * (1 + l.spread[side][a*w+a])
	}
	for f, v := range l.s.At(0, point) {
		l.d[f] = v - mean[f] - sign*l.shift[f]
	}
	squared, determinant, ok := mahalanobis(l.own, l.d)
	if !ok {
		return 0, fmt.Errorf("%w: what was seen of record %d has no covariance that can be inverted", tribune.ErrInvalid, point)
	}
	return -0.5*squared - 0.5*determinant, nil
}

// mahalanobis gives d'A⁻¹d and the logarithm of A's determinant; of A, symmetric, the lower half is read, and it and d are overwritten.
func mahalanobis(a, d []float64) (squared, determinant float64, ok bool) {
	w := len(d)
	for i := range w {
		row := a[i*w : i*w+w]
		for j := 0; j <= i; j++ {
			v := row[j]
			for k := range j {
				v -= float64(row[k] * a[j*w+k])
			}
			if j < i {
				row[j] = v / a[j*w+j]
				continue
			}
			if !(v > 0) || math.IsInf(v, 0) {
				return 0, 0, false
			}
			row[i] = math.Sqrt(v)
			determinant += math.Log(v)
		}
		v := d[i]
		for k := range i {
			v -= float64(row[k] * d[k])
		}
		d[i] = v / row[i]
		squared += d[i] * d[i]
	}
	return squared, determinant, !math.IsNaN(squared) && !math.IsInf(squared, 0)
}
