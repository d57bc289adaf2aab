package attack

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"tribune"
)

// RMIA is the robust membership inference attack (Zarifzadeh, Liu, Shokri 2024, 2312.03262): a record is a likely member where the target answers it
// better, compared with the references, than it answers most records of the population. Its answer is the share of the population that a record
// beats. On one number it is the paper's, with gamma 1 and the logit in place of the probability; on several they are weighed as the references
// themselves are best told apart (Fisher's direction), each in turn playing the target.
type RMIA struct{}

// Name is "rmia".
func (RMIA) Name() string { return "rmia" }

// Score gives shares of the population, 0 to 1.
func (RMIA) Score(s *Sheet) ([]float64, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := newAside(s)
	weights, err := a.direction()
	if err != nil {
		return nil, err
	}
	ratios := make([]float64, s.Points)
	for i := range ratios {
		ratios[i] = along(weights, a.beyond(0, i))
	}
	order := slices.Sorted(slices.Values(ratios))
	scores := make([]float64, s.Points)
	for i, r := range ratios {
		below, _ := slices.BinarySearch(order, r)
		scores[i] = float64(below) / float64(s.Points)
	}
	return scores, nil
}

// aside is what was seen of records less what references see of them.
type aside struct {
	s     *Sheet
	total []float64 // Points x Width: over all references
	d     []float64
}

func newAside(s *Sheet) *aside {
	a := &aside{s: s, total: make([]float64, s.Points*s.Width), d: make([]float64, s.Width)}
	size := s.Points * s.Width
	for m := 1; m < s.Models; m++ {
		for i, v := range s.Values[m*size : (m+1)*size] {
			a.total[i] += v
		}
	}
	return a
}

// beyond is what was seen of a record under a model, less what the other references see of it on average. It is overwritten by the next.
func (a *aside) beyond(m, point int) []float64 {
	own, total := a.s.At(m, point), a.total[point*a.s.Width:]
	for f, v := range own {
		if m == 0 {
			a.d[f] = v - total[f]/float64(a.s.Models-1)
		} else {
			a.d[f] = v - (total[f]-v)/float64(a.s.Models-2)
		}
	}
	return a.d
}

// direction weighs the numbers so that members and others of the references come apart most.
func (a *aside) direction() ([]float64, error) {
	s := a.s
	var mean [2][]float64
	var count [2]int
	for side := range mean {
		mean[side] = make([]float64, s.Width)
	}
	each := func(visit func(side int, d []float64)) {
		for m := 1; m < s.Models; m++ {
			for i := range s.Points {
				visit(s.side(m, i), a.beyond(m, i))
			}
		}
	}
	each(func(side int, d []float64) {
		count[side]++
		for f, v := range d {
			mean[side][f] += v
		}
	})
	if count[0] == 0 || count[1] == 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: the references were all trained on the same records", tribune.ErrInvalid), "Train each on another half of the records.")
	}
	within := mat.NewSymDense(s.Width, nil)
	diff := mat.NewVecDense(s.Width, nil)
	for f := range s.Width {
		mean[0][f] /= float64(count[0])
		mean[1][f] /= float64(count[1])
		diff.SetVec(f, mean[1][f]-mean[0][f])
	}
	x, squares := make([]float64, s.Width), make([]float64, s.Width*s.Width)
	each(func(side int, d []float64) {
		for f, v := range d {
			x[f] = v - mean[side][f]
			for g := 0; g <= f; g++ {
				squares[f*s.Width+g] += float64(x[f] * x[g])
			}
		}
	})
	for f := range s.Width {
		for g := 0; g <= f; g++ {
			within.SetSym(g, f, squares[f*s.Width+g]/float64(count[0]+count[1]))
		}
	}
	for f := range s.Width {
		within.SetSym(f, f, within.At(f, f)*(1+ridge)+ridge)
	}
	var chol mat.Cholesky
	var w mat.VecDense
	if !chol.Factorize(within) {
		return nil, fmt.Errorf("%w: what the references saw has no covariance that can be inverted", tribune.ErrInvalid)
	}
	if err := chol.SolveVecTo(&w, diff); err != nil {
		return nil, fmt.Errorf("weighing what was seen: %w", err)
	}
	return w.RawVector().Data, nil
}

func along(weights, d []float64) (sum float64) {
	for f, w := range weights {
		sum += w * d[f]
	}
	return sum
}
