package attack

import (
	"cmp"
	"fmt"
	"slices"

	"tribune"
)

// Threshold is the attack of Shokri, Strobel and Zick (1907.00164, 3.1): one number, larger or smaller than a threshold. Its side and its threshold
// are learned from the references, as an honest attacker must; the score is the signed distance from it, so that a score above 0 says "member".
type Threshold struct {
	Of     string // how the number is called: "loss", "explanation-variance"
	Number int    // which of the sheet's
}

// Name is "threshold-" and what the number is.
func (t Threshold) Name() string { return "threshold-" + t.Of }

// Score gives the signed distance from the threshold.
func (t Threshold) Score(s *Sheet) ([]float64, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if t.Number < 0 || t.Number >= s.Width {
		return nil, fmt.Errorf("%w: a threshold on number %d of %d", tribune.ErrInvalid, t.Number, s.Width)
	}
	var seen []observation
	for m := 1; m < s.Models; m++ {
		for i := range s.Points {
			seen = append(seen, observation{s.At(m, i)[t.Number], s.In(m, i)})
		}
	}
	at, sign := best(seen)
	scores := make([]float64, s.Points)
	for i := range scores {
		scores[i] = sign * (s.At(0, i)[t.Number] - at)
	}
	return scores, nil
}

// Optimal is the balanced accuracy of the best threshold on scores whose membership is known: not what an attacker can do, but the bound of what any
// threshold on this number could (the paper's "optimal threshold").
func Optimal(scores []float64, member []bool) float64 {
	seen := make([]observation, len(scores))
	for i, v := range scores {
		seen[i] = observation{v, member[i]}
	}
	at, sign := best(seen)
	var right, of [2]float64
	for _, o := range seen {
		side := 0
		if o.member {
			side = 1
		}
		of[side]++
		if (sign*(o.value-at) > 0) == o.member {
			right[side]++
		}
	}
	if of[0] == 0 || of[1] == 0 {
		return 0.5
	}
	return (right[0]/of[0] + right[1]/of[1]) / 2
}

type observation struct {
	value  float64
	member bool
}

// best finds the threshold and side (+1: members are above) of the highest balanced accuracy; ties go to the lowest threshold.
func best(seen []observation) (at, sign float64) {
	slices.SortFunc(seen, func(a, b observation) int { return cmp.Compare(a.value, b.value) })
	var members, others float64
	for _, o := range seen {
		if o.member {
			members++
		} else {
			others++
		}
	}
	if members == 0 || others == 0 {
		return 0, 1
	}
	at, sign = seen[0].value, 1
	var in, out, most float64 // of those at or below the threshold
	for i, o := range seen {
		if o.member {
			in++
		} else {
			out++
		}
		if i+1 < len(seen) && seen[i+1].value == o.value {
			continue
		}
		gain := out/others - in/members // 2 x (balanced accuracy - 1/2) where members are above
		middle := o.value
		if i+1 < len(seen) {
			middle = (o.value + seen[i+1].value) / 2
		}
		if gain > most {
			most, at, sign = gain, middle, 1
		}
		if -gain > most {
			most, at, sign = -gain, middle, -1
		}
	}
	return at, sign
}
