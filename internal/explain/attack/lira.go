package attack

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

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
	sides, err := worlds(s)
	if err != nil {
		return nil, err
	}
	scores := make([]float64, s.Points)
	for i := range scores {
		in, err := sides[1].likelihood(s, i)
		if err != nil {
			return nil, err
		}
		out, err := sides[0].likelihood(s, i)
		if err != nil {
			return nil, err
		}
		scores[i] = in - out
	}
	return scores, nil
}

// world is one of the two that a record may live in: it was a member, or it was not.
type world struct {
	member bool
	shift  []float64     // mean over all records of what members differ by; for records that no reference saw in this world
	spread *mat.SymDense // of all records around their own means
}

// worlds fits what all records have in common: [0] not a member, [1] a member.
func worlds(s *Sheet) (w [2]world, err error) {
	var shift []float64
	for side := range w {
		w[side].member = side == 1
		w[side].spread = mat.NewSymDense(s.Width, nil)
		seen := 0
		for i := range s.Points {
			seen += scatter(s, i, w[side].member, w[side].spread)
		}
		if seen < 1 {
			return w, tribune.Hint(fmt.Errorf("%w: no record has two references that were trained on it, and two that were not", tribune.ErrInvalid), "Train more reference models.")
		}
		w[side].spread.ScaleSym(1/float64(seen), w[side].spread)
	}
	shift = meanShift(s)
	w[1].shift = shift
	w[0].shift = make([]float64, s.Width)
	for f, v := range shift {
		w[0].shift[f] = -v
	}
	return w, nil
}

// center is the mean of what references of one side saw of a record, and how many they are.
func center(s *Sheet, point int, member bool) (mean []float64, n int) {
	mean = make([]float64, s.Width)
	for m := 1; m < s.Models; m++ {
		if s.In(m, point) == member {
			n++
			for f, v := range s.At(m, point) {
				mean[f] += v
			}
		}
	}
	for f := range mean {
		mean[f] /= float64(max(n, 1))
	}
	return mean, n
}

// scatter adds a record's squared distances from its own mean, and gives their degrees of freedom.
func scatter(s *Sheet, point int, member bool, to *mat.SymDense) int {
	mean, n := center(s, point, member)
	if n < 2 {
		return 0
	}
	d := mat.NewVecDense(s.Width, nil)
	for m := 1; m < s.Models; m++ {
		if s.In(m, point) != member {
			continue
		}
		for f, v := range s.At(m, point) {
			d.SetVec(f, v-mean[f])
		}
		to.SymRankOne(to, 1, d)
	}
	return n - 1
}

// meanShift is what membership changes on average, over the records that references saw in both worlds.
func meanShift(s *Sheet) []float64 {
	shift, n := make([]float64, s.Width), 0
	for i := range s.Points {
		in, a := center(s, i, true)
		out, b := center(s, i, false)
		if a == 0 || b == 0 {
			continue
		}
		n++
		for f := range shift {
			shift[f] += in[f] - out[f]
		}
	}
	for f := range shift {
		shift[f] /= float64(max(n, 1))
	}
	return shift
}

// likelihood is the logarithm of a Gaussian's density at what was seen of a record under the target.
func (w world) likelihood(s *Sheet, point int) (float64, error) {
	mean, n := center(s, point, w.member)
	if n == 0 { // nobody saw it in this world: from the other one
		mean, _ = center(s, point, !w.member)
		for f := range mean {
			mean[f] += w.shift[f]
		}
	}
	own := mat.NewSymDense(s.Width, nil)
	degrees := scatter(s, point, w.member, own)
	cov := mat.NewSymDense(s.Width, nil)
	for a := range s.Width {
		for b := a; b < s.Width; b++ {
			v := (shrink*w.spread.At(a, b) + own.At(a, b)) / float64(shrink+degrees)
			if a == b {
				v += ridge * (1 + w.spread.At(a, a))
			}
			cov.SetSym(a, b, v)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return 0, fmt.Errorf("%w: what was seen of record %d has no covariance that can be inverted", tribune.ErrInvalid, point)
	}
	d := mat.NewVecDense(s.Width, nil)
	for f, v := range s.At(0, point) {
		d.SetVec(f, v-mean[f])
	}
	var solved mat.VecDense
	if err := chol.SolveVecTo(&solved, d); err != nil {
		return 0, fmt.Errorf("fitting record %d: %w", point, err)
	}
	l := -0.5*mat.Dot(d, &solved) - 0.5*chol.LogDet()
	if math.IsNaN(l) || math.IsInf(l, 0) {
		return 0, fmt.Errorf("%w: the likelihood of record %d is not a number", tribune.ErrInvalid, point)
	}
	return l, nil
}
