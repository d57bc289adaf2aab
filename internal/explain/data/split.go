package data

import (
	"fmt"
	"math/rand/v2"

	"tribune"
)

// Split says which rows of a table (from 0) train a model and which never do.
type Split struct {
	Name        string
	Train, Test []int
	Defects     []string // what is known to be wrong with it: a split of the paper's, made again to measure that
}

// seeded gives every purpose its own stream of one seed.
func seeded(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

const (
	purposeRow = iota + 1
	purposePerson
	purposeReplacement
)

// ByRow draws train and test rows from those given, none twice.
func ByRow(rows []int, train, test int, seed uint64) (Split, error) {
	if train < 1 || test < 0 || train+test > len(rows) {
		return Split{}, fmt.Errorf("splitting by row: %d + %d of %d rows: %w", train, test, len(rows), tribune.ErrInvalid)
	}
	drawn := shuffled(rows, seeded(seed, purposeRow))
	return Split{Name: "row", Train: drawn[:train:train], Test: drawn[train : train+test]}, nil
}

// ByPerson draws persons, and of each every row given: nobody stands on both sides. Sides are as near to their sizes as whole persons allow, never over.
// Rows of nobody known count as a person each.
func ByPerson(rows []int, persons []uint64, train, test int, seed uint64) (Split, error) {
	if persons == nil {
		return Split{}, fmt.Errorf("splitting by person: the table has no persons: %w", tribune.ErrInvalid)
	}
	s := Split{Name: "person"}
	for _, of := range byPerson(rows, persons, seed) {
		switch {
		case len(s.Train)+len(of) <= train:
			s.Train = append(s.Train, of...)
		case len(s.Test)+len(of) <= test:
			s.Test = append(s.Test, of...)
		}
	}
	if len(s.Train) == 0 || len(s.Test) == 0 && test > 0 {
		return Split{}, fmt.Errorf("splitting by person: %d + %d of %d rows: %w", train, test, len(rows), tribune.ErrInvalid)
	}
	return s, nil
}

// OncePerPerson keeps one of each person's rows, drawn.
func OncePerPerson(rows []int, persons []uint64, seed uint64) []int {
	r := seeded(seed, purposePerson+100)
	var out []int
	for _, of := range byPerson(rows, persons, seed) {
		out = append(out, of[r.IntN(len(of))])
	}
	return out
}

// byPerson groups rows, in an order that the seed decides.
func byPerson(rows []int, persons []uint64, seed uint64) [][]int {
	at := make(map[uint64]int, len(rows))
	var groups [][]int
	for _, row := range rows {
		p := persons[row]
		i, known := at[p]
		if !known || p == 0 {
			i = len(groups)
			at[p], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], row)
	}
	return shuffled(groups, seeded(seed, purposePerson))
}

// Balanced is ByRow with as many rows of each class. Where persons have several rows, give it OncePerPerson's: their rows may be of different classes.
func Balanced(rows []int, labels []int32, classes, train, test int, seed uint64) (Split, error) {
	of := make([][]int, classes)
	for _, r := range rows {
		of[labels[r]] = append(of[labels[r]], r)
	}
	out := Split{Name: "row, classes in balance"}
	for class, rows := range of {
		s, err := ByRow(rows, train/classes, test/classes, seed+uint64(class)<<32)
		if err != nil {
			return Split{}, fmt.Errorf("class %d: %w", class, err)
		}
		out.Train, out.Test = append(out.Train, s.Train...), append(out.Test, s.Test...)
	}
	return out, nil
}

// WithReplacement is the paper's threshold experiments' defect, on purpose: rows are drawn with replacement and only then split, so that some train and
// test at once and some train twice.
func WithReplacement(rows []int, train, test int, seed uint64) (Split, error) {
	if train < 1 || test < 0 || len(rows) == 0 {
		return Split{}, fmt.Errorf("splitting with replacement: %d + %d of %d rows: %w", train, test, len(rows), tribune.ErrInvalid)
	}
	r := seeded(seed, purposeReplacement)
	drawn := make([]int, train+test)
	for i := range drawn {
		drawn[i] = rows[r.IntN(len(rows))]
	}
	return Split{Name: "replacement", Train: drawn[:train:train], Test: drawn[train:],
		Defects: []string{"rows drawn with replacement before the split"}}, nil
}

func shuffled[T any](of []T, r *rand.Rand) []T {
	out := make([]T, len(of))
	for i, p := range r.Perm(len(of)) {
		out[i] = of[p]
	}
	return out
}
