package attack

import (
	"fmt"
	"math"

	"tribune"
)

// OneSided is LiRA's offline form (Carlini et al. 2022, 2112.03570, 4.2) on one number: how far what was seen of a record lies above what references that
// never saw it make of it, in units of its own spread, shrunk to that of all. What members look like is not learnt: where references are stand-ins,
// which remember less or more than the target, that is what they are wrong about.
type OneSided struct {
	Number int // which of the sheet's
}

// Name is "lira-offline".
func (OneSided) Name() string { return "lira-offline" }

// Score gives distances in standard deviations.
func (o OneSided) Score(s *Sheet) ([]float64, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if o.Number < 0 || o.Number >= s.Width {
		return nil, fmt.Errorf("%w: number %d of %d", tribune.ErrInvalid, o.Number, s.Width)
	}
	mean, square, count := make([]float64, s.Points), make([]float64, s.Points), make([]float64, s.Points)
	var all, squares, degrees float64
	for i := range s.Points {
		for m := 1; m < s.Models; m++ {
			if s.In(m, i) {
				continue
			}
			v := s.At(m, i)[o.Number]
			count[i]++
			d := v - mean[i]
			mean[i] += d / count[i]
			square[i] += d * (v - mean[i])
		}
		all += mean[i] * count[i]
		squares += square[i]
		degrees += max(0, count[i]-1)
	}
	seen := 0.0
	for _, n := range count {
		seen += n
	}
	if degrees < 1 {
		return nil, tribune.Hint(fmt.Errorf("%w: no record has two references that were not trained on it", tribune.ErrInvalid), "Train more reference models.")
	}
	spread, usual := squares/degrees, all/seen
	out := make([]float64, s.Points)
	for i := range out {
		if count[i] == 0 { // every reference saw it: what is usual for all
			mean[i] = usual
		}
		own := (shrink*spread + square[i]) / (shrink + max(0, count[i]-1))
		out[i] = (s.At(0, i)[o.Number] - mean[i]) / math.Sqrt(own+ridge*(1+spread))
	}
	return out, nil
}
