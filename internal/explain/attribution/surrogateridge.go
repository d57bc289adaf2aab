package attribution

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"tribune"
)

// chosen are the inputs that are fitted: all, or the Features whose part in the answer is largest in a first fit.
func (f *surrogate) chosen(own []float64) []int {
	all := make([]int, len(own))
	for j := range all {
		all[j] = j
	}
	if f.l.Features <= 0 || f.l.Features >= len(own) {
		return all
	}
	first, err := f.ridge(all, selectPenalty)
	if err != nil {
		return all // a fit that fails here fails again where it is reported
	}
	part := func(j int) float64 { return math.Abs(first[j] * own[j]) }
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(part(b), part(a)) })
	all = all[:f.l.Features]
	slices.Sort(all)
	return all
}

// solve gives a coefficient for every input, 0 for those that were not chosen.
func (f *surrogate) solve(chosen []int) ([]float64, error) {
	some, err := f.ridge(chosen, positive(f.l.Ridge, 1))
	if err != nil {
		return nil, err
	}
	beta := make([]float64, f.h.inputs)
	for i, j := range chosen {
		beta[j] = some[i]
	}
	return beta, nil
}

// ridge solves (Z'WZ - total zz' + penalty) beta = Z'Wy - total z y, with z and y the weighted means: the intercept is not penalized.
func (f *surrogate) ridge(chosen []int, penalty float64) ([]float64, error) {
	k, d := len(chosen), f.h.inputs
	a, b := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i, p := range chosen {
		for j := i; j < k; j++ {
			q := chosen[j]
			v := f.cross.Data[p*d+q] - f.sums[p]*f.sums[q]/f.total
			if i == j {
				v += penalty
			}
			a.SetSym(i, j, v)
		}
		b.SetVec(i, f.with[p]-f.sums[p]*f.sumY/f.total)
	}
	var factor mat.Cholesky
	if !factor.Factorize(a) {
		return nil, fmt.Errorf("the regression has no solution: the kernel is too narrow for the samples: %w", tribune.ErrInvalid)
	}
	var beta mat.VecDense
	if err := factor.SolveVecTo(&beta, b); err != nil {
		return nil, fmt.Errorf("the regression is ill-conditioned: %w", tribune.ErrInvalid)
	}
	return beta.RawVector().Data, nil
}
