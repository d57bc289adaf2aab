package audit

import (
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/metric"
)

// recollection is how well the answer to a record's own class alone tells what a model was trained on from the rest: of the target, and of the references on
// average. Stand-ins that remember less than the target make a weaker attacker; references that remember nothing of what they are said to be trained on
// were trained on something else.
type recollection struct{ target, references float64 }

func (o *observation) recollect(member []bool) (r recollection, err error) {
	s := o.prediction.sheet
	if r.target, err = remembered(s, 0, func(i int) bool { return member[i] }); err != nil {
		return r, err
	}
	for m := 1; m < s.Models; m++ {
		one, err := remembered(s, m, func(i int) bool { return s.In(m, i) })
		if err != nil {
			return r, fmt.Errorf("reference %d: %w", m, err)
		}
		r.references += one / float64(s.Models-1)
	}
	return r, nil
}

func remembered(s *attack.Sheet, m int, in func(int) bool) (float64, error) {
	of := metric.Sample{Score: make([]float64, s.Points), Member: make([]bool, s.Points)}
	for i := range of.Score {
		of.Score[i], of.Member[i] = s.At(m, i)[0], in(i)
	}
	if !slices.Contains(of.Member, true) || !slices.Contains(of.Member, false) {
		return 0.5, nil // nobody to tell apart
	}
	c, err := metric.NewCurve(of)
	if err != nil {
		return 0, err
	}
	return c.AUC(), nil
}

func (r recollection) String() string {
	return fmt.Sprintf("by loss alone the model's training records are told from others at an area of %.3f, the references' own at %.3f", r.target, r.references)
}

// check refuses references from elsewhere that do not remember their halves. Half the pool is at most about what the target was trained on, so that references
// trained alike remember no less; a quarter of what the target does is asked for, and of one that hardly remembers nothing is.
func (r recollection) check() error {
	if past := r.target - 0.5; past < 0.02 || r.references-0.5 >= past/4 {
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: the references do not remember what they are said to be trained on: %v", tribune.ErrInvalid, r),
		"train reference-N as the model was, on the records that have 1 under reference-N in halves.csv and on no others")
}
