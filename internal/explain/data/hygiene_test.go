package data

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

// crowd is n random records of some numbers and one-hot words.
func crowd(n int, seed uint64) Set {
	r := rand.New(rand.NewPCG(seed, 0))
	s := Set{X: matrix.New(n, 12), Y: make([]int, n)}
	for i := range n {
		row := s.X.Row(i)
		for j := range 4 {
			row[j] = r.Float32()
		}
		row[4+r.IntN(4)], row[8+r.IntN(4)] = 1, 1
		s.Person, s.Row = append(s.Person, r.Uint64()|1), append(s.Row, i+1)
	}
	return s
}

func find(h Hygiene, f Flaw) Finding {
	for _, g := range h.Findings {
		if g.Flaw == f {
			return g
		}
	}
	return Finding{}
}

// A split in which members stand among the non-members gives every attack false alarms it did not make.
func TestEveryPlantedFlawIsFoundCountedAndFatal(t *testing.T) {
	all := crowd(2_000, 1)
	var firsts, seconds []int
	for i := range 1_000 {
		firsts, seconds = append(firsts, i), append(seconds, 1_000+i)
	}
	clean := func() (Set, Set) { return all.Pick(firsts), all.Pick(seconds) }
	for name, c := range map[string]struct {
		plant func(train, test *Set)
		flaw  Flaw
		test  int
		train int
	}{
		"duplicate": {func(a, b *Set) { copy(b.X.Row(3), a.X.Row(7)); copy(b.X.Row(4), a.X.Row(7)) }, SameRecord, 2, 1},
		"near-duplicate": {func(a, b *Set) {
			copy(b.X.Row(3), a.X.Row(7))
			b.X.Row(3)[0] += 0.0002
			copy(b.X.Row(9), a.X.Row(8))
			b.X.Row(9)[1] -= 0.0002
		}, NearRecord, 2, 2},
		"person":               {func(a, b *Set) { b.Person[5], b.Person[6] = a.Person[1], a.Person[2] }, SamePerson, 2, 2},
		"row drawn twice":      {func(a, b *Set) { b.Row[5] = a.Row[1] }, SameRow, 1, 1},
		"repeated in training": {func(a, b *Set) { a.Row[5] = a.Row[1] }, RepeatedRow, 0, 1},
		"twins in training":    {func(a, b *Set) { copy(a.X.Row(5), a.X.Row(1)) }, RepeatedData, 0, 1},
		"person in training":   {func(a, b *Set) { a.Person[5] = a.Person[1] }, RepeatedOwner, 0, 1},
	} {
		train, test := clean()
		c.plant(&train, &test)
		h, err := Inspect(context.Background(), train, test, InspectOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := find(h, c.flaw)
		if len(h.Findings) != 1 || f.Test != c.test || f.Train != c.train || len(f.Examples) == 0 || f.Effect == "" {
			t.Errorf("%s: got %+v", name, h.Findings)
		}
		if fatal := errors.Is(h.Err(), tribune.ErrInvalid); fatal != (c.test > 0) {
			t.Errorf("%s: error %v", name, h.Err())
		}
		rest := h.Clean(test)
		if rest.X.Rows != test.X.Rows-c.test {
			t.Errorf("%s: %d of %d test rows are left", name, rest.X.Rows, test.X.Rows)
		}
		if again, err := Inspect(context.Background(), train, rest, InspectOptions{}); err != nil || again.Err() != nil {
			t.Errorf("%s: cleaned, and still %v, %v", name, again.Err(), err)
		}
		if len(h.Warnings()) != 1 || !strings.Contains(h.Warnings()[0], string(c.flaw)) {
			t.Errorf("%s: warnings %q", name, h.Warnings())
		}
	}
	train, test := clean()
	if h, err := Inspect(context.Background(), train, test, InspectOptions{}); err != nil || len(h.Findings) != 0 || h.Err() != nil {
		t.Errorf("a clean split: %+v, %v", h.Findings, err)
	}
}

func TestExamplesAreNumbersOfTheSourcesRows(t *testing.T) {
	train, test := crowd(50, 1), crowd(50, 2)
	for i := range test.Row {
		test.Row[i] += 1_000
	}
	copy(test.X.Row(3), train.X.Row(7))
	h, err := Inspect(context.Background(), train, test, InspectOptions{Near: -1})
	if err != nil || !slices.Equal(find(h, SameRecord).Examples, [][2]int{{8, 1_004}}) {
		t.Errorf("got %+v, %v", h.Findings, err)
	}
}

// The grid must give what comparing all pairs gives, at every radius.
func TestTheSearchMissesNoPairAndInventsNone(t *testing.T) {
	train, test := crowd(300, 3), crowd(300, 4)
	train.Person, test.Person = nil, nil
	for i := range test.Row {
		test.Row[i] += 1_000
	}
	scale := ranges(train.X)
	for _, near := range []float64{0.001, 0.02, 0.1, 0.5, 1} {
		h, err := Inspect(context.Background(), train, test, InspectOptions{Near: near})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range test.X.Rows {
			for j := range train.X.Rows {
				if distance(train.X.Row(j), test.X.Row(i), scale) <= h.Radius {
					want++
					break
				}
			}
		}
		if got := find(h, NearRecord).Test; got != want || near == 1 && want < 200 {
			t.Errorf("near %v: found %d, there are %d", near, got, want)
		}
	}
}

func TestASearchOverItsBudgetIsFatalAndNotSilent(t *testing.T) {
	train, test := crowd(300, 3), crowd(300, 4)
	h, err := Inspect(context.Background(), train, test, InspectOptions{Near: 1, Tests: 100})
	if err != nil || !find(h, Unchecked).Fatal || h.Err() == nil {
		t.Errorf("got %+v, %v", h.Findings, err)
	}
}

// The paper splits Diabetes-130 by encounter.
func TestEncountersOfOnePatientAcrossThePapersSplitAreFound(t *testing.T) {
	tab := hospital(t)
	inspect := func(s Split) Hygiene {
		train, test, err := tab.Split(s, FitOptions{Scale: Raw, Constant: true})
		if err != nil {
			t.Fatal(err)
		}
		h, err := Inspect(context.Background(), train, test, InspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	paper, err := PaperHospital(tab.Labels(), 2_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	if f := find(inspect(paper), SamePerson); f.Test < 100 || f.Test > 300 {
		t.Errorf("the paper's split: %+v", f)
	}
	own, err := Balanced(OncePerPerson(tab.Distinct(), tab.Persons(), 0), tab.Labels(), 2, 2_000, 2_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := inspect(own).Err(); err != nil {
		t.Errorf("one encounter per patient: %v", err)
	}
}
